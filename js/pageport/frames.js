/**
 * Carrier messages and frames (spec/protocol.md §2): decoding without copies, and putting messages together.
 *
 * Knows no session. Must never let a frame through that breaks a bound of the format.
 */

import { FRAME_MALFORMED, FRAME_TOO_LARGE, FRAME_UNKNOWN } from "./codes.js";
import { fail } from "./errors.js";
import { DATA as DATA_MAX, DATAGRAM as DATAGRAM_MAX, FRAME, MESSAGE, SMALL } from "./limits.js";
import { MAX, peekInt } from "./varint.js";
import { ACK, CLOSE, DATA, DATAGRAM, DETACH, GOAWAY, PING, PONG, RESET, RESUME, SKIPPED, STOP } from "./wire.js";

/**
 * A type and its fields, in the order of the wire; what is `pending` in RESUME is undefined when it is not.
 *
 * | type | fields |
 * |---|---|
 * | HELLO, WELCOME, PING, PONG | bytes |
 * | RESUME | end (0 or 1), highest, list of [id, received, limit, code of RESET, its final, code of STOP] |
 * | DATA | id, offset, flags, bytes |
 * | ACK | list of [id, received, limit] |
 * | RESET | id, code, final |
 * | STOP | id, code |
 * | GOAWAY | last, deadline, code, minimum, maximum |
 * | DETACH, CLOSE | code, text |
 * | DATAGRAM | flow, bytes |
 * @typedef {[type: number, a?: any, b?: any, c?: any, d?: any, e?: any]} Frame
 */

/** Bytes to send. @typedef {Uint8Array | number[]} Part */

/**
 * The frames of one whole carrier message. Their bytes are views of it.
 * @param {Uint8Array} message
 */
export function decode(message) {
  const { length } = message;
  /** @type {Frame[]} */
  const frames = [];
  let at = 0;
  let end = length;

  /** @param {unknown} holds */
  const check = (holds) => holds || fail(FRAME_MALFORMED);
  const int = (max = MAX, min = 0) => {
    const [value, next] = peekInt(message, at);
    check((at = next) <= end && value <= max && value >= min);
    return value;
  };
  const id = () => int(MAX, 1);
  const code = () => int(2 ** 32 - 1);
  const final = () => int(MAX - 1);
  /** @param {number} most */
  const flags = (most) => {
    check(at < end && message[at] <= most);
    return message[at++];
  };
  /** What is left of the payload. @param {number} most @param {number} [least] */
  const rest = (most, least = 0) => {
    const bytes = message.subarray(at, (at = end));
    check(bytes.length <= most && bytes.length >= least);
    return bytes;
  };
  /** @type {(type: number) => Frame} */
  const read = (type) => {
    /** @type {any} */
    let list = [];
    switch (type) {
      case RESUME: {
        const [done, highest] = [flags(1), int()];
        for (let last = 0; at < end; ) {
          const entry = [(last = int(MAX, last + 1)), int(), int()];
          const pending = flags(3);
          if (pending & 1) entry.push(code(), final());
          if (pending & 2) entry[5] = code();
          list.push(entry);
        }
        return [type, done, highest, list];
      }
      case DATA: {
        list = [type, id(), int(), flags(2)];
        list.push(rest(DATA_MAX, list[3] ? 0 : 1));
        check(list[2] + list[4].length < MAX);
        return list;
      }
      case ACK:
        do list.push([id(), int(), int()]);
        while (at < end);
        return [type, list];
      case RESET:
        return [type, id(), code(), final()];
      case STOP:
        return [type, id(), code()];
      case PING:
      case PONG:
        return [type, rest(8, 8)];
      case GOAWAY:
        return [type, int(), int(), code(), (list = int()), int(MAX, list)];
      case DETACH:
      case CLOSE:
        return [type, code(), utf8(rest(512), FRAME_MALFORMED)];
      case DATAGRAM:
        return [type, int(), rest(DATAGRAM_MAX)];
      default:
        return [type, rest(SMALL)];
    }
  };

  check(length);
  if (length > MESSAGE) fail(FRAME_TOO_LARGE);
  while (at < length) {
    end = length;
    let type = int();
    const size = int();
    const odd = type % 2 && type !== DATAGRAM;
    if (!odd && type > CLOSE && type !== DATAGRAM) fail(FRAME_UNKNOWN);
    if (size > (odd ? SMALL : FRAME)) fail(FRAME_TOO_LARGE);
    check((end = at + size) <= length);
    frames.push(read(odd ? SKIPPED : type));
    check(at === end);
  }
  return frames;
}

/** Takes nothing but UTF-8, and keeps a leading U+FEFF. */
export const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Strict UTF-8. @param {Uint8Array} bytes @param {number} code what to fail with */
export function utf8(bytes, code) {
  try {
    return DECODER.decode(bytes);
  } catch {
    return fail(code);
  }
}

export const ENCODER = new TextEncoder();

/** @param {unknown} value */
export const encodeJson = (value) => ENCODER.encode(JSON.stringify(value));

/** @param {Part[]} parts */
export const sizeOf = (parts) => parts.reduce((sum, part) => sum + part.length, 0);

/** @param {Part[]} parts @param {Uint8Array<ArrayBuffer>} [memory] to use where it is large enough */
export function join(parts, memory) {
  const size = sizeOf(parts);
  const whole = memory && size <= memory.length ? memory.subarray(0, size) : new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** In bytes. @param {Uint8Array | Blob} data */
export const lengthOf = (data) => ("size" in data ? data.size : data.length);
