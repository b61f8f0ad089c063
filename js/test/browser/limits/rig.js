// A gateway with one limit at a value of the test's choice, and what peers need to press against it. Everybody here is made by hand:
// nothing may keep to a limit by itself.

import { createHash } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { connect, HandPage, helloJson, said } from "../by-hand.js";
import { startGateway } from "../gateway.js";
import { CLOSE, data, DETACH, hello, prefix, resume, WELCOME } from "../wire.js";

export const TOKEN = "a-token-for-limits";
/** When something has to happen that a limit of time announces, this much later is still in time on a loaded machine. */
export const SLACK_MS = 2_500;
export const HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/**
 * @typedef {object} Case
 * @property {string} limit its key in `[limits]`
 * @property {string | number} n what it is set to
 * @property {Record<string, string | number>} [also] other limits
 * @property {string} [config] more of the configuration
 * @property {[at: string, beyond: string]} expected what is seen at n, and at n + 1
 * @property {(rig: Rig) => Promise<[at: string, beyond: string]>} run
 */

export const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Rig {
  /** What ends with the rig. @type {(() => void)[]} */
  #ends = [];

  /** @param {Case} test */
  static async start({ limit, n, also = {}, config = "" }) {
    const rig = new Rig();
    const limits = Object.entries({ drain: "100ms", [limit]: n, ...also });
    const port = await freePort();
    rig.ports = port;
    const text = `
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
${config.replace("PORT", `${port}`)}
[limits]
${limits.map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join("\n")}
[[token]]
name = "test"
sha256 = "${createHash("sha256").update(TOKEN).digest("hex")}"
may = ["listen", "connect"]
`;
    rig.gateway = await startGateway({ config: text });
    rig.url = rig.gateway.url;
    rig.world = { url: rig.url, origin: "", token: TOKEN, name: "", helloTimeout: 10_000 };
    return rig;
  }

  /** What has to end with the rig. @param {() => void} end */
  ending(end) {
    this.#ends.push(end);
  }

  /** What the gateway counts. */
  async metrics() {
    return (await fetch(`${this.gateway.admin}/metrics`)).text();
  }

  /** A session of its own. */
  async page() {
    const page = await HandPage.attached(this.world, "bytes");
    this.#ends.push(() => page.drop());
    return page;
  }

  /** A session with a name: of its visitors it hears on streams 2, 4, … */
  async listener() {
    const page = await this.page();
    return { page, name: await page.listen() };
  }

  /** The same session on another carrier. @param {HandPage} page @param {object} [parts] of its RESUME */
  async again(page, parts) {
    const n = ++page.identity.n;
    const carrier = await connect(this.world, "bytes");
    this.#ends.push(() => carrier.drop());
    const { session, secret } = page.identity;
    carrier.send(hello(helloJson({ session, secret, n })));
    const answer = await carrier.next([WELCOME, CLOSE, DETACH]);
    if (said(answer) === "WELCOME" && parts) {
      page.carrier = carrier;
      carrier.send(resume(parts));
    }
    return said(answer);
  }

  /** A connection to the front door, or to a public port. @param {number} [port] */
  async connect(port = this.gateway.port) {
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    socket.on("error", () => {});
    this.#ends.push(() => socket.destroy());
    const peer = new Peer(socket);
    // Who is refused at once may never hear that it was connected.
    await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
    return peer;
  }

  /** A visitor's handshake, sent. @param {string} name of a listener */
  async knock(name) {
    const peer = await this.connect();
    peer.send(`GET /@${name}/ HTTP/1.1\r\nHost: localhost\r\n${HANDSHAKE}\r\n`);
    return peer;
  }

  async stop() {
    for (const end of this.#ends) end();
    await this.gateway.stop();
  }
}

/** One end of a connection. */
export class Peer {
  received = Buffer.alloc(0);
  bytes = 0;
  ended = false;
  #waiting = new Set();

  /** @param {net.Socket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.bytes += chunk.length;
      // The beginning is enough to know what it is.
      if (this.received.length < 65_536) this.received = Buffer.concat([this.received, chunk]);
      this.#look();
    });
    socket.on("close", () => ((this.ended = true), this.#look()));
    socket.on("end", () => ((this.ended = true), this.#look()));
  }

  /** @param {string | Uint8Array} bytes */
  send(bytes) {
    this.socket.write(bytes);
  }

  /** The first result of `find` that is not falsy, or `undefined` after a while. @template T @param {(peer: Peer) => T} find @param {number} [ms] @returns {Promise<T | undefined>} */
  until(find, ms = 8_000) {
    return new Promise((resolve) => {
      const look = () => {
        const found = find(this);
        if (found) settle(found);
      };
      const settle = (/** @type {any} */ value) => (clearTimeout(timer), this.#waiting.delete(look), resolve(value));
      const timer = setTimeout(() => settle(undefined), ms);
      this.#waiting.add(look);
      look();
    });
  }

  /** Status and code of an answer, as words. @param {number} [ms] @returns {Promise<string>} */
  async answer(ms) {
    const head = await this.until(() => this.ended || this.received.includes("\r\n\r\n"), ms);
    const text = this.received.toString("latin1");
    const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
    if (!head || !status) return this.ended ? "ended" : "silence";
    const code = /pageport-error: (\w+)/i.exec(text)?.[1];
    return code ? `${status} ${code}` : status;
  }

  #look() {
    for (const look of [...this.#waiting]) look();
  }
}

/** The head of a visitor that came on this stream. @param {HandPage} page @param {number} stream @param {number} [ms] */
export const visitOn = (page, stream, ms) => page.carrier.until(() => page.json(stream), ms);

/** Lets a visitor in; how long the reply is. @param {HandPage} page @param {number} stream @param {object} [reply] */
export function accept(page, stream, reply = { ok: true, status: 101, headers: [] }) {
  const bytes = prefix(reply);
  page.send(data(stream, 0, bytes));
  return bytes.length;
}

/**
 * What a limit of time does: nothing before it is over, everything soon after.
 * @param {number} n in milliseconds
 * @param {Promise<string>} happening
 * @param {number} begin before it began to count: what is awaited afterwards may come late
 */
export async function afterTime(n, happening, begin) {
  const what = await happening;
  const ms = Math.round(performance.now() - begin);
  if (ms < n - 5) return `${what}, too soon: ${ms} ms`;
  return ms > n + SLACK_MS ? `${what}, too late: ${ms} ms` : what;
}

async function freePort() {
  const server = net.createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
