/**
 * Two byte streams for protocols that know how much they want: so many bytes, a line of text, then so many more.
 *
 * Must never read further than one chunk beyond what was asked for.
 */

import { LINE_TOO_LONG, STREAM_ENDED } from "./codes.js";
import { fail } from "./errors.js";
import { ENCODER, join } from "./frames.js";
import { LINE } from "./limits.js";
import { holds } from "./read-ahead.js";

/** What a socket, its `opened`, a stream or a connection has; without `writable` there is only reading. @typedef {{ readable: ReadableStream<Uint8Array>, writable?: WritableStream<any> }} Duplex */

/** Small pieces of a line are put together when there are so many: each costs more than its bytes. */
const PIECES = 64;
const LF = 10;
const CR = 13;
/** As TextDecoderStream reads: what is not UTF-8 becomes U+FFFD, and U+FEFF counts for nothing where all begins. */
const FIRST = new TextDecoder();
const FURTHER = new TextDecoder("utf-8", { ignoreBOM: true });

export class ByteStream {
  #reader;
  #writer;
  /** Read, and not yet asked for. @type {Uint8Array} */
  #rest = new Uint8Array();
  #isAtStart = true;
  /** Who read last: pieces are handed out in the order of the calls. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** Locks both until `release()`. @param {Duplex} duplex */
  constructor({ readable, writable }) {
    this.#reader = readable.getReader();
    holds(readable, () => this.#rest.length);
    this.#writer = writable?.getWriter();
  }

  /**
   * As many bytes as there are, at least one and at most `n`; none at the end.
   * @param {number} [n]
   * @returns {Promise<Uint8Array>}
   */
  read(n = Infinity) {
    return this.#inTurn(async () => {
      check(n);
      await this.#fill();
      return this.#take(n);
    });
  }

  /**
   * Exactly `n` bytes; rejects with ERR_STREAM_ENDED when the end comes before.
   * @param {number} n
   * @returns {Promise<Uint8Array>}
   */
  readExactly(n) {
    return this.#inTurn(async () => {
      check(n);
      const parts = [];
      for (let left = n; left; ) {
        if (!(await this.#fill())) {
          this.#rest = join(parts);
          fail(STREAM_ENDED);
        }
        const part = this.#take(left);
        left -= part.length;
        parts.push(part);
      }
      return parts.length === 1 ? parts[0] : join(parts);
    });
  }

  /**
   * A line of UTF-8, without what ends it (LF, or CR LF); the last one may end without. Undefined behind it. Where it comes in pieces does not matter. Rejects with ERR_LINE_TOO_LONG,
   * and what there is of the line can still be read otherwise.
   * @param {number} [most] bytes of a line with its end, 65,536 by default
   * @returns {Promise<string | undefined>}
   */
  readLine(most = LINE) {
    return this.#inTurn(async () => {
      const decoder = this.#isAtStart ? FIRST : FURTHER;
      /** @type {Uint8Array[]} */
      let parts = [];
      for (let left = most, isWhole = false; !isWhole && (await this.#fill()); ) {
        const at = this.#rest.indexOf(LF);
        isWhole = at >= 0;
        const part = this.#take(isWhole ? at + 1 : Infinity);
        if (parts.push(part) > PIECES) parts = [join(parts)];
        left -= part.length;
        if (left < 0) {
          this.#rest = join([...parts, this.#rest]);
          fail(LINE_TOO_LONG);
        }
      }
      const line = join(parts);
      const end = line.at(-1) !== LF ? line.length : line.at(-2) !== CR ? -1 : -2;
      return parts.length ? decoder.decode(line.subarray(0, end)) : undefined;
    });
  }

  /** All lines from here on. Whoever leaves the loop can go on reading. @param {number} [most] see `readLine` */
  async *lines(most) {
    for (let line; (line = await this.readLine(most)) !== undefined; ) yield line;
  }

  /** Settles once it has been accepted. @param {string | BufferSource} data text goes as UTF-8 */
  async write(data) {
    return /** @type {WritableStreamDefaultWriter} */ (this.#writer).write(typeof data === "string" ? ENCODER.encode(data) : data);
  }

  /** Ends the direction of writing; what was written still arrives. */
  async end() {
    return /** @type {WritableStreamDefaultWriter} */ (this.#writer).close();
  }

  /** Gives both streams back. What was read ahead stays here: better at the end of a message. */
  release() {
    this.#reader.releaseLock();
    this.#writer?.releaseLock();
  }

  /** @template T @param {() => Promise<T>} how @returns {Promise<T>} */
  #inTurn(how) {
    const result = this.#last.then(how);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Whether there is anything. */
  async #fill() {
    while (!this.#rest.length) {
      const { done, value } = await this.#reader.read();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }

  /** @param {number} most */
  #take(most) {
    const part = this.#rest.subarray(0, most);
    this.#isAtStart &&= !part.length;
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }
}

/** @param {number} n */
function check(n) {
  if (!(n >= 0) || n % 1) throw new RangeError("how many bytes?");
}
