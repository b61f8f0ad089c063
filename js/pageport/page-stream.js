/**
 * A stream between two pages, as either of them has it.
 *
 * Must never hide which way it ended.
 */

import { closedOf, endBoth, publish } from "./streams.js";

export class PageStream {
  #reset;

  /** @internal @param {import("./session.js").Session} session @param {import("./stream.js").Stream} stream */
  constructor(session, stream) {
    const { readable, writable, reply, reset } = publish(session, stream);
    this.#reset = reset;
    /** The other page's answer, where this one asked. @internal */
    this.reply = reply;
    /** Bytes; ends when the other page ends its direction. */
    this.readable = readable;
    /** close() ends this direction, and no other; abort() resets it. */
    this.writable = writable;
    /** Resolves once both directions have ended and all that was written has arrived; rejects when one of them was reset. */
    this.closed = closedOf(stream);
  }

  /** Ends both directions; what was written still arrives. Rejects while one of the streams is locked. */
  async close() {
    await endBoth(this);
    return this.closed;
  }

  /** Ends both directions at once. @param {number} [code] 65,536 and above belong to applications */
  reset(code) {
    this.#reset(code);
  }
}
