/**
 * What a session knows of one stream: two directions that end on their own.
 *
 * Holds state only; `send.js` and `receive.js` change it. Must never be reused: it outlives its place in the session until
 * nobody reads from it any more.
 */

import { Span } from "./span.js";

export class Stream {
  /** Sending: from what is acknowledged to what was written. FIN or RESET is confirmed once `start` is behind `end`. */
  out = new Span();
  /** How far it was sent on this carrier; behind `out.end` once FIN has left. */
  sent = 0;
  fin = false;
  /** The code of a RESET, or of whatever else lets nobody write any more; -1: none. */
  reset = -1;
  /** The application wants to write more than it may. */
  blocked = false;
  /** Where BLOCKED was said on this carrier. */
  said = -1;

  /** Receiving: from what was consumed to what was received. It has ended once `start` is `final`. */
  in = new Span(true);
  /** What FIN or RESET said. */
  final = Infinity;
  /** Why the peer's direction ended early; -1: it did not. */
  failed = -1;
  /** The code of a STOP; -1: none. */
  stopped = -1;
  /** What the peer knows of `reported`. */
  told = 0;
  blockedAt = Infinity;
  /** What the window holds of the two halves of the budget: of first raises, of growth. */
  paid = [0, 0];
  /** Where the use of the present window began to be measured, and how many in a row were used up quickly. */
  mark = 0;
  streak = 0;
  /** Bytes of the prefix so far. @type {number[]} */
  lead = [];
  /** Head (of the peer's streams) or reply (of own ones), once complete. @type {import("./json.js").Json | undefined} */
  head;

  /** Takes datagrams of its flow, in place of the queue for everybody's. @type {typeof import("./core.js").enqueue | undefined} */
  enqueue;

  /** Called after something has changed. @type {(() => void) | undefined} */
  notify;

  /**
   * @param {number} id
   * @param {number} limit what the peer lets it send at first
   * @param {number} window what it lets the peer send at first
   * @param {number} since now, in milliseconds
   */
  constructor(id, limit, window, since) {
    this.id = id;
    this.limit = limit;
    /** `granted` is the limit that the peer knows of. */
    this.granted = this.window = window;
    this.since = since;
  }
}
