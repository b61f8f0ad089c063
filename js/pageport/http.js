/**
 * The `http` carrier (spec/protocol.md §9.1): carrier messages as plain requests, for networks that let nothing else through.
 *
 * Fetched when it is needed. Must never put anything into a URL, nor ask for what needs a preflight.
 */

import { join } from "./frames.js";
import { LINGER, POLL, POLL_HIDDEN, PREAMBLE, QUEUE, QUEUE_TIME, REQUEST_RETRIES } from "./limits.js";
import { Slot } from "./http-slot.js";
import { Parser } from "./http-parser.js";
import { ints } from "./varint.js";

/** Modes of a down request: it goes on, ends with the first messages, or is answered at once. */
const STREAM = 0;
const HANG = 1;
const ASK = 2;

/** What streaming is remembered as when a proxy holds answers back. */
const STREAMING = "http streaming";

/** The answer says that there is no use in asking again. */
class Refused extends Error {}

export class HttpCarrier {
  /** @readonly */
  name = "http";
  #id = crypto.getRandomValues(new Uint8Array(16));
  #gateway;
  #memory;
  #onmessage;
  #onchange;
  #slot;
  /** Ends what hangs at once, and what was sent a little later. */
  #down = new AbortController();
  #up = new AbortController();
  #isOpen = false;
  #polls;
  #ack = 0;
  #seq = 0;
  /** Numbers of messages that are not answered yet. @type {Set<number>} */
  #flying = new Set();
  #queued = 0;
  /** Bytes a millisecond, and how long a request takes at least. */
  #rate = 0;
  #least = Infinity;
  /** Ends the pause between two polls. */
  #wake = () => {};

  /**
   * @param {string} gateway an origin
   * @param {import("./memory.js").Memory} memory
   * @param {boolean} polls whatever is remembered
   * @param {import("./carrier.js").Callbacks} to
   */
  constructor(gateway, memory, polls, ...[onmessage, onchange]) {
    this.#gateway = gateway;
    this.#memory = memory;
    this.#polls = polls || memory.hasFailed(STREAMING);
    this.#onmessage = onmessage;
    this.#onchange = onchange;
    this.#slot = new Slot(gateway);
    this.#listen();
  }

  /** Two requests at once, in turn, and together no more than other carriers queue. */
  room() {
    const most = Math.max(QUEUE, this.#rate * QUEUE_TIME);
    const room = Math.min(most / 2, most - this.#queued);
    return this.#isOpen && !this.#flying.has(this.#seq - 2) && room > 0 ? room : NaN;
  }

  /** @param {Uint8Array<ArrayBuffer>} message */
  async send(message) {
    const start = performance.now();
    const seq = this.#seq++;
    this.#flying.add(seq);
    this.#queued += message.length;
    const body = join([this.#id, ints(seq), message]);
    await this.#retry(this.#up.signal, () => this.#request("up", body, this.#up.signal));
    const took = performance.now() - start;
    this.#least = Math.min(this.#least, took);
    if (message.length > QUEUE / 4) this.#rate = (this.#rate + message.length / Math.max(1, took - this.#least)) / 2;
    this.#flying.delete(seq);
    this.#queued -= message.length;
    this.#wake();
    if (this.#isOpen) this.#onchange(false);
  }

  close() {
    this.#isOpen = false;
    this.#down.abort();
    this.#wake();
    this.#slot.release();
    setTimeout(() => this.#up.abort(), LINGER);
  }

  async #listen() {
    const { signal } = this.#down;
    while (!signal.aborted) {
      const mayHang = await this.#slot.take();
      // A proxy that holds an answer back until its end is found out by one that ends at once.
      const mode = !mayHang || (this.#polls && !this.#isOpen) ? ASK : this.#polls ? HANG : STREAM;
      await this.#retry(signal, () => this.#read(mode));
      if (mayHang || signal.aborted) continue;
      const isHidden = globalThis.document?.hidden;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, isHidden ? POLL_HIDDEN : POLL);
        this.#wake = () => {
          clearTimeout(timer);
          resolve(0);
        };
      });
    }
  }

  /** One down request, to its end. @param {number} mode */
  async #read(mode) {
    const request = new AbortController();
    const abort = () => request.abort();
    const { signal } = this.#down;
    signal.addEventListener("abort", abort);
    const before = this.#ack;
    let isLate = false;
    const timer = mode === STREAM && !this.#isOpen && setTimeout(() => request.abort((isLate = true)), PREAMBLE);
    try {
      const answer = await this.#request("down", join([this.#id, ints(this.#ack), [mode]]), request.signal);
      const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
      const parser = new Parser((message) => {
        if (signal.aborted) return;
        this.#ack++;
        this.#onmessage(message);
      });
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parser.push(value);
        if (parser.hasBegun && mode === STREAM) this.#open(timer);
      }
      parser.end();
      this.#open(timer);
    } catch (error) {
      // Where messages have come that was no failure.
      if (!isLate && this.#ack === before) throw error;
      if (isLate) {
        this.#polls = true;
        this.#memory.note([STREAMING]);
      }
    } finally {
      clearTimeout(/** @type {any} */ (timer));
      signal.removeEventListener("abort", abort);
    }
  }

  /** @param {any} timer */
  #open(timer) {
    clearTimeout(timer);
    if (this.#isOpen || this.#down.signal.aborted) return;
    this.#isOpen = true;
    this.#onchange(false);
  }

  /** @param {string} way @param {BodyInit} body @param {AbortSignal} signal */
  async #request(way, body, signal) {
    const answer = await fetch(`${this.#gateway}/link/${way}`, { method: "POST", body, signal, cache: "no-store", redirect: "error" });
    if (!answer.ok) throw /^(408|429|5..)$/.test(`${answer.status}`) ? new Error() : new Refused();
    return answer;
  }

  /** Asks again for what failed, with the same numbers; a carrier that nothing is to be had from is lost. @param {AbortSignal} signal @param {() => Promise<unknown>} ask */
  async #retry(signal, ask) {
    for (const pause of [...(this.#isOpen ? REQUEST_RETRIES : []), NaN]) {
      if (signal.aborted) return;
      try {
        await ask();
        return;
      } catch (error) {
        if (error instanceof Refused || !(pause >= 0)) return this.#lose();
      }
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #lose() {
    if (this.#down.signal.aborted) return;
    this.close();
    this.#up.abort();
    this.#onchange(true);
  }
}
