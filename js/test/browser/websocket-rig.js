// What the comparison of the browser's own WebSocket with ours needs, and one run of it. It must never let a page count whose
// scenarios did not all run.

import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { CAUGHT, compare, record, seenOf } from "./websocket-compare.js";
import { startWebSocketServer } from "./websocket-server.js";

/** @typedef {Awaited<ReturnType<typeof startRig>>} Rig */
/** @typedef {Awaited<ReturnType<typeof run>>} Run */

/** Nobody listens there, and the gateway may try. */
const NOBODY = "ws://127.0.0.1:9";

/** Firefox makes pages wait that failed before, which a page of failures need not prove. */
export const FIREFOX = { prefs: { "network.websocket.delay-failed-reconnects": false } };

/** @param {string[]} [args] for the gateway */
export async function startRig(args = []) {
  const [site, server] = await Promise.all([startSite(), startWebSocketServer()]);
  const gateway = await startGateway({ args: ["--allow", server.url, "--allow", NOBODY, ...args] });
  return {
    site,
    server,
    gateway,
    async stop() {
      site.close();
      server.close();
      return gateway.stop();
    },
  };
}

let runs = 0;

/**
 * A page of its own, in which both classes go through scenarios.
 * @param {Rig} rig @param {import("./driver.js").Browser} browser @param {{ only?: string[], carriers?: string[] }} [plan] by default all, on whatever carrier it takes
 */
export async function run(rig, browser, { only, carriers } = {}) {
  const label = `${browser.name}-${++runs}`;
  const page = await browser.newPage();
  await page.goto(`${rig.site.local}/scenarios`);
  const recorded = await record(page, { gateway: rig.gateway.url, base: rig.server.url, label, only, carriers, control: !only });
  await page.close();
  return { ...recorded, browser: browser.name, seen: seenOf(rig.server.seen, label) };
}

/** What both runs together say of one. @param {Run} one @param {Run} [other] of the other browser, for where the two differ */
export function judge(one, other) {
  const page = compare(one.ours, one.native, other?.native);
  const server = compare(one.seen[1], one.seen[0], other?.seen[0]);
  const caught = CAUGHT.filter((name) => name in one.spoiled && compare({ [name]: one.spoiled[name] }, { [name]: one.native[name] }).differ.length);
  return { scenarios: Object.keys(one.native).length, page, server, caught };
}

/**
 * The browser's own WebSocketStream, where it has one, and ours, in a page of their own.
 * @param {Rig} rig @param {import("./driver.js").Browser} browser
 * @returns {Promise<{ native: Record<string, unknown>, ours: Record<string, unknown> }>}
 */
export async function runStreams(rig, browser) {
  const page = await browser.newPage();
  await page.goto(`${rig.site.local}/streams`);
  const recorded = await page.evaluate(
    async ([gateway, base]) => {
      const { WebSocketError, WebSocketStream } = await import(`${gateway}/pageport.js`);
      const { runStreams } = await import(/** @type {any} */ ("/pages/websocket-streams.js"));
      const own = /** @type {any} */ (globalThis);
      const native = own.WebSocketStream ? await runStreams(own.WebSocketStream, own.WebSocketError, base) : {};
      return { native, ours: await runStreams(WebSocketStream, WebSocketError, base) };
    },
    [rig.gateway.url, rig.server.url],
  );
  await page.close();
  return recorded;
}
