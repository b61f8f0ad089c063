/**
 * One of the few requests that all tabs of an origin may leave hanging at a gateway over HTTP/1.1, where a browser opens no more than
 * six connections (spec/protocol.md §9.1).
 *
 * Must never keep a page out of the back/forward cache: whoever closes its carrier lets go.
 */

import { HANGING } from "./limits.js";

export class Slot {
  #gateway;
  #release = () => {};
  #isHeld = false;
  #isOver = false;

  /** @param {string} gateway an origin */
  constructor(gateway) {
    this.#gateway = gateway;
  }

  /** Whether a request may hang. */
  async take() {
    const locks = globalThis.navigator?.locks;
    if (!locks || this.#isHeld || this.#isMultiplexed()) return true;
    for (let i = 0; i < HANGING && !this.#isHeld; i++) await this.#try(locks, `pageport-down ${this.#gateway} ${i}`);
    return this.#isHeld;
  }

  release() {
    this.#isOver = true;
    this.#release();
  }

  /** @param {LockManager} locks @param {string} name */
  #try(locks, name) {
    return new Promise((resolve) => {
      const got = (/** @type {Lock | null} */ lock) => {
        this.#isHeld = lock !== null && !this.#isOver;
        resolve(0);
        if (this.#isHeld) return new Promise((release) => (this.#release = () => release(0)));
      };
      // Pages that may have no locks ask as if there were none left.
      locks.request(name, { ifAvailable: true }, got).catch(resolve);
    });
  }

  /** Whether requests share a connection; what is not known counts as HTTP/1.1. */
  #isMultiplexed() {
    const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource"));
    return /^h[23]/.test(entries.findLast(({ name, nextHopProtocol }) => name.startsWith(this.#gateway + "/") && nextHopProtocol)?.nextHopProtocol ?? "");
  }
}
