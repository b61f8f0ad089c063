/**
 * A session as a state machine: messages, calls and the time go in; messages and touched streams come out.
 *
 * Holds what all streams share. Must never look at a clock, touch a socket or use randomness.
 */

import { GOING_AWAY, HEAD_TOO_LARGE, SESSION_CLOSED, STREAM_ID, STREAM_LIMIT } from "./codes.js";
import { fail } from "./errors.js";
import { encodeJson, join } from "./frames.js";
import { ANNOUNCED, BUDGET, DATAGRAM, DATAGRAMS, HEAD, WINDOW } from "./limits.js";
import { hasEnded, progress, reported } from "./receive.js";
import { arm, freed, isDone } from "./send.js";
import { Stream } from "./stream.js";
import { ints } from "./varint.js";

/** A frame to send. @typedef {[type: number, ...payload: import("./frames.js").Part[]]} Outgoing */

/**
 * @typedef {object} Carrier
 * @property {any} key whatever the owner calls it
 * @property {number} phase
 * @property {Outgoing[]} out what belongs to this carrier alone
 * @property {number} heard when the last byte came
 * @property {number} [opened] when the first byte left
 * @property {number} pinged when the PING left that waits for an answer, or -1
 * @property {Uint8Array} [pong] the newest PING that wants an answer: a flood of them costs one slot
 * @property {any[]} entries of an unfinished RESUME
 * @property {number} [highest] likewise
 */

/** @typedef {{ flow: number, bytes: Uint8Array }} Datagram */

export class Core {
  /** The time of the call that is under way, in milliseconds. */
  now = 0;
  /** @type {Map<number, Stream>} */
  streams = new Map();
  /** What moves bytes right now, or is about to. Whose owner finds it gone closes it. @type {Carrier | undefined} */
  carrier;
  /** One that would be better, and waits for WELCOME while the other serves. Likewise. @type {Carrier | undefined} */
  candidate;

  /** Streams whose owner has to look at them. @type {Set<Stream>} */
  touched = new Set();
  /** Streams with progress that the peer does not know of. @type {Set<Stream>} */
  dirty = new Set();
  /** Forgotten streams whose end the peer does not know of. @type {Set<Stream>} */
  finals = new Set();
  /** RESET and STOP to send. @type {Outgoing[]} */
  signals = [];
  /** Streams with DATA to send, in turn. @type {Set<Stream>} */
  ready = new Set();
  /** Writers that S keeps waiting. @type {Set<Stream>} */
  starved = new Set();
  /** @type {Datagram[]} */
  arrived = [];
  /** @type {Datagram[]} */
  leaving = [];

  /** Whether an ACK has to leave, and when it has to at the latest. */
  due = false;
  sweepAt = Infinity;
  /** Received over all streams since the last ACK. */
  unacked = 0;
  /** Kept for the peer over all streams. */
  retained = 0;
  rtt = 0;

  /** The generation: attempts to attach so far. */
  n = 0;
  /** @type {string | undefined} */
  session;
  /** @type {string | undefined} */
  secret;
  /** Of the newest WELCOME. */
  nonce = "";
  /** What the peer announced. Before that nothing can be opened. */
  peer = /** @type {import("./heads.js").Limits} */ ({ streams: 0 });
  /** What GOAWAY says of when to come again: from and to, in seconds. @type {[number, number] | undefined} */
  away;
  /** The code that ended the session; -1: it lives. */
  ended = -1;
  /** When the last unknown frames were skipped. @type {number[]} */
  skips = [];
  /** How many streams are open, by parity: the gateway's, the page's. */
  open = [0, 0];

  /**
   * @param {{ side?: 0 | 1, limits?: import("./heads.js").Limits, budget?: number, credential?: string }} [options] side 1 is the
   *   page; what only a gateway does is not in here
   */
  constructor({ side = 1, limits = ANNOUNCED, budget = BUDGET, credential } = {}) {
    this.side = side;
    this.limits = limits;
    this.half = budget / 2;
    /** What is left of the budget that pays for windows above `initial`: for first raises, for growth. */
    this.left = [this.half, this.half];
    this.credential = credential;
    /** The next own id, and the highest of the peer's. */
    this.next = 2 - side;
    this.highest = side - 1;
  }
}

