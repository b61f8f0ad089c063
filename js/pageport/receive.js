/**
 * The receiving half of streams (spec/protocol.md §3.3, §4): what has come, what was read, and what to acknowledge.
 *
 * Must never keep more than it granted, and never grant what nobody pays for.
 */

import { ABORTED, FINAL_OFFSET, FLOW_CONTROL, GAP, HEAD_INVALID, HEAD_TOO_LARGE } from "./codes.js";
import { release, settle } from "./core.js";
import { codeOf, fail } from "./errors.js";
import { parse } from "./json.js";
import { HEAD, SWEEP } from "./limits.js";
import { reset } from "./send.js";
import { ints, MAX, peekInt } from "./varint.js";
import { BLOCKED, FIN, STOP } from "./wire.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./stream.js").Stream} Stream */

/** Refuses the rest of the peer's direction. @param {Core} core @param {Stream} stream @param {number} code */
export function stop(core, stream, code) {
  if (stream.stopped >= 0 || hasEnded(stream)) return;
  stream.stopped = code;
  stream.in.skip(least(stream));
  if (stream.final === Infinity) core.signals.push([STOP, ints(stream.id, code)]);
  progress(core, stream);
}

/** Ends both directions early. @param {Core} core @param {Stream} stream @param {unknown} why */
export function giveUp(core, stream, why) {
  const code = codeOf(why);
  stop(core, stream, code);
  reset(core, stream, code);
  stream.failed = Math.max(stream.failed, stream.stopped);
}

/**
 * @param {Core} core
 * @param {Stream} stream
 * @param {number} offset
 * @param {number} flags
 * @param {Uint8Array} bytes
 */
export function onData(core, stream, offset, flags, bytes) {
  const span = stream.in;
  const end = offset + bytes.length;
  // Where bytes travel beside frames, a frame without bytes may overtake them.
  if (offset > span.end && (bytes.length || !core.carrier?.key?.native)) fail(GAP);
  if (end > stream.final || (flags === FIN && end < least(stream))) fail(FINAL_OFFSET);
  if (end > stream.granted) fail(FLOW_CONTROL);
  bytes = bytes.subarray(span.end - offset);
  core.unacked += bytes.length;
  while (bytes.length && !stream.head && stream.stopped < 0) {
    span.skip(span.end + 1);
    lead(core, stream, bytes[0]);
    bytes = bytes.subarray(1);
  }
  if (stream.stopped >= 0) span.skip(flags === FIN ? end : span.end + bytes.length);
  else if (bytes.length) span.push(bytes);
  if (flags === FIN) stream.final = end;
  if (span.end === stream.final) over(core, stream);
  if (flags === BLOCKED) stream.blockedAt = end;
  progress(core, stream);
}

/** @param {Core} core @param {Stream} stream @param {number} code @param {number} final */
export function onReset(core, stream, code, final) {
  if (final < least(stream) || final > stream.final) fail(FINAL_OFFSET);
  // Also behind a FIN that has overtaken bytes: they are dropped, and will never come.
  if (stream.in.end < stream.final) cut(core, stream, code, final);
  core.dirty.add(stream);
  core.due = true;
  progress(core, stream);
}

/** The direction ends here, and what nobody has read is gone. @param {Core} core @param {Stream} stream @param {number} code @param {number} final */
export function cut(core, stream, code, final) {
  stream.in.skip(final);
  stream.failed = code;
  stream.final = final;
  over(core, stream);
}

/** What the peer is told to have been received: it passes the end only once everything was consumed (§3.3). @param {Stream} stream */
export const reported = (stream) => stream.in.end + +hasEnded(stream);

/** @param {Stream} stream */
export const hasEnded = (stream) => stream.in.start === stream.final;

/** Where the direction ends, or what it cannot end before. @param {Stream} stream */
const least = ({ final, in: { end } }) => (final < Infinity ? final : end);

/** An entry of ACK or RESUME, which the peer knows from now on. @param {Stream} stream */
export function entry(stream) {
  stream.told = reported(stream);
  stream.granted = grantable(stream);
  if (stream.in.start >= stream.blockedAt) stream.blockedAt = Infinity;
  return ints(stream.id, stream.told, stream.granted);
}

/** Decides whether an ACK is due now, later, or not at all (§4); forgets the stream if it is over. @param {Core} core @param {Stream} stream */
export function progress(core, stream) {
  const most = Math.max(reported(stream) - stream.told, grantable(stream) - stream.granted);
  if (most > 0) {
    core.dirty.add(stream);
    core.sweepAt = Math.min(core.sweepAt, core.now + SWEEP);
    core.due ||=
      most >= stream.window / 4 || hasEnded(stream) || stream.in.start >= stream.blockedAt || core.unacked >= core.peer.unreceived / 8;
  }
  if (hasEnded(stream)) release(core, stream);
  settle(core, stream);
}

/** @param {Stream} stream */
const grantable = ({ final, granted, in: { start }, window }) =>
  final < Infinity ? granted : Math.min(Math.max(granted, start + window), MAX - 1);

/** One more byte of the prefix. @param {Core} core @param {Stream} stream @param {number} byte */
function lead(core, stream, byte) {
  const bytes = stream.lead;
  bytes.push(byte);
  const [size, at] = peekInt(bytes, 0);
  try {
    if (size > HEAD) fail(HEAD_TOO_LARGE);
    if (bytes.length === at + size) stream.head = parse(Uint8Array.from(bytes.splice(0).slice(at)), HEAD_INVALID);
  } catch (error) {
    // It costs this stream only.
    giveUp(core, stream, error);
  }
}

/** Everything has come. @param {Core} core @param {Stream} stream */
function over(core, stream) {
  // Without a head nobody will ever answer.
  if (!stream.head && stream.id % 2 !== core.side) reset(core, stream, ABORTED);
}
