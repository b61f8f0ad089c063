// Whoever is at the other end, as text in and text out: a page's stream carries lines, a WebSocket messages. Must never hoard
// for somebody who does not read: what does not fit is left out, and whoever says it is told so.

import { lines } from "../lines/lines.js";

const MOST_PENDING = 65_536;

export class PagePeer {
  #stream;
  #writer;
  #pending = 0;

  /** @param {{ readable: ReadableStream, writable: WritableStream, closed: Promise<void>, reset: () => void }} stream */
  constructor(stream) {
    this.#stream = stream;
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  async *[Symbol.asyncIterator]() {
    const reader = this.#stream.readable.pipeThrough(lines()).getReader();
    for (let next; !(next = await reader.read()).done; ) yield next.value;
    // The other page has said all: nothing more is said here either.
    await this.#writer.close();
    await this.#stream.closed;
  }

  /** Whether it was sent. @param {string} text */
  say(text) {
    if (this.#pending > MOST_PENDING) return false;
    const bytes = new TextEncoder().encode(`${text}\n`);
    this.#pending += bytes.length;
    const done = () => (this.#pending -= bytes.length);
    this.#writer.write(bytes).then(done, done);
    return true;
  }

  /** Says no more; the other page still reads what was said, and then ends its direction. */
  close() {
    this.#writer.close().catch(() => {});
  }
}

export class SocketPeer {
  #socket;
  #messages = [];
  #wake = () => {};
  #close;

  /** @param {WebSocket} socket of the module, connecting */
  constructor(socket) {
    this.#socket = socket;
    /** Rejects where it never opens: a WebSocket does not say why. @type {Promise<void>} */
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error("no connection: a WebSocket does not say why"));
    });
    socket.onmessage = ({ data }) => {
      this.#messages.push(typeof data === "string" ? data : `${data.size} bytes`);
      this.#wake();
    };
    socket.onclose = (event) => {
      this.#close = event;
      this.#wake();
    };
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      if (this.#messages.length) yield this.#messages.shift();
      else if (this.#close) break;
      else await new Promise((resolve) => (this.#wake = resolve));
    }
    const { code, reason } = this.#close;
    if (code !== 1000 && code !== 1005) throw new Error(`closed with ${code} ${reason}`.trim());
  }

  /** @param {string} text */
  say(text) {
    if (this.#socket.bufferedAmount > MOST_PENDING) return false;
    this.#socket.send(text);
    return true;
  }

  close() {
    this.#socket.close(1000);
  }
}
