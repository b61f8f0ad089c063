// One TCP connection as lines in and lines out. Either direction ends by itself. Must never hoard for a client that does not
// read: what does not fit is left out, and whoever says it is told so.

import { lines } from "./lines.js";

const MOST_PENDING = 65_536;

export class LineConnection {
  /** Said by the gateway: the same for connections from the same address. */
  peer;
  #reader;
  #writer;
  #pending = 0;
  /** @type {Promise<void> | undefined} */
  #finished;
  #tell;

  /**
   * @param {{ readable: ReadableStream, writable: WritableStream, remoteAddress: string }} opened of a TCPSocket
   * @param {{ received: (bytes: Uint8Array) => void, sent: (bytes: Uint8Array) => void }} tell counts what passes
   */
  constructor({ readable, writable, remoteAddress }, tell) {
    const counted = new TransformStream({
      transform(bytes, controller) {
        tell.received(bytes);
        controller.enqueue(bytes);
      },
    });
    this.peer = remoteAddress;
    this.#tell = tell;
    this.#reader = readable.pipeThrough(counted).pipeThrough(lines()).getReader();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  /** The lines of the client, until it has said all. */
  async *[Symbol.asyncIterator]() {
    for (let next; !(next = await this.#reader.read()).done; ) yield next.value;
  }

  /** Resolves once there is room for more: whoever waits for it makes the client wait too. Says nothing behind the end. @param {string} line */
  async write(line) {
    if (this.#finished) return;
    const bytes = new TextEncoder().encode(`${line}\n`);
    this.#pending += bytes.length;
    try {
      await this.#writer.write(bytes);
      this.#tell.sent(bytes);
    } finally {
      this.#pending -= bytes.length;
    }
  }

  /** Says it only if the client has read most of what came before, and nothing is behind the end. @param {string} line */
  say(line) {
    if (this.#finished || this.#pending > MOST_PENDING) return false;
    // Whether it is gone is known where its lines are read.
    this.write(line).catch(() => {});
    return true;
  }

  /** Nothing more will be said here; the client may go on. */
  finish() {
    return (this.#finished ??= this.#writer.close());
  }

  /** Ends both directions now. */
  abort() {
    const why = new DOMException("closed by whoever serves", "AbortError");
    this.#writer.abort(why).catch(() => {});
    this.#reader.cancel(why).catch(() => {});
  }
}
