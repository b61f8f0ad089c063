/**
 * The sending half of streams (spec/protocol.md §3.2): what is retained, and how a direction ends.
 *
 * Must never let go of a byte that the peer may need again.
 */

import { ACK_INVALID } from "./codes.js";
import { settle } from "./core.js";
import { fail } from "./errors.js";
import { ints } from "./varint.js";
import { RESET } from "./wire.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./stream.js").Stream} Stream */

/** Ends the direction behind what was written. @param {Core} core @param {Stream} stream */
export function finish(core, stream) {
  stream.fin = true;
  stream.blocked = false;
  arm(core, stream);
}

/** Ends the direction early, unless FIN has already left. @param {Core} core @param {Stream} stream @param {number} code */
export function reset(core, stream, code) {
  const { id, out } = stream;
  if (stream.reset >= 0 || stream.sent > out.end) return;
  stream.reset = code;
  core.ready.delete(stream);
  core.signals.push([RESET, ints(id, code, out.end)]);
  core.touched.add(stream);
  freed(core, stream);
}

/**
 * The peer has everything below `received`, and takes everything below `limit`.
 * @param {Core} core
 * @param {Stream} stream
 * @param {number} received
 * @param {number} limit
 */
export function onAck(core, stream, received, limit) {
  const { out } = stream;
  if (received > out.end + +(stream.fin || stream.reset >= 0)) fail(ACK_INVALID);
  if (received > out.start) {
    freed(core, stream, received);
    stream.sent = Math.max(stream.sent, received);
  }
  stream.limit = Math.max(stream.limit, limit);
  arm(core, stream);
  settle(core, stream);
}

/** FIN or RESET is confirmed. @param {Stream} stream */
export const isDone = ({ out }) => out.start > out.end;

/** How far a stream may send. @param {Stream} stream */
export const sendable = ({ out, limit }) => Math.min(out.end, limit);

/** Whether a limit stops the sender at `at`, and the peer does not know yet. @param {Stream} stream @param {number} at */
export const isBlocked = (stream, at) =>
  at === sendable(stream) && (stream.blocked || stream.out.end > at) && stream.said !== at;

/** Puts a stream in line if it has something to send. @param {Core} core @param {Stream} stream */
export function arm(core, stream) {
  const { out, sent, fin, reset } = stream;
  if (reset < 0 && (sent < sendable(stream) || (fin && sent === out.end) || isBlocked(stream, sent))) core.ready.add(stream);
}

/**
 * Lets go of retained bytes below `to`. Those who wait for room below S go on, but not for every byte.
 * @param {Core} core
 * @param {Stream} stream
 * @param {number} [to] absent: of all
 */
export function freed(core, { out }, to) {
  core.retained -= Math.max(0, Math.min(to ?? out.end, out.end) - out.start);
  if (to) out.drop(to);
  else if (out.start < out.end) out.skip();
  if (core.retained <= core.limits.unreceived / 2) {
    core.starved.forEach((stream) => core.touched.add(stream));
    core.starved.clear();
  }
}
