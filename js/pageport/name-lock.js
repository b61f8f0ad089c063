/**
 * One name, one tab: a Web Lock for each name that listeners of this realm have.
 *
 * Must never keep a page out of the back/forward cache, nor wait long for a page that is going away.
 */

import { NAME_REPLACED } from "./codes.js";
import { PageportError } from "./errors.js";
import { LOCK_WAIT } from "./limits.js";

/** @typedef {import("./listening.js").Listening} Listening */

/** By name. @type {Map<string, NameLock>} */
const locks = new Map();

/**
 * Whether a listener has a name for itself and its siblings, until it closes. Who loses it to another tab is closed.
 * @param {string} name
 * @param {Listening} listening
 * @param {boolean} [steal] from whoever has it
 */
export async function hold(name, listening, steal) {
  // Without locks it is up to the gateway, which lets the newest have it.
  if (!globalThis.navigator?.locks) return true;
  const { signal } = listening.life;
  // Nobody would let go of it.
  signal.throwIfAborted();
  const lock = locks.get(name) ?? new NameLock(name, steal);
  // Not again in each session.
  if (!lock.users.has(listening)) {
    lock.users.add(listening);
    signal.addEventListener("abort", () => lock.leave(listening));
  }
  return lock.isHeld;
}

class NameLock {
  /** @type {Set<Listening>} */
  users = new Set();
  #name;
  /** Lets go, also while the page is away: browsers keep none that holds a lock. */
  release = () => {};

  /** @param {string} name @param {boolean} [steal] */
  constructor(name, steal) {
    this.#name = name;
    locks.set(name, this);
    this.isHeld = this.take(steal);
  }

  /** @param {Listening} listening */
  leave(listening) {
    this.users.delete(listening);
    if (this.users.size) return;
    this.release();
    if (locks.get(this.#name) === this) locks.delete(this.#name);
  }

  /** @param {boolean} [steal] @returns {Promise<boolean>} */
  take(steal) {
    return new Promise((resolve) => {
      const held = () => {
        resolve(true);
        return this.users.size ? new Promise((release) => (this.release = /** @type {() => void} */ (release))) : 0;
      };
      // It does not come in time; or it was here, and is stolen.
      const gone = () => {
        resolve(false);
        if (locks.get(this.#name) === this) locks.delete(this.#name);
        for (const listening of this.users) if (listening.state) listening.lost(new PageportError(NAME_REPLACED), true);
      };
      navigator.locks.request(this.#name, steal ? { steal } : { signal: AbortSignal.timeout(LOCK_WAIT) }, held).catch(gone);
    });
  }
}

// In a worker there are none of these.
globalThis.addEventListener?.("pagehide", () => locks.forEach((lock) => lock.release()));
globalThis.addEventListener?.("pageshow", ({ persisted }) => persisted && locks.forEach((lock) => (lock.isHeld = lock.take())));
