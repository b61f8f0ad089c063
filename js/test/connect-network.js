/**
 * The gateway in memory, with what it does for pages that ask to be connected (spec/protocol.md §7.5): handshakes with WebSocket
 * servers of this machine, and other pages, which are functions here.
 *
 * Must never do more than a gateway does: behind the handshake it passes bytes.
 */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { reply } from "../pageport/core.js";
import { finish } from "../pageport/send.js";
import { publish } from "../pageport/streams.js";
import { Network } from "./session-network.js";

/** @typedef {import("../pageport/streams.js").BidirectionalStream} BidirectionalStream */

export class ConnectNetwork extends Network {
  /** Heads of all that was asked for. @type {any[]} */
  asked = [];
  /** What answers `page:NAME`: a reply, and what happens behind it. @type {Record<string, (head: any, stream: BidirectionalStream) => unknown>} */
  pages = {};

  constructor() {
    super();
    const { onstream } = this;
    this.onstream = (stream) => {
      const head = /** @type {any} */ (stream.head);
      if (!/^(wss?|page):/.test(head.connect)) return onstream(stream);
      this.asked.push(head);
      if (head.connect.startsWith("page:")) this.#meet(stream, head);
      else this.#dial(stream, head).catch(() => this.#refuse(stream, "ERR_TARGET_UNREACHABLE"));
    };
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {any} head */
  #meet(stream, head) {
    const page = this.pages[head.connect.slice(5)];
    if (!page) return this.#refuse(stream, "ERR_LISTENER_UNKNOWN");
    const answer = { ok: true, ...(head.kind === "websocket" && { status: 101, headers: [] }) };
    reply(this.core, stream, answer);
    page(head, publish(this.#session(), stream));
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {any} head */
  async #dial(stream, head) {
    stream.notify = () => {};
    const { hostname, port, pathname, search, host } = new URL(head.connect);
    const tcp = net.connect({ host: hostname, port: +port, allowHalfOpen: true });
    await once(tcp, "connect");
    const offer = head.protocols.length ? `Sec-WebSocket-Protocol: ${head.protocols.join(", ")}\r\n` : "";
    tcp.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n${offer}\r\n`);
    let text = "";
    while (!text.endsWith("\r\n\r\n")) {
      const byte = tcp.read(1);
      if (byte) text += byte.toString("latin1");
      else await once(tcp, "readable");
    }
    const status = Number(text.split(" ")[1]);
    if (status !== 101) return tcp.destroy(), this.#refuse(stream, "ERR_TARGET_REFUSED", { status });
    const chosen = /^sec-websocket-protocol: (.*)\r$/im.exec(text)?.[1];
    reply(this.core, stream, { ok: true, status, headers: chosen ? [["sec-websocket-protocol", chosen]] : [] });
    const { readable, writable, reset } = publish(this.#session(), stream);
    tcp.on("error", () => reset(82));
    const up = async () => {
      for await (const chunk of /** @type {any} */ (readable)) if (!tcp.write(chunk)) await once(tcp, "drain");
      tcp.end();
    };
    const down = async () => {
      const writer = writable.getWriter();
      for await (const chunk of tcp.iterator({ destroyOnReturn: false })) await writer.write(chunk);
      await writer.close();
    };
    up().catch(() => tcp.destroy());
    down().catch(() => tcp.destroy());
  }

  /** @param {import("../pageport/stream.js").Stream} stream @param {string} error @param {object} [more] */
  #refuse(stream, error, more) {
    reply(this.core, stream, { error, message: "", ...more });
    finish(this.core, stream);
    this.flush();
  }

  #session() {
    return /** @type {any} */ ({ core: this.core, poke: () => queueMicrotask(() => this.flush()) });
  }
}
