// `autobahn-client.js sample | all`: the Autobahn test suite as the server of our WebSocket in a Chromium page, through the gateway,
// and controls that have to fail. Prints facts; exits with 0 only if all of it came out as it should.

import { fact } from "../show/facts.mjs";
import { RAISED, serveCases } from "./autobahn-rig.js";
import { CLIENT_SAMPLE, faults, GROUPS, list, outcomes, patterns, perGroup } from "./autobahn-verdict.js";
import { launchChromium } from "./driver.js";
import { startGateway } from "./gateway.js";

/** A page that changes a byte fails this one, one with the usual limits that one: 65,536 frames. */
const SPOILED = ["1.1.2"];
const FRAGMENTS = ["9.3.1"];

/** A sample is for a command that people run all day. */
const SAMPLE_CASES = 20;

const scope = process.argv[2];
if (scope !== "sample" && scope !== "all") {
  console.error("usage: autobahn-client.js sample | all");
  process.exit(2);
}
/** @type {string[]} */
const wrong = [];
let cases = 0;
const browser = await launchChromium();
try {
  fact({ chromium: browser.version, node: process.version, scope, role: "client" });
  const wanted = scope === "all" ? GROUPS : CLIENT_SAMPLE;
  const start = performance.now();
  const summary = await run(wanted);
  const { results, versions } = summary;
  fact({ run: "client", cases: results.length, ...outcomes(results), seconds: ((performance.now() - start) / 1000).toFixed(1) });
  fact({ run: "client", cases_per_group: list(perGroup(results.map(({ id }) => id))) });
  fact(versions);
  wrong.push(...faults(summary, wanted));
  control("case_left_out", faults({ ...summary, results: results.slice(1) }, wanted), [/ was not run$/]);
  control("page_changes_a_byte", faults(await run(SPOILED, { spoiled: true }), SPOILED), [/^1\.1\.2: FAILED/]);
  if (scope === "all") control("page_with_default_limits", faults(await run(FRAGMENTS, { limits: {} }), FRAGMENTS), [/^9\.3\.1: FAILED/]);
} finally {
  await browser.close();
}
fact({ cases_in_all: cases });
if (scope === "sample" && cases > SAMPLE_CASES) wrong.push(`${cases} cases are no sample: ${SAMPLE_CASES} at most`);
for (const line of wrong) console.error(line);
process.exit(wrong.length ? 1 : 0);

/**
 * A page of its own, and a gateway that lets it reach the suite.
 * @param {Record<string, number> | string[]} wanted @param {{ limits?: object, spoiled?: boolean }} [how]
 */
async function run(wanted, { limits = RAISED, spoiled = false } = {}) {
  const summary = await serveCases(patterns(wanted), async (offer) => {
    const base = `ws://127.0.0.1:${offer.port}`;
    const gateway = await startGateway({ args: ["--allow", base] });
    const page = await browser.newPage();
    page.onConsole((text, type) => type === "pageerror" && wrong.push(`thrown in the page: ${text}`));
    try {
      await page.goto(gateway.url);
      await page.evaluate(goThrough, { base, count: offer.cases.length, limits, spoiled });
    } finally {
      await page.close();
      const { code, signal } = await gateway.stop();
      if (code !== 0) wrong.push(`the gateway ended with ${signal ?? code}`);
    }
  });
  cases += summary.results.length;
  return summary;
}

/** In the page: every case on a socket of its own, which sends back what it gets. */
async function goThrough({ base, count, limits, spoiled }) {
  const module = "/pageport.js";
  const { WebSocket } = await import(module);
  for (let number = 1; number <= count; number++) {
    await new Promise((resolve) => {
      const socket = new WebSocket(`${base}/runCase?case=${number}&agent=page`, [], limits);
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => socket.send(spoiled && typeof data === "string" ? `${data.slice(0, -1)}#` : data);
      socket.onclose = resolve;
    });
  }
}

/** Something is wrong here on purpose: it has to be found. */
function control(name, found, expected) {
  const missed = expected.filter((pattern) => !found.some((fault) => pattern.test(fault)));
  fact({ control: name, verdict: missed.length ? "passes" : "fails", because: found[0] ?? "nothing" });
  wrong.push(...missed.map((pattern) => `the control ${name} was not caught: no fault like ${pattern}`));
}
