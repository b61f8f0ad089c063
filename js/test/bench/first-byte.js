// How long a page takes from its navigation to the first byte of an answer, on each carrier: a fresh page each time, of a browser that
// remembers nothing.

import { spread, turned } from "./samples.js";

const WITHIN_MS = 60_000;
const ALL = "webtransport websocket http";

/**
 * @param {object} scene
 * @param {import("./browsers.js").Browser} scene.browser
 * @param {string} scene.site
 * @param {import("../browser/gateway.js").Gateway} scene.gateway
 * @param {Awaited<ReturnType<typeof import("../browser/impairment-relay.js").startImpairmentRelay>>} scene.relay to the gateway
 * @param {Record<"socket" | "transport", { port: number, sha256: number[] }>} scene.raw
 * @param {number} scene.rounds
 */
export async function firstBytes({ browser, site, gateway, relay, raw, rounds }) {
  const module = (/** @type {string} */ carriers, way = gateway.url) => ({ kind: "module", gateway: way, carriers });
  /** @type {Case[]} */
  const cases = [
    { name: "raw WebSocket", carrier: "raw WebSocket", where: { kind: "webSocket", port: raw.socket.port } },
    { name: "websocket", carrier: "websocket", where: module("websocket") },
    { name: "http streaming", carrier: "http", where: module("http") },
    { name: "http polling", carrier: "http", where: module("http-poll") },
    { name: "raw WebTransport", carrier: "raw WebTransport", where: { kind: "webTransport", port: raw.transport.port, sha256: raw.transport.sha256.join(" ") } },
    { name: "webtransport", carrier: "webtransport", where: module("webtransport") },
    { name: "nothing configured", carrier: "websocket", where: module("") },
    { name: "webtransport wanted, others allowed", carrier: "webtransport", where: module(ALL) },
    { name: "the same through a relay", carrier: "webtransport", where: module(ALL, relay.url), hole: false },
    { name: "the same through a UDP black hole", carrier: "websocket", where: module(ALL, relay.url), hole: true },
  ];
  /** @type {Map<string, number[]>} */
  const seen = new Map(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const one of turned(cases, round)) {
      if (one.hole !== undefined) await relay.say(`hole udp ${one.hole ? "on" : "off"}`);
      const { carrier, ms } = await once(browser, `${site}/run/first-byte?${new URLSearchParams(one.where)}`);
      if (carrier !== one.carrier) throw new Error(`${browser.name}, ${one.name}: it came by ${carrier}`);
      seen.get(one.name)?.push(ms);
    }
  }
  const { udp } = await relay.say("counts");
  if (!udp.swallowed) throw new Error("the black hole has swallowed nothing");
  return cases.map(({ name, carrier }) => ({ name, carrier, ms: spread(seen.get(name) ?? []) }));
}

/** @typedef {{ name: string, carrier: string, where: Record<string, any>, hole?: boolean }} Case `carrier`: what it has to be */

/** @param {import("./browsers.js").Browser} browser @param {string} url @returns {Promise<{ carrier: string, ms: number }>} */
async function once(browser, url) {
  const page = await browser.newPage({ isFresh: true });
  try {
    await page.goto(url);
    const late = new Promise((_, reject) => setTimeout(reject, WITHIN_MS, new Error(`no first byte: ${url}`)).unref());
    return await Promise.race([page.evaluate(() => /** @type {any} */ (globalThis).firstByte), late]);
  } finally {
    await page.close();
  }
}
