// Fifty cuts at random bytes between gateway and a page in Chromium, by a relay outside of both, and a control: the same with one
// flipped byte must be noticed.

import { launchThrottledChromium } from "../browser/lifecycle.js";
import { startCutRelay } from "../browser/cut-relay.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { tear } from "../browser/torn.js";
import { fact } from "./facts.mjs";

const CUTS = 50;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const binary = process.env.CUT_RELAY;
if (!binary) throw new Error("CUT_RELAY is not set");

const [gateway, site, browser] = await Promise.all([startGateway(), startSite(), launchThrottledChromium()]);
let failed = false;
try {
  const relay = await startCutRelay(binary, gateway.port);
  const seen = await tear({ browser, site, gateway, relay, cuts: CUTS, visitors: 20, seed });
  relay.stop();
  fact({ browser: await browser.version(), seed, ...seen, faults: seen.faults.length, slowest_resume_ms: seen.slowest });
  for (const fault of seen.faults.slice(0, 5)) console.log(fault);
  failed = seen.faults.length > 0 || seen.cuts < CUTS || seen.resumes < CUTS / 2 || seen.slowest > 2_000;

  const spoiling = await startCutRelay(binary, gateway.port);
  // The first carrier's first 150 kB are handshake, heads and data; a byte inside the data is hit.
  const damage = tear({ browser, site, gateway, relay: damaging(spoiling), cuts: 3, visitors: 4, seed });
  const control = await damage.then(({ faults }) => faults[0] ?? "nothing", (error) => String(error.message ?? error));
  spoiling.stop();
  fact({ control: "one flipped byte", noticed: control });
  failed ||= control === "nothing";
} finally {
  await browser.close();
  site.close();
  await gateway.stop();
}
process.exit(failed ? 1 : 0);

/** Flips a byte in the middle of the data just before each cut. */
function damaging(relay) {
  return { ...relay, say: (line) => (relay.say("flip down 60000"), relay.say("cut-after down 140000 fin")) };
}
