/**
 * The sending half of streams (spec/protocol.md §3.2): what is retained, and how a direction ends.
 *
 * Must never accept more from the application than the limits allow: what is refused stays with the writer.
 */

import { ACK_INVALID } from "./codes.js";
import { settle } from "./core.js";
import { fail } from "./errors.js";
import { ints } from "./varint.js";
import { RESET } from "./wire.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./stream.js").Stream} Stream */

/**
 * Takes as many of `bytes` as the peer's limit and S allow; nobody may change them any more. The stream is touched when more
 * may be written.
 * @param {Core} core
 * @param {Stream} stream
 * @param {Uint8Array} bytes
 * @returns {number} how many
 */
export function write(core, stream, bytes) {
  const { out, limit, fin, reset } = stream;
  if (fin || reset >= 0) return 0;
  const part = bytes.subarray(0, Math.max(0, Math.min(limit - out.end, core.limits.unreceived - core.retained)));
  out.push(part);
  core.retained += part.length;
  stream.blocked = part.length < bytes.length;
  if (stream.blocked && limit > out.end) core.starved.add(stream);
  arm(core, stream);
  return part.length;
}

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
  core.touched.add(stream);
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
