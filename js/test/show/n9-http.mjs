// Bad input on the carrier `http` against the release binary: every case with what was expected and what came, beside a page in
// Chromium and its visitor that go on talking; then floods, under which memory has to stay flat.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GROUPS, runCase } from "../browser/bad-input.js";
import { startBystander } from "../browser/bystander.js";
import { launchChromium } from "../browser/driver.js";
import { floods } from "../browser/http-floods.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { fact, table } from "./facts.mjs";

const runtime = mkdtempSync(join(tmpdir(), "pageport-show-"));
const site = await startSite();
const gateway = await startGateway({ env: { XDG_RUNTIME_DIR: runtime, PAGEPORT_LIMITS__DRAIN: "1s", PAGEPORT_LIMITS__ACCEPT_TIMEOUT: "30s" } });
const browser = await launchChromium();
let failures = 0;
const fail = (/** @type {string} */ words) => (failures++, console.log(`FAILED ${words}`));
try {
  const bystander = await startBystander(browser, gateway, site);
  const world = {
    url: gateway.url.replace("localhost", "127.0.0.1"),
    origin: "http://localhost:1234",
    token: readFileSync(join(runtime, `pageport/dev-${gateway.port}.token`), "utf8"),
    name: bystander.name,
    helloTimeout: 10_000,
  };
  fact({ gateway: gateway.url, pid: gateway.pid, bystander: `chromium ${browser.version}` });

  const cases = ["carriers", "attaching", "frames", "streams"].flatMap((group) =>
    GROUPS[group].filter(({ kinds }) => kinds.includes("http")).map((one) => ({ group, one })),
  );
  const run = (/** @type {{ group: string, one: import("../browser/bad-frames.js").Case }} */ { group, one }) =>
    runCase(group, one, "http", world, bystander);
  // Those that take long by their nature run beside the others.
  const slow = cases.filter(({ one }) => one.ms).map(run);
  const results = [];
  for (const one of cases.filter(({ one }) => !one.ms)) results.push(await run(one));
  results.push(...(await Promise.all(slow)));
  table(
    ["group", "case", "expected", "got", "bystander", ""],
    results.map(({ group, name, expected, got, bystander, passed }) => [
      group,
      name,
      expected,
      got === expected ? "the same" : got,
      bystander,
      passed ? "ok" : "WRONG",
    ]),
  );
  for (const { name, expected, got, bystander } of results.filter(({ passed }) => !passed))
    fail(`${name}: ${expected}, got ${got}; bystander ${bystander}`);
  const codes = new Set(results.flatMap(({ got }) => got.match(/ERR_\w+/g) ?? []));
  fact({ carrier: "http", runs: results.length, codes: [...codes].sort().join(",") });

  const wrong = await run({ group: "control", one: { ...GROUPS.carriers[1], expected: "204" } });
  fact({ control: "another answer is expected", got: wrong.got, verdict: wrong.passed ? "passes" : "fails" });
  if (wrong.passed) fail("control: a wrong expectation passed");

  const echoing = setInterval(() => bystander.echo().then((trouble) => trouble && fail(`bystander: ${trouble}`)), 250);
  for (const { name, seen, growth, limit, right } of await floods(world, gateway.pid)) {
    fact({ flood: name, seen, grew_bytes: growth, limit_bytes: limit, verdict: right ? "flat" : "NOT FLAT" });
    if (!right) fail(`${name}: ${seen}, memory grew by ${growth}`);
  }
  clearInterval(echoing);
  const health = await fetch(`${gateway.admin}/healthz`);
  const panicked = /panicked/.test(gateway.log());
  fact({ bystander_echoes: bystander.echoes, healthz: health.status, panics: panicked ? "yes" : "none" });
  if (health.status !== 200 || panicked) fail("the gateway was harmed");
  await bystander.close();
} finally {
  await browser.close();
  site.close();
  await gateway.stop();
  rmSync(runtime, { recursive: true, force: true });
}
if (failures) {
  console.log(`${failures} of what has to be seen was not`);
  process.exit(1);
}
