// Our WebSocket beside the browser's own in one page, in both browsers: everything on one carrier, some of it on each of the others.

import { launchChromium, launchFirefox } from "../browser/driver.js";
import { CAUGHT, compare, SOME } from "../browser/websocket-compare.js";
import { FIREFOX, judge, run, runStreams, startRig } from "../browser/websocket-rig.js";
import { fact } from "./facts.mjs";

/** By what a page forces, and the carrier that its session then has. @type {Record<string, string>} */
const OTHERS = { http: "http", "http-poll": "http", webtransport: "webtransport" };
/** No browser may be so unlike the standard that next to nothing is compared with it. */
const LEAST_SAME = 0.9;

/** @type {string[]} */
const wrong = [];
const rig = await startRig();
const browsers = await Promise.all([launchChromium(), launchFirefox(FIREFOX)]);
try {
  for (const { name, version } of browsers) fact({ browser: name, version });
  await everything("websocket");
  await streams();
  const offered = new Set((await (await fetch(`${rig.gateway.url}/.well-known/pageport`)).json()).carriers.map(({ kind }) => kind));
  for (const [forced, carrier] of Object.entries(OTHERS)) {
    if (offered.has(carrier)) await some(forced, carrier);
    else fact({ forced, verdict: "not run", because: "this gateway does not offer it" });
  }
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  const { code, signal } = await rig.stop();
  if (code !== 0) wrong.push(`the gateway ended with ${signal ?? code}`);
}
for (const line of wrong) console.error(line);
process.exit(wrong.length ? 1 : 0);

/** @param {string} carrier */
async function everything(carrier) {
  const runs = await Promise.all(browsers.map((browser) => run(rig, browser, { carriers: [carrier] })));
  runs.forEach((one, at) => {
    const { scenarios, page, server, caught } = verdict(one, runs[1 - at], carrier);
    fact({ browser: one.browser, carrier: one.carrier, scenarios, as_here: page.same.length, as_the_other_browser: page.asOther.length, as_the_standard: page.asStandard.length, different: page.differ.length });
    fact({ browser: one.browser, where_the_browsers_disagree: [...page.asOther, ...page.asStandard].join("; ") });
    fact({ browser: one.browser, compared_at_the_server: server.same.length + server.asOther.length, different: server.differ.length });
    fact({ browser: one.browser, control: "a class that is subtly wrong", verdict: caught.length === CAUGHT.length ? "fails" : "passes", caught: caught.join("; ") });
    if (scenarios < 150) wrong.push(`${one.browser}: ${scenarios} scenarios are too few`);
    if (page.same.length < LEAST_SAME * scenarios) wrong.push(`${one.browser}: only ${page.same.length} are as in this browser`);
    if (caught.length < CAUGHT.length) wrong.push(`${one.browser}: the control caught ${caught.length} of ${CAUGHT.length}`);
  });
}

/** WebSocketStream: Chromium is the one browser that has it. */
async function streams() {
  const [{ native, ours }, { ours: elsewhere }] = [await runStreams(rig, browsers[0]), await runStreams(rig, browsers[1])];
  for (const [browser, results] of /** @type {[string, Record<string, unknown>][]} */ ([["chromium", ours], ["firefox", elsewhere]])) {
    const { same, differ } = compare(results, native);
    fact({ browser, class: "WebSocketStream", scenarios: Object.keys(native).length, as_chromiums_own: same.length, different: differ.length });
    for (const { name, native, ours } of differ) wrong.push(`${browser}, WebSocketStream, ${name}:\n  Chromium's: ${JSON.stringify(native)}\n  ours:       ${JSON.stringify(ours)}`);
    if (same.length < 20) wrong.push(`${browser}: ${same.length} scenarios of WebSocketStream are too few`);
  }
}

/** @param {string} forced @param {string} carrier */
async function some(forced, carrier) {
  const runs = await Promise.all(browsers.map((browser) => run(rig, browser, { only: SOME, carriers: [forced] })));
  runs.forEach((one, at) => {
    const { scenarios, page, server } = verdict(one, runs[1 - at], carrier);
    fact({ browser: one.browser, forced, carrier: one.carrier, scenarios, as_here: page.same.length, as_the_other_browser: page.asOther.length, different: page.differ.length + server.differ.length });
    if (scenarios < 25) wrong.push(`${one.browser}, ${forced}: ${scenarios} scenarios are too few`);
  });
}

/** @param {import("../browser/websocket-rig.js").Run} one @param {import("../browser/websocket-rig.js").Run} other @param {string} carrier */
function verdict(one, other, carrier) {
  const judged = judge(one, other);
  if (one.carrier !== carrier) wrong.push(`${one.browser}: the carrier was ${one.carrier}, not ${carrier}`);
  for (const { name, native, ours } of [...judged.page.differ, ...judged.server.differ]) {
    wrong.push(`${one.browser}, ${carrier}, ${name}:\n  its own: ${JSON.stringify(native)}\n  ours:    ${JSON.stringify(ours)}`);
  }
  return judged;
}
