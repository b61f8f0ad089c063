/**
 * Two byte streams for protocols that know how much they want: so many bytes, then so many more.
 *
 * Must never read further than one chunk beyond what was asked for.
 */

import { STREAM_ENDED } from "./codes.js";
import { fail } from "./errors.js";
import { ENCODER, join } from "./frames.js";

/** What a stream, a socket's `opened` or a connection has. @typedef {{ readable: ReadableStream<Uint8Array>, writable: WritableStream<any> }} Duplex */

export class ByteStream {
  #reader;
  #writer;
  /** Read, and not yet asked for. @type {Uint8Array} */
  #rest = new Uint8Array();
  /** Who read last: pieces are handed out in the order of the calls. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** Locks both until `release()`. @param {Duplex} duplex */
  constructor({ readable, writable }) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
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

  /** Settles once it has been accepted. @param {string | BufferSource} data text goes as UTF-8 */
  write(data) {
    return this.#writer.write(typeof data === "string" ? ENCODER.encode(data) : data);
  }

  /** Ends the direction of writing; what was written still arrives. */
  end() {
    return this.#writer.close();
  }

  /** Gives both streams back. What was read ahead stays here: better at the end of a message. */
  release() {
    this.#reader.releaseLock();
    this.#writer.releaseLock();
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
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }
}

/** @param {number} n */
function check(n) {
  if (!(n >= 0) || n % 1) throw new RangeError("how many bytes?");
}
