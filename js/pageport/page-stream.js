/**
 * A stream between two pages, as either of them has it.
 *
 * Must never hide which way it ended.
 */

import { INVALID_ARGUMENT } from "./codes.js";
import { fail } from "./errors.js";
import { closedOf, endBoth, publish } from "./streams.js";

export class PageStream {
  #reset;

  /** @internal @param {import("./session.js").Session} session @param {import("./stream.js").Stream} stream @param {Pick<import("./streams.js").BidirectionalStream, "readable" | "writable" | "reset">} [ends] */
  constructor(session, stream, { readable, writable, reset } = publish(session, stream)) {
    this.#reset = reset;
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

/** What asks for a page. @param {string} target `page:name/path?query` */
export function pageOf(target) {
  const { protocol, pathname, search, hash } = new URL(target);
  if (protocol !== "page:" || hash) fail(INVALID_ARGUMENT, "page:name");
  const [, name, path] = /** @type {RegExpExecArray} */ (/^([^/]*)(.*)$/.exec(pathname));
  return { connect: `page:${name}`, url: (path || "/") + search };
}
