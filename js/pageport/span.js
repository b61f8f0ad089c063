/**
 * Bytes of one direction between two offsets, kept in few blocks however small the pieces were.
 *
 * Must never keep much more memory than it has bytes.
 */

/** From here on a piece is kept as it is instead of being copied into a block. Whoever else keeps less of its memory copies that. */
export const LARGE = 16_384;
/** What may stand between the pieces of two frames: a header, and nothing that anybody keeps. */
const HEADER = 32;
const BLOCK = 65_536;
/** Blocks that are kept to be filled again: writing to fresh memory costs more than copying. As many as one ACK frees. */
const SPARE = 16;

/** From one offset of the stream to another. @typedef {{ bytes: Uint8Array, base: number, end: number }} Block */

export class Span {
  /** The bytes from `start` to `end` are kept. */
  start = 0;
  end = 0;
  /** @type {Block[]} */
  #blocks = [];
  /** @type {Uint8Array[]} */
  #spare = [];
  #keeps;

  /** @param {boolean} [keeps] whether pieces are its own from then on: large ones are kept as they are; otherwise all are copied */
  constructor(keeps) {
    this.#keeps = keeps;
  }

  /** Appends bytes. @param {Uint8Array} bytes */
  push(bytes) {
    const { length } = bytes;
    const base = this.end;
    let tail = this.#blocks.at(-1);
    this.end += length;
    // A small piece of a large buffer would keep all of it.
    const isKept = this.#keeps && length >= LARGE && length * 4 >= bytes.buffer.byteLength;
    const gap = isKept && tail?.bytes.buffer === bytes.buffer ? bytes.byteOffset - tail.bytes.byteOffset - tail.bytes.length : NaN;
    if (tail && gap >= 0 && gap < HEADER) {
      // The frame behind the last one: they become one piece, which can be handed on whole.
      const before = tail.bytes.length;
      const both = new Uint8Array(bytes.buffer, tail.bytes.byteOffset, before + gap + length);
      tail.bytes = both.copyWithin(before, before + gap).subarray(0, before + length);
    } else if (isKept || !tail || this.end - tail.base > tail.bytes.length) {
      const size = Math.max(length, Math.min(4 * (base - this.start), BLOCK));
      tail = { bytes: isKept ? bytes : ((size === BLOCK && this.#spare.pop()) || new Uint8Array(size)), base, end: base };
      this.#blocks.push(tail);
    }
    if (!isKept) tail.bytes.set(bytes, base - tail.base);
    tail.end = this.end;
  }

  /** A view of at most `max` bytes. @param {number} offset where there are bytes @param {number} max */
  peek(offset, max) {
    const { bytes, base, end } = /** @type {Block} */ (this.#blocks.find((block) => block.end > offset));
    return bytes.subarray(offset - base, Math.min(end, offset + max) - base);
  }

  /** Lets go of everything below `start`. @param {number} start */
  drop(start) {
    this.start = start;
    while (this.#blocks[0]?.end <= start) {
      const { bytes } = /** @type {Block} */ (this.#blocks.shift());
      if (!this.#keeps && bytes.length === BLOCK && this.#spare.length < SPARE) this.#spare.push(bytes);
    }
    if (!this.#blocks.length) this.#spare = [];
  }

  /** Lets go of everything, up to an end that may be new. */
  skip(end = this.end) {
    this.start = this.end = end;
    this.#blocks = [];
    this.#spare = [];
  }
}
