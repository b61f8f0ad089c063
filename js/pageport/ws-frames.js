/**
 * RFC 6455 framing, both roles: bytes in, messages out, and frames for the way back.
 *
 * Holds no stream, clock or randomness. Must never keep more than the limits allow, and must never accept a
 * byte that the RFC forbids: whoever sent it is a stranger.
 */

import { DECODER, join, lengthOf } from "./frames.js";
import { CLOSE, MAX_FRAGMENTS, MAX_MESSAGE, MAX_TEXT, NO_STATUS, PING, TEXT } from "./ws-numbers.js";

/** @typedef {{ code: 1002 | 1007 | 1008 | 1009, reason: string }} Violation what FrameParser.push throws */

/**
 * @typedef {object} FrameParserInit
 * @property {boolean} masked whether the peer has to mask its frames: true at a server, false at a client
 * @property {number} [maxMessage] bytes, at most MAX_TEXT; a larger message is refused as soon as a frame header
 *   announces it (1009)
 * @property {number} [maxFragments] frames in one message; one more is refused (1008)
 * @property {(message: string | Uint8Array<ArrayBuffer>) => void} onMessage a string for text; for binary a Uint8Array
 *   that fills a buffer of its own
 * @property {(payload: Uint8Array<ArrayBuffer>) => void} onPing the payload is the callee's to keep
 * @property {(code: number, reason: string) => void} onClose code is NO_STATUS when the frame had none
 */

/**
 * Turns one direction of a connection, cut anywhere, into messages. After onClose or a throw it ignores all input.
 * The callbacks run inside push() and must not call it.
 */
export class FrameParser {
  #frames;

  /** @param {FrameParserInit} init */
  constructor(init) {
    this.#frames = parse(init);
    // Up to where it asks for input.
    this.#frames.next();
  }

  /**
   * Takes the next bytes, which it neither changes nor keeps, and calls back for whatever they complete.
   * @param {Uint8Array} chunk
   * @throws {Violation} the connection has to be failed with this code
   */
  push(chunk) {
    this.#frames.next(chunk);
  }
}

/**
 * One final frame, in two parts so that nobody has to copy the payload. With a key the payload is masked in place;
 * a Blob is left to the caller, who has to `mask` what he reads from it.
 * @template {Uint8Array | Blob} T
 * @param {number} opcode
 * @param {T} payload
 * @param {Uint8Array} [key] four unpredictable bytes, fresh for each frame, at a client; none at a server
 * @returns {[header: Uint8Array<ArrayBuffer>, payload: T]}
 */
export function encodeFrame(opcode, payload, key) {
  const length = lengthOf(payload);
  const extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const header = new Uint8Array(2 + extra + (key ? 4 : 0));
  header[0] = 0x80 | opcode;
  header[1] = (key ? 0x80 : 0) | (extra > 2 ? 127 : extra ? 126 : length);
  for (let at = 1 + extra, rest = length; at > 1; rest /= 256) header[at--] = rest % 256;
  if (key) {
    header.set(key, 2 + extra);
    if (payload instanceof Uint8Array) mask(payload, key);
  }
  return [header, payload];
}

/**
 * Masks or unmasks in place (section 5.3), four bytes at a time wherever they are aligned.
 * @param {Uint8Array} bytes
 * @param {Uint8Array} key four bytes
 * @param {number} [phase] how far into the frame's payload `bytes` begins
 */
export function mask(bytes, key, phase = 0) {
  let at = 0;
  // Below this the two views cost more than they save.
  if (bytes.length > 63) {
    while ((bytes.byteOffset + at) & 3) bytes[at++] ^= key[phase++ & 3];
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (bytes.length - at) >> 2);
    const word = new Uint32Array(key.map((_, i) => key[(phase + i) & 3]).buffer)[0];
    for (let i = 0; i < words.length; i++) words[i] ^= word;
    at += words.length * 4;
  }
  while (at < bytes.length) bytes[at++] ^= key[phase++ & 3];
}

/**
 * The parser itself. Suspended wherever input is missing, it needs no state but its variables.
 * @param {FrameParserInit} init
 * @returns {Generator<void, void, Uint8Array>}
 */
