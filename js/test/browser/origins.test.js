// Whoever comes from another origin than the allowed ones, or from none and without a credential, gets nothing done, by every carrier and every dialect: a
// server that counts stays alone. In Chromium pages of listeners' origins try it, too.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTarget } from "../servers/counted.js";
import { startGateway } from "./gateway.js";
import { BARREN } from "./origin-doors.js";
import { admissions, configOf, DOORS, expected, placeOf, refusals } from "./origin-matrix.js";
import { BASE, FOREIGN, FOREIGN_IN_DEV } from "./origin-vectors.js";
import { startSite } from "./site.js";
import { BASES, trespassing } from "./trespass.js";

/** @type {Awaited<ReturnType<typeof startTarget>>} */
let target;
before(async () => {
  target = await startTarget();
});
after(() => target.close());

describe("a gateway with one allowed origin", { timeout: 60_000 }, () => {
  let gateway;
  before(async () => {
    gateway = await startGateway({ config: configOf([target]) });
  });
  after(() => gateway?.kill());

  test("lets whoever shows that origin, or the token, reach the server through every door, and nobody else", async () => {
    const before = target.connections();
    const rows = await admissions(placeOf(gateway, target));
    for (const [name, row] of Object.entries(rows)) assert.deepEqual(row, expected(name), name);
    const reached = Object.values(rows).flatMap((row) => Object.values(row)).filter((said) => said === "reached");
    assert.equal(target.connections() - before, reached.length);
    assert.equal(reached.length, 2 * (Object.keys(DOORS).length - BARREN.length) - 2);
  });

  test("refuses what looks like it, a good token notwithstanding, before anybody is reached", async () => {
    const before = target.connections();
    const { tried, faults } = await refusals(placeOf(gateway, target), FOREIGN);
    assert.deepEqual(faults, []);
    assert.ok(tried > 1_000, `${tried} were tried`);
    assert.equal(target.connections(), before);
  });
});

test("`dev` refuses what looks like this machine's pages", { timeout: 60_000 }, async () => {
  const gateway = await startGateway({ args: ["--allow", `tcp://127.0.0.1:${target.port}`] });
  const before = target.connections();
  const { faults } = await refusals({ ...placeOf(gateway, target), host: `localhost:${gateway.port}` }, FOREIGN_IN_DEV, DOORS, [undefined]);
  await gateway.kill();
  assert.deepEqual(faults, []);
  assert.equal(target.connections(), before);
});

test("a gateway without a configuration leads nobody anywhere", { timeout: 60_000 }, async () => {
  const gateway = await startGateway({ command: ["gateway"], env: { PAGEPORT_LISTEN: "127.0.0.1:0", PAGEPORT_ADMIN: "127.0.0.1:0" } });
  const before = target.connections();
  const rows = await admissions({ ...placeOf(gateway, target), host: `localhost:${gateway.port}` });
  await gateway.kill();
  const said = Object.values(rows).flatMap((row) => Object.values(row));
  assert.ok(!said.includes("reached"), JSON.stringify(rows));
  assert.equal(target.connections(), before);
});

describe("a page of a listener's origin, in Chromium", { timeout: 60_000 }, () => {
  let site;
  before(async () => {
    site = await startSite();
  });
  after(() => site?.close());

  for (const base of BASES) {
    test(`under ${base} finds every way closed that is open to the page beside it`, async () => {
      const before = target.connections();
      const { origin, allowed, there, here } = await trespassing(base, site, target);
      assert.match(origin, new RegExp(`^http://[a-z0-9]+\\.${base}:\\d+$`));
      // Pages over plain HTTP that are not of this machine have no WebTransport.
      const closed = Object.entries(allowed).filter(([, said]) => said !== "reached");
      assert.deepEqual(closed, base === BASE ? [["webtransport", "not in this page"]] : []);
      for (const [way, said] of [...Object.entries(there), ...Object.entries(here)]) assert.notEqual(said, "reached", way);
      assert.equal(target.connections() - before, 5);
    });
  }
});
