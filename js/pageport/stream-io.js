/**
 * The application's end of streams: taking out what has come, which is what lets more come, and putting in what is to be sent.
 *
 * Must never accept more from the application than the limits allow: what is refused stays with the writer.
 */

import { raise } from "./core.js";
import { ROUND_TRIP, WINDOW_MAX } from "./limits.js";
import { progress } from "./receive.js";
import { arm } from "./send.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./stream.js").Stream} Stream */

/**
 * At most `max` bytes in one piece: a view, to be copied before anything else happens. None when there are none: the end, if
 * the direction has ended or failed.
 * @param {Core} core
 * @param {Stream} stream
 * @param {number} max
 * @param {number} now
 * @returns {Uint8Array<ArrayBuffer> | undefined}
 */
export function read(core, stream, max, now) {
  const span = stream.in;
  if (span.start === span.end) return;
  const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (span.peek(span.start, max));
  span.drop(span.start + bytes.length);
  if (span.start - stream.mark >= stream.window) {
    // Within two round trips: the window holds the sender back. Only a stream that goes on like this gets what is scarce.
    stream.streak = now - stream.since <= 2 * Math.max(core.rtt, ROUND_TRIP) ? stream.streak + 1 : 0;
    if (stream.streak >= Math.floor(core.half / core.left[1]) && stream.streak) {
      raise(core, stream, 1, Math.min(stream.window, WINDOW_MAX - stream.window));
      stream.streak = 0;
    }
    stream.mark = span.start;
    stream.since = now;
  }
  core.now = now;
  progress(core, stream);
  return bytes;
}

/**
 * Takes as many of `bytes` as the peer's limit and S allow. The stream is touched when more
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