/**
 * Opens a stream with a head; not before the first WELCOME.
 * @param {Core} core
 * @param {object} head
 * @param {number} now
 */
export function open(core, head, now) {
  if (core.ended >= 0) fail(core.ended || SESSION_CLOSED);
  if (core.away) fail(GOING_AWAY);
  if (core.open[core.side] >= core.peer.streams) fail(STREAM_LIMIT);
  core.now = now;
  const prefix = prefixOf(head);
  const stream = add(core, core.next);
  core.next += 2;
  lead(core, stream, prefix);
  return stream;
}

/**
 * Answers a stream that the peer opened; comes before everything else that is written.
 * @param {Core} core
 * @param {Stream} stream
 * @param {object} head
 */
export function reply(core, stream, head) {
  if (stream.reset < 0) lead(core, stream, prefixOf(head));
}

/**
 * The stream with this id, after opening what the id opens (§3). Undefined when it is forgotten.
 * @param {Core} core
 * @param {number} id
 */
export function see(core, id) {
  if (id % 2 === core.side ? id >= core.next && fail(STREAM_ID) : core.open[id % 2] + (id - core.highest) / 2 > core.limits.streams && id > core.highest) fail(STREAM_LIMIT);
  while (id % 2 !== core.side && core.highest < id) add(core, (core.highest += 2));
  return core.streams.get(id);
}

/** Something has changed. Forgets a stream whose both directions are over and confirmed (§3.4). @param {Core} core @param {Stream} stream */
export function settle(core, stream) {
  core.touched.add(stream);
  if (isDone(stream) && hasEnded(stream) && core.streams.has(stream.id)) {
    forget(core, stream);
    if (stream.told < reported(stream)) {
      core.finals.add(stream);
      core.due = true;
    }
  }
}

/** Gives a stream up: it will never be confirmed. @param {Core} core @param {Stream} stream @param {number} code */
export function abandon(core, stream, code) {
  forget(core, stream);
  if (stream.final === Infinity) stream.failed = code;
  if (stream.reset < 0) stream.reset = code;
  core.touched.add(stream);
}

/**
 * Enlarges a window by what may be had of one half of the budget (§4).
 * @param {Core} core
 * @param {Stream} stream
 * @param {0 | 1} half
 * @param {number} wanted
 */
export function raise({ left }, stream, half, wanted) {
  const more = Math.max(0, Math.min(wanted, left[half] >> 1));
  left[half] -= more;
  stream.paid[half] += more;
  stream.window += more;
}

/** Gives the window back. @param {Core} core @param {Stream} stream */
export function release({ left, limits }, stream) {
  stream.paid = stream.paid.map((paid, half) => ((left[half] += paid), 0));
  stream.window = limits.initial;
}

/**
 * Queues a datagram in either direction; the oldest makes room, longer ones than 1,200 bytes are dropped.
 * @param {Datagram[]} queue
 * @param {Datagram} datagram
 */
export function enqueue(queue, { flow, bytes }) {
  // A copy, so that it does not keep a whole carrier message, and does not change.
  if (bytes.length <= DATAGRAM && queue.push({ flow, bytes: bytes.slice() }) > DATAGRAMS) queue.shift();
}

/** @param {Core} core @param {number} id */
function add(core, id) {
  const stream = new Stream(id, core.peer.initial, core.limits.initial, core.now);
  core.streams.set(id, stream);
  core.open[id % 2]++;
  raise(core, stream, 0, WINDOW - stream.window);
  progress(core, stream);
  return stream;
}

/** @param {Core} core @param {Stream} stream */
function forget(core, stream) {
  core.streams.delete(stream.id);
  core.open[stream.id % 2]--;
  release(core, stream);
  for (const set of [core.dirty, core.ready, core.starved]) set.delete(stream);
  freed(core, stream);
}

/** @param {object} head */
function prefixOf(head) {
  const json = encodeJson(head);
  return json.length > HEAD ? fail(HEAD_TOO_LARGE) : join([ints(json.length), json]);
}

/** @param {Core} core @param {Stream} stream @param {Uint8Array} prefix */
function lead(core, stream, prefix) {
  stream.out.push(prefix);
  core.retained += prefix.length;
  arm(core, stream);
}
