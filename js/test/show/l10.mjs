// Bad input against the release binary with its default limits, over real sockets and every kind of carrier: what was
// expected, what came, and whether a good page in Chromium and its visitor went on talking. Wrong expectations have to
// be reported.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GROUPS, runAll, runCase } from "../browser/bad-input.js";
import { startBystander } from "../browser/bystander.js";
import { launchChromium } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { fact, table } from "./facts.mjs";

const runtime = mkdtempSync(join(tmpdir(), "pageport-show-"));
const site = await startSite();
// Limits are the defaults, of which `dev` has one of its own; only the end need not wait for the sessions that cases leave behind.
const env = { XDG_RUNTIME_DIR: runtime, PAGEPORT_LIMITS__DRAIN: "1s", PAGEPORT_LIMITS__ACCEPT_TIMEOUT: "30s" };
const gateway = await startGateway({ env });
const browser = await launchChromium();
let failures = 0;
const fail = (words) => (failures++, console.log(`FAILED ${words}`));
try {
  const bystander = await startBystander(browser, gateway, site);
  const world = {
    url: gateway.url.replace("localhost", "127.0.0.1"),
    origin: "http://localhost:1234",
    token: readFileSync(join(runtime, `pageport/dev-${gateway.port}.token`), "utf8"),
    name: bystander.name,
    helloTimeout: 10_000,
  };
  fact({ gateway: gateway.url, pid: gateway.pid, bystander: `chromium ${browser.version}`, visitor: "ws" });

  const results = await runAll(world, bystander);
  for (const group of Object.keys(GROUPS)) {
    const rows = results.filter((result) => result.group === group);
    console.log(`\n${group}\n`);
    table(
      ["case", "over", "expected", "got", "bystander", ""],
      rows.map(({ name, kind, expected, got, bystander, passed }) => [
        name,
        kind,
        expected,
        got === expected ? "the same" : got,
        bystander,
        passed ? "ok" : "WRONG",
      ]),
    );
    fact({
      group,
      cases: GROUPS[group].length,
      runs: rows.length,
      as_expected: rows.filter(({ passed }) => passed).length,
    });
  }
  for (const { name, kind, expected, got, bystander } of results.filter(({ passed }) => !passed))
    fail(`${name} (${kind}): ${expected}, got ${got}; bystander ${bystander}`);
  const codes = new Set(results.flatMap(({ got }) => got.match(/ERR_\w+/g) ?? []));
  fact({ runs: results.length, different_codes_seen: codes.size, codes: [...codes].sort().join(",") });

  await controls(world, bystander);
  const health = await fetch(`${gateway.admin}/healthz`);
  fact({
    bystander_echoes: bystander.echoes,
    its_connections: 1,
    healthz: health.status,
    panics: /panicked/.test(gateway.log()) ? "yes" : "none",
  });
  if (health.status !== 200 || /panicked/.test(gateway.log())) fail("the gateway was harmed");
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

/** A case whose expectation is wrong must not pass, and none may pass while the bystander is gone. */
async function controls(world, bystander) {
  const gap = GROUPS.frames.find(({ name }) => name === "a gap at the beginning of a stream");
  const good = GROUPS.frames.find(({ name }) => name === "100 unknown frames that may be skipped");
  if (!gap || !good) return fail("the cases of the controls are gone");
  const wrong = await runCase(
    "control",
    { ...gap, expected: gap.expected.replace("GAP", "FLOW_CONTROL") },
    "websocket",
    world,
    bystander,
  );
  const tolerant = await runCase("control", { ...good, expected: gap.expected }, "bytes", world, bystander);
  const harmed = await runCase("control", gap, "bytes", world, {
    echo: async () => "its connection was closed with 1006",
  });
  for (const [control, { passed, got }] of Object.entries({
    "another code is expected": wrong,
    "an end is expected where none comes": tolerant,
    "the bystander is gone": harmed,
  })) {
    fact({ control, got, verdict: passed ? "passes" : "fails" });
    if (passed) fail(`control: ${control}`);
  }
}
