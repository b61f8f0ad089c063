/**
 * The gateway in memory, with what it does for pages that ask for TCP servers (spec/protocol.md §7.5): real servers of this machine, and TLS in name only, since the
 * bytes behind the replies are what a page cannot tell apart.
 *
 * Must never judge what a page has to judge by itself.
 */

import net from "node:net";
import { reply } from "../pageport/core.js";
import { finish } from "../pageport/send.js";
import { publish } from "../pageport/streams.js";
import { ConnectNetwork } from "./connect-network.js";

const CODES = { ECONNREFUSED: "ERR_TARGET_CONNECTION_REFUSED" };
export const VERIFIED = { version: "TLSv1.3", cipher: "TLS13_AES_128_GCM_SHA256", servername: "mail.test", certificate: "ab".repeat(32) };

export class TcpNetwork extends ConnectNetwork {
  /** What a request for TLS is answered with. @type {any} */
  answer = { ok: true, tls: VERIFIED };
  /** Called before a request for TLS is answered. @type {(relay: Relay) => unknown} */
  onstarttls = () => {};
  /** By stream. @type {Map<number, Relay>} */
  relays = new Map();

  constructor() {
    super();
    const { onstream } = this;
    this.onstream = (stream) => {
      const head = /** @type {any} */ (stream.head);
      if (!/^(tcp|tls):/.test(head.connect) && !("starttls" in head)) return onstream(stream);
      this.asked.push(head);
      stream.notify = () => {};
      if (head.connect) this.#dial(stream, new URL(head.connect.replace(/^\w+/, "http")), /^tls/.test(head.connect));
      else this.#upgrade(stream, head);
    };
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {URL} url @param {boolean} isTls */
  #dial(stream, { hostname, port }, isTls) {
    const tcp = net.connect({ host: hostname, port: +port || 80, allowHalfOpen: true });
    tcp.once("error", ({ code }) => this.#refuse(stream, CODES[code] ?? "ERR_TARGET_UNREACHABLE"));
    tcp.once("connect", () => {
      tcp.removeAllListeners("error");
      this.#join(stream, tcp, isTls ? this.answer : { ok: true });
    });
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {{ starttls: number, at: number }} head */
  async #upgrade(stream, { starttls, at }) {
    const before = /** @type {Relay} */ (this.relays.get(starttls));
    await before.written(at);
    await this.onstarttls(before);
    before.leave();
    if (this.answer.ok) return this.#join(stream, before.tcp, this.answer);
    before.tcp.resetAndDestroy();
    this.#refuse(stream, this.answer.error);
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {net.Socket} tcp @param {object} answer */
  #join(stream, tcp, answer) {
    reply(this.core, stream, answer);
    const session = /** @type {any} */ ({ core: this.core, poke: () => queueMicrotask(() => this.flush()) });
    this.relays.set(stream.id, new Relay(publish(session, stream), tcp));
    this.flush();
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {string} error */
  #refuse(stream, error) {
    reply(this.core, stream, { error, message: "" });
    finish(this.core, stream);
    this.flush();
  }
}

/** A connection and its stream. */
export class Relay {
  #up = 0;
  #isOver = false;
  #moved = () => {};

  /** @param {import("../pageport/streams.js").BidirectionalStream} stream @param {net.Socket} tcp */
  constructor(stream, tcp) {
    this.stream = stream;
    this.tcp = tcp;
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => {});
    tcp.on("error", () => stream.reset(82));
    tcp.on("end", () => writer.close().catch(() => {}));
    tcp.on("data", async (chunk) => {
      tcp.pause();
      await writer.write(chunk).catch(() => {});
      if (!this.#isOver) tcp.resume();
    });
    tcp.resume();
    this.#pump(stream.readable.getReader()).catch(() => this.#isOver || tcp.resetAndDestroy());
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async #pump(reader) {
    for (;;) {
      const { done, value } = await reader.read();
      if (this.#isOver) return;
      if (done) return void this.tcp.end();
      await new Promise((resolve) => this.tcp.write(value, resolve));
      this.#up += value.length;
      this.#moved();
    }
  }

  /** Until so many bytes of the page have been written. @param {number} bytes */
  async written(bytes) {
    while (this.#up < bytes) await new Promise((resolve) => (this.#moved = () => resolve(undefined)));
  }

  /** Leaves the connection to another one. */
  leave() {
    this.#isOver = true;
    this.tcp.pause();
    for (const event of ["error", "end", "data"]) this.tcp.removeAllListeners(event);
    this.stream.reset(0);
  }
}