function* parse({ masked, maxMessage = MAX_MESSAGE, maxFragments = MAX_FRAGMENTS, onMessage, onPing, onClose }) {
  const limit = Math.min(maxMessage, MAX_TEXT);
  // Input not consumed yet: input[at…].
  /** @type {Uint8Array} */
  let input = new Uint8Array(0);
  let at = 0;
  // The message being collected: its opcode (0: none), its frames, its bytes, and how far a text is known to be UTF-8.
  let type = 0;
  let fragments = 0;
  let bytes = new Uint8Array(0);
  let size = 0;
  let valid = 0;

  for (;;) {
    yield* need(2);
    const first = input[at++];
    const second = input[at++];
    const fin = first > 127;
    const opcode = first & 15;
    const control = opcode & 8;
    let length = second & 127;
    if (
      first & 0x70 || // no extension is ever agreed on
      (opcode & 7) > 2 ||
      second > 127 !== masked ||
      (control ? !fin || length > 125 : !opcode === !type)
    ) {
      fail(1002, "bad frame");
    }
    if (length > 125) {
      const least = length > 126 ? 65536 : 126;
      let form = length > 126 ? 8 : 2;
      yield* need(form);
      for (length = 0; form--; ) length = length * 256 + input[at++];
      if (length < least || length >= 2 ** 63) fail(1002, "bad frame");
    }
    if (!control) {
      type ||= opcode;
      if (++fragments > maxFragments) fail(1008);
      if (size + length > limit) fail(1009);
    }
    let key;
    if (masked) {
      yield* need(4);
      key = new Uint8Array(input.subarray(at, (at += 4)));
    }

    if (control) {
      yield* need(length);
      const payload = new Uint8Array(input.subarray(at, (at += length)));
      if (key) mask(payload, key);
      if (opcode === PING) onPing(payload);
      if (opcode === CLOSE) {
        // A payload of one byte makes this NaN.
        const code = length ? payload[0] * 256 + payload[1] : NO_STATUS;
        if (length && !(masked ? CLOSE_CODE : SERVER_CODE).test(`${code}`)) fail(1002, "bad close code");
        return onClose(code, decode(payload.subarray(2)));
      }
      continue;
    }

    const start = size;
    const end = start + length;
    while (size < end) {
      yield* need(1);
      const part = input.subarray(at, at + end - size);
      const from = size;
      at += part.length;
      size += part.length;
      if (size > bytes.length) {
        // Grows by what has arrived, not by what was announced; exactly to the end where that is known.
        const grown = new Uint8Array(Math.min(Math.max(size, 2 * bytes.length), fin ? end : limit));
        grown.set(bytes);
        bytes = grown;
      }
      bytes.set(part, from);
      if (key) mask(bytes.subarray(from, size), key, from - start);
      // A whole text gets checked by decoding it. Until then, fail on the first byte that is wrong.
      if (type === TEXT && !(fin && size === end)) valid = checkUtf8(bytes, valid, size);
    }
    if (fin) {
      const whole = size && size === bytes.length ? bytes : bytes.slice(0, size);
      const message = type === TEXT ? decode(whole) : whole;
      bytes = new Uint8Array(0);
      type = fragments = size = valid = 0;
      onMessage(message);
    }
  }

  /** Waits until the next `count` bytes lie in one piece: those of a header or a control frame, no more.
   * @param {number} count @returns {Generator<void, void, Uint8Array>} */
  function* need(count) {
    while (input.length - at < count) {
      // A copy, so that the chunk can go while this waits. (Node's Buffer has a slice() that copies nothing.)
      input = new Uint8Array(input.subarray(at));
      at = 0;
      const chunk = yield;
      input = input.length ? join([input, chunk]) : chunk;
    }
  }
}

/**
 * Where the sequence begins that bytes[at…end) leaves unfinished, `end` if it leaves none. Fails as soon as no
 * continuation could make these bytes UTF-8; a streaming TextDecoder is no substitute, because engines differ in how
 * early they notice.
 * @param {Uint8Array} bytes @param {number} at start of a sequence @param {number} end
 */
function checkUtf8(bytes, at, end) {
  while (at < end) {
    const lead = bytes[at];
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length > 1 && (lead < 0xc2 || lead > 0xf4)) fail(1007);
    for (let i = 1; i < length; i++) {
      if (at + i === end) return at;
      const byte = bytes[at + i];
      // No overlong forms, no surrogates, nothing above U+10FFFF: all visible in the second byte.
      const low = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const high = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (byte < low || byte > high) fail(1007);
    }
    at += length;
  }
  return at;
}

/** @param {Uint8Array} bytes */
function decode(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    return fail(1007);
  }
}

/** @param {Violation["code"]} code @param {string} [reason] @returns {never} */
function fail(code, reason = "") {
  throw { code, reason };
}

/** What a Close frame may say: section 7.4 and the IANA registry. */
export const CLOSE_CODE = /^(100[0-37-9]|101[0-4]|[34]\d{3})$/;

/** What browsers take from a server: all but those that may never be sent. */
const SERVER_CODE = /^(?!1005|1006|1015)\d+$/;
