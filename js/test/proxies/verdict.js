// What `pageport check` finds out about each of Debian's proxies, beside what is known of it: measured by hand, with netcat and a server that
// says when each byte came.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Upgrade to websocket, to anything else, tunnels to any port, answers, uploads, and answers before the end of uploads. */
const KNOWN = {
  squid: [false, false, false, "streamed", "streamed", true],
  tinyproxy: [false, false, true, "streamed", "streamed", false],
  privoxy: [false, false, true, "streamed", "streamed", false],
  "apache2 forward": [false, false, false, "streamed", "held-back", false],
  "apache2 reverse": [false, false, null, "streamed", "held-back", false],
  "apache2 reverse, upgrade=ANY": [true, true, null, "streamed", "held-back", false],
  // Measured with an origin that does not say `x-accel-buffering: no`, which this gateway does, answers were held back.
  nginx: [false, false, null, "streamed", "held-back", false],
  "nginx, buffering": [false, false, null, "held-back", "held-back", false],
  "nginx, upgrade": [true, true, null, "streamed", "streamed", true],
  haproxy: [true, true, null, "streamed", "streamed", true],
};

/**
 * @param {import("./rows.js").Row} row
 * @param {import("./seen.js").Target} target without TLS, inside of which no proxy can do anything
 * @returns {Promise<{ proxy: string, found: string, known: string }>}
 */
export async function verdict({ start }, { port, token }) {
  const proxy = await start(port);
  try {
    const way = proxy.role === "forward" ? [`http://localhost:${port}`, "--proxy", proxy.url] : [proxy.url];
    const env = { ...process.env, PAGEPORT_TOKEN: token };
    const { stdout } = await promisify(execFile)(String(process.env.PAGEPORT_BIN), ["check", "--json", ...way], { env });
    const { requests, upgrades } = JSON.parse(stdout);
    const passes = (/** @type {unknown} */ what) => what === "passes";
    const found = [passes(upgrades.websocket), passes(upgrades.raw), upgrades.connect, requests.answers, requests.uploads, requests.duplex];
    return { proxy: proxy.name, found: JSON.stringify(found), known: JSON.stringify(KNOWN[/** @type {keyof KNOWN} */ (proxy.name)]) };
  } finally {
    await proxy.stop();
  }
}
