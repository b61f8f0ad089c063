// Bad input over real sockets: every case gets its documented code, and costs nobody else anything. A page in Chromium
// and its visitor go on talking beside all of it.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GROUPS, runAll, runCase } from "./bad-input.js";
import { startBystander } from "./bystander.js";
import { launchChromium } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";

const HELLO_TIMEOUT_MS = 1_000;
// What takes longer is for the proof, with the limits as they are by default.
const WITHIN_MS = 20_000;
/** More may be added, none may get lost. */
const LEAST_RUNS = 484;

const runtime = mkdtempSync(join(tmpdir(), "pageport-test-"));
let gateway;
let site;
let browser;
let bystander;
let world;

before(async () => {
  site = await startSite();
  gateway = await startGateway({
    env: {
      XDG_RUNTIME_DIR: runtime,
      PAGEPORT_LIMITS__HELLO_TIMEOUT: `${HELLO_TIMEOUT_MS}ms`,
      PAGEPORT_LIMITS__DRAIN: "1s",
    },
  });
  browser = await launchChromium();
  bystander = await startBystander(browser, gateway, site);
  world = worldOf(gateway, bystander);
});
after(async () => {
  await bystander?.close();
  await browser?.close();
  site?.close();
  await gateway?.stop();
  rmSync(runtime, { recursive: true, force: true });
});

test("every case has its documented code, and a good page and its visitor notice nothing", async (t) => {
  const results = await runAll(world, bystander, WITHIN_MS);
  const runs = Object.keys(GROUPS).map((group) => [group, results.filter((result) => result.group === group).length]);
  t.diagnostic(`runs: ${JSON.stringify(Object.fromEntries(runs))}`);
  const failed = results.filter(({ passed }) => !passed);
  assert.deepEqual(
    failed.map(({ kind, name, expected, got, bystander }) => `${name} (${kind}): ${expected} / ${got} / ${bystander}`),
    [],
  );
  assert.ok(results.length >= LEAST_RUNS, `${results.length} runs`);
  assert.equal(bystander.echoes, results.length);
  assert.doesNotMatch(gateway.log(), /panicked/);
});

test("a wrong expectation, and a bystander that was harmed, are found", async () => {
  const [gap] = GROUPS.frames.filter(({ name }) => /^a gap at/.test(name));
  const other = await runCase(
    "frames",
    { ...gap, expected: gap.expected.replace("GAP", "FLOW_CONTROL") },
    "bytes",
    world,
    bystander,
  );
  assert.deepEqual([other.passed, other.got], [false, gap.expected]);
  const harmed = await runCase("frames", gap, "bytes", world, {
    echo: async () => "its connection was closed with 1006",
  });
  assert.equal(harmed.passed, false);
});

function worldOf({ url, port }, { name }) {
  return {
    url: url.replace("localhost", "127.0.0.1"),
    origin: "http://localhost:1234",
    token: readFileSync(join(runtime, `pageport/dev-${port}.token`), "utf8"),
    name,
    helloTimeout: HELLO_TIMEOUT_MS,
  };
}
