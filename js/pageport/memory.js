/**
 * What a page remembers of the carriers to a gateway: which one was the best, and which failed not long ago.
 *
 * Must never be more than a hint: whoever else writes to the same storage may have written anything.
 */

import { REMEMBERED, STORED } from "./limits.js";

export class Memory {
  /** @type {string | undefined} */
  best;
  /** When each failed. @type {Record<string, number>} */
  #failed = {};
  #key;

  /** @param {string} gateway */
  constructor(gateway) {
    this.#key = STORED + gateway;
    try {
      const { best, failed } = JSON.parse(localStorage[this.#key]);
      this.best = `${best}`;
      this.#failed = { ...failed };
    } catch {
      // Nothing yet, nothing of ours, or no storage.
    }
  }

  /** @param {string} what */
  hasFailed(what) {
    const age = Date.now() - this.#failed[what];
    return age >= 0 && age < REMEMBERED;
  }

  /** These failed, while this one works. @param {Iterable<string>} failed @param {string} [best] */
  note(failed, best = `${this.best}`) {
    this.best = best;
    delete this.#failed[best];
    for (const what of failed) this.#failed[what] = Date.now();
    this.#save();
  }

  /** Another network, perhaps. */
  clear() {
    this.#failed = {};
    this.#save();
  }

  #save() {
    try {
      localStorage[this.#key] = JSON.stringify({ best: this.best, failed: this.#failed });
    } catch {
      // It lasts as long as the page then.
    }
  }
}
