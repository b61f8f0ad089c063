// 256 MiB both ways over 20 streams, while their session is moved through every carrier and a relay outside cuts at random.

import { CarriedPage } from "../browser/carriers.js";
import { launchChromium } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { startImpairmentRelay } from "../browser/impairment-relay.js";
import { move, WAYS } from "../browser/moves.js";
import { startSite } from "../browser/site.js";
import { fact, table } from "./facts.mjs";

const BYTES = 256 << 20;
const STREAMS = 20;
/** Between two cuts, on the average. */
const CALM_MS = 1_500;
const HOLE_MS = 1_000;

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
let state = seed || 1;
const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;

const [gateway, site, browser] = await Promise.all([startGateway(), startSite(), launchChromium()]);
const relay = await startImpairmentRelay(String(process.env.IMPAIRMENT_RELAY), gateway.port, seed);
let failed = true;
try {
  const through = { ...gateway, url: relay.url };
  const page = await CarriedPage.carried(browser, site, through, { name: "moving", carriers: [WAYS[0][0]], carrier: WAYS[0][1] });
  const seen = await move(page, {
    bytes: BYTES,
    streams: STREAMS,
    ways: WAYS,
    random,
    calm: CALM_MS,
    cut: (way) => {
      if (way !== "webtransport") return relay.say(random() < 0.5 ? "cut reset" : "cut fin");
      // A path of datagrams is not cut: it swallows all for a while, or a NAT on it forgets.
      if (random() < 0.5) return relay.say("rebind");
      relay.say("hole udp on");
      setTimeout(() => relay.say("hole udp off"), HOLE_MS);
    },
  });
  fact({ browser: "chromium", version: browser.version, seed, streams: STREAMS, bytes_each_way: seen.came, cuts: seen.cuts });
  table(["way", "carrier", "moved after ms", "bytes", "ms"], seen.carried.map(Object.values));
  const moves = seen.changes.filter((/** @type {string} */ change) => change.endsWith(" moved")).length;
  fact({ changes: seen.changes.length, moves, longest_stall_ms: seen.slowest, failures: seen.failures.length });
  for (const failure of seen.failures.slice(0, 5)) console.log(failure);
  const isCarried = seen.carried.every(({ carrier, bytes }, at) => bytes > 0 && (carrier === WAYS[at][1] || carrier === null));
  failed = seen.failures.length > 0 || seen.came !== Math.floor(BYTES / STREAMS) * STREAMS || seen.cuts < 5 || !isCarried;
} finally {
  relay.stop();
  await browser.close();
  site.close();
  await gateway.stop();
}
process.exit(failed ? 1 : 0);
