// `autobahn.js sample | all`: the Autobahn test suite against a page in Chromium, by path and by name, and controls
// that have to fail. Prints facts; exits with 0 only if all of it came out as it should.

import { fact } from "../show/facts.mjs";
import {
  faults, GROUPS, list, outcomes, patterns, perGroup, SAMPLE, SMALL_GROUPS, SMALL_SAMPLE,
} from "./autobahn-verdict.js";
import { fuzz, openEchoPage, startBrokenServer } from "./autobahn-rig.js";
import { launchChromium } from "./driver.js";
import { startGateway } from "./gateway.js";

/** A page that changes a byte fails these. */
const SPOILED = ["1.1.2", "1.2.2"];
/** Broken servers: what each fails, and in which respect. */
const BROKEN = /** @type {const} */ ([
  ["pong", "2.2", /^2\.2: FAILED/],
  ["utf8", "6.3.1", /^6\.3\.1: FAILED/],
  ["close", "1.1.2", /^1\.1\.2: close: /],
]);
/** One message in 65,536 frames, four times what a listener takes by default. */
const FRAGMENTS = "9.3.1";

/** A sample is for a command that people run all day. */
const SAMPLE_CASES = 40;
/** How many of the slowest cases are named. */
const SLOWEST = 5;

const scope = process.argv[2];
if (scope !== "sample" && scope !== "all") {
  console.error("usage: autobahn.js sample | all");
  process.exit(2);
}
/** @type {string[]} */
const wrong = [];
let cases = 0;
const gateway = await startGateway();
const browser = await launchChromium();
try {
  fact({ chromium: browser.version, node: process.version, scope });
  await echo();
  await controls();
} finally {
  // Before the pages, which it would have to wait for.
  const { code, signal } = await gateway.stop();
  await browser.close();
  if (code !== 0) wrong.push(`the gateway ended with ${signal ?? code}`);
}
fact({ cases_in_all: cases });
if (scope === "sample" && cases > SAMPLE_CASES) wrong.push(`${cases} cases are no sample: ${SAMPLE_CASES} at most`);
for (const line of wrong) console.error(line);
process.exit(wrong.length ? 1 : 0);

async function echo() {
  const page = await openEchoPage(browser, gateway);
  const byName = { url: page.url, dial: /** @type {[string, number]} */ (["127.0.0.1", gateway.port]) };
  const wanted = scope === "all" ? GROUPS : SAMPLE;
  const summary = await run("by_path", { url: page.pathUrl }, wanted);
  await run("by_name", byName, scope === "all" ? SMALL_GROUPS : SMALL_SAMPLE);
  wrong.push(...page.errors.map((error) => `thrown in the page: ${error}`));
  const lost = { ...summary, results: summary.results.slice(1) };
  control("case_left_out", faults(lost, wanted), [/ was not run$/, /^group 1: /]);
}

async function controls() {
  const spoiled = await openEchoPage(browser, gateway, { spoiled: true });
  const changed = await visit({ url: spoiled.pathUrl }, SPOILED);
  control("page_changes_a_byte", faults(changed, SPOILED), [/^1\.1\.2: FAILED/, /^1\.2\.2: FAILED/]);
  for (const [broken, id, fault] of BROKEN) {
    const server = await startBrokenServer(broken);
    control(`server_breaks_${broken}`, faults(await visit(server, [id]), [id]), [fault]);
    server.stop();
  }
  if (scope === "all") {
    const usual = await openEchoPage(browser, gateway, { limits: {} });
    const cut = await visit({ url: usual.pathUrl }, [FRAGMENTS]);
    control("page_with_default_limits", faults(cut, [FRAGMENTS]), [/^9\.3\.1: FAILED/]);
  }
}

/**
 * @param {string} name @param {{ url: string, dial?: [string, number] }} server
 * @param {Record<string, number> | string[]} wanted
 */
async function run(name, server, wanted) {
  const start = performance.now();
  const summary = await visit(server, wanted);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const { results, versions } = summary;
  const slowest = [...results].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  fact({ run: name, url: server.url, cases: results.length, ...outcomes(results), seconds });
  fact({ run: name, cases_per_group: list(perGroup(results.map(({ id }) => id))) });
  fact({ run: name, slowest_ms: list(Object.fromEntries(slowest.map(({ id, ms }) => [id, ms]))) });
  if (name === "by_path") fact(versions);
  wrong.push(...faults(summary, wanted).map((fault) => `${name}: ${fault}`));
  return summary;
}

/** @param {{ url: string, dial?: [string, number] }} server @param {Record<string, number> | string[]} wanted */
async function visit({ url, dial }, wanted) {
  const summary = await fuzz({ url, dial, cases: patterns(wanted) });
  cases += summary.results.length;
  return summary;
}

/** Something is wrong here on purpose: it has to be found, and all of it. */
function control(name, found, expected) {
  const missed = expected.filter((pattern) => !found.some((fault) => pattern.test(fault)));
  fact({ control: name, verdict: missed.length ? "passes" : "fails", because: found[0] ?? "nothing" });
  wrong.push(...missed.map((pattern) => `the control ${name} was not caught: no fault like ${pattern}`));
}
