// One client through one proxy: how soon it is usable, what it carries, and that the proxy has had all of it.

import { pageThrough, programThrough, until } from "./client.js";

/** How long the proxy stands still. */
const FROZEN_MS = 700;
/** Some proxies notice only with the next byte of an answer, or with its end, that their client has gone. */
const LOGGED_MS = 30_000;
/** What a visitor sends, and gets back. */
export const BYTES = 262_144;

/**
 * @typedef {object} Target
 * @property {number} port
 * @property {boolean} secure
 * @property {string} token
 * @property {string} [trust] a file with its certificate
 * @property {string} [hash] of the one that it shows over UDP, in hexadecimal
 */
/**
 * @typedef {object} Seen
 * @property {string} version of the browser, or of the program
 * @property {string} carrier
 * @property {number} usable_ms until it listened, and until its first visitor had its answer
 * @property {number} requests lines of the proxy's log
 * @property {number | string} log_bytes what that says clients got
 * @property {string} example a line of it
 */

/**
 * @param {"page" | "program"} kind
 * @param {import("./rows.js").Row} row
 * @param {Target} target
 * @param {string} probe
 * @returns {Promise<Seen>}
 */
export async function seenThrough(kind, { start, quietMs = 0 }, target, probe) {
  const proxy = await start(target.port);
  const { client, version } = await begin(kind, proxy, target, probe).catch(async (error) => {
    const log = await proxy.log();
    await proxy.stop();
    throw new Error(`${error.message}; the proxy's log: ${log.slice(-3).join(" | ") || "nothing"}`);
  });
  try {
    const visited = performance.now();
    await client.visit(target, 1);
    const usable_ms = Math.round(client.ms + performance.now() - visited);
    await client.visit(target, BYTES);
    if (quietMs) {
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      await client.visit(target, 1);
    }
    await frozen(proxy, () => client.visit(target, 1));
    const losses = await client.losses();
    if (losses) throw new Error(`the carrier was lost ${losses} times`);
    // Proxies log what is over.
    await client.close();
    const record = () => account(proxy, target);
    const all = async () => (await proxy.log()).join(" | ");
    const isLogged = async () => {
      const { log_bytes, counts } = await record();
      return log_bytes >= BYTES || !counts;
    };
    await until(isLogged, "the log has all bytes", LOGGED_MS).catch(async (error) => {
      throw new Error(`${error.message}: ${await all()}`);
    });
    const { log_bytes, counts, lines } = await record();
    if (!lines.length) throw new Error(`the proxy has logged nothing of it: ${await all()}`);
    return { version, carrier: client.carrier, usable_ms, requests: lines.length, log_bytes: counts ? log_bytes : "not counted", example: lines.at(-1) ?? "" };
  } finally {
    await client.close();
    await proxy.stop();
  }
}

/** The control: while the proxy stands still, nothing comes back. @param {import("./daemon.js").Proxy} proxy @param {() => Promise<void>} visit */
async function frozen(proxy, visit) {
  let isBack = false;
  await proxy.freeze();
  const visited = visit().then(() => (isBack = true));
  await new Promise((resolve) => setTimeout(resolve, FROZEN_MS));
  const passed = isBack;
  proxy.thaw();
  await visited;
  if (passed) throw new Error("bytes went another way than through the proxy");
}

/**
 * What the proxy's log says about carriers, and whether it counts bytes at all.
 * @param {import("./daemon.js").Proxy} proxy
 * @param {Target} target
 */
async function account(proxy, { port }) {
  const lines = (await proxy.log()).filter((line) => line.includes("/link") || line.includes(`localhost:${port}`));
  const bytes = lines.map(proxy.bytes);
  const counts = bytes.every((count) => count !== undefined);
  const log_bytes = bytes.reduce((sum, count) => /** @type {number} */ (sum) + (count ?? 0), 0) ?? 0;
  return { lines: lines.map((line) => line.slice(0, 160)), counts, log_bytes };
}

async function begin(kind, proxy, { port, secure, token, trust }, probe) {
  const base = proxy.role === "reverse" ? proxy.url : `${secure ? "https" : "http"}://localhost:${port}`;
  const way = { base, ...(proxy.role === "forward" ? { proxy: proxy.url } : { udp: proxy.port }) };
  if (kind === "program") return { client: await programThrough(probe, { ...way, token, trust }), version: "native" };
  const client = await pageThrough(way);
  return { client, version: client.version };
}
