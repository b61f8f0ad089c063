/**
 * Down answers of the `http` carrier (spec/protocol.md §9.1): a preamble, then messages with their lengths.
 *
 * Must never hand out a message that is not whole, nor keep more than one.
 */

import { FRAME_MALFORMED } from "./codes.js";
import { fail } from "./errors.js";
import { ENCODER, join } from "./frames.js";
import { MESSAGE } from "./limits.js";
import { LARGE } from "./span.js";
import { peekInt } from "./varint.js";

const PREAMBLE = ENCODER.encode("pageport down v1");

export class Parser {
  hasBegun = false;
  /** @type {Uint8Array[]} */
  #chunks = [];
  #size = 0;
  /** How many bytes it takes to go on. */
  #wanted = PREAMBLE.length;
  #onmessage;

  /** @param {(message: Uint8Array) => void} onmessage */
  constructor(onmessage) {
    this.#onmessage = onmessage;
  }

  /** @param {Uint8Array} chunk */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#wanted) return;
    const bytes = this.#chunks.length > 1 ? join(this.#chunks) : chunk;
    let at = 0;
    if (!this.hasBegun) {
      if (PREAMBLE.some((byte, i) => byte !== bytes[i])) fail(FRAME_MALFORMED);
      this.hasBegun = true;
      at = PREAMBLE.length;
    }
    for (;;) {
      const [length, start] = peekInt(bytes, at);
      const isKnown = start <= bytes.length;
      if (isKnown && (!length || length > MESSAGE)) fail(FRAME_MALFORMED);
      const end = start + length;
      if (!isKnown || end > bytes.length) {
        this.#wanted = isKnown ? end - at : bytes.length - at + 1;
        break;
      }
      this.#onmessage(bytes.subarray(start, end));
      at = end;
    }
    // Of little that is left there is a copy: the rest of the memory may be given away.
    this.#chunks = [bytes.length - at < LARGE ? bytes.slice(at) : bytes.subarray(at)];
    this.#size = bytes.length - at;
  }

  /** The answer has ended: in order only between two messages. */
  end() {
    if (!this.hasBegun || this.#size) fail(FRAME_MALFORMED);
  }
}
