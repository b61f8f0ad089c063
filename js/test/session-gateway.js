/**
 * The gateway's role for tests: the same state machine as the page's, and around it what only a gateway does when carriers
 * come (spec/protocol.md §5, §6).
 *
 * Keeps no clock. Must never be kinder than a gateway may be.
 */

import { receive } from "../pageport/attach.js";
import { Core } from "../pageport/core.js";
import { decode, join } from "../pageport/frames.js";
import { onResume, snapshot } from "../pageport/resume.js";
import { ints } from "../pageport/varint.js";
import * as wire from "../pageport/wire.js";
import { frame, message } from "./session-frames.js";

export const SESSION = "A".repeat(22);
export const SECRET = "A".repeat(43);
export const NONCE = "A".repeat(22);

/** @typedef {import("../pageport/core.js").Carrier} Carrier */

export class GatewayCore extends Core {
  /** Carriers whose RESUME has not ended, by key. @type {Map<unknown, Carrier & { n: number }>} */
  candidates = new Map();
  attaches = 0;
  /** What GOAWAY said. */
  lastId = Infinity;

  /** @param {{ limits?: import("../pageport/heads.js").Limits, budget?: number, lease?: number }} [options] */
  constructor({ lease = 150, ...options } = {}) {
    super({ side: 0, ...options });
    this.lease = lease;
    this.hellos = [];
  }

  /** Takes in a message of any carrier. @param {unknown} key @param {Uint8Array} message @param {number} now */
  take(key, message, now) {
    if (this.ended >= 0) return;
    const [first, ...rest] = decode(message);
    if (first[0] === wire.HELLO && !rest.length) return this.#greet(key, first[1], now);
    const candidate = this.candidates.get(key);
    if (!candidate) return this.#pass(key, [first, ...rest], now);
    const frames = [first, ...rest];
    for (let next; (next = frames.shift()); ) {
      const [type, done, highest, entries] = next;
      if (type !== wire.RESUME) throw new Error(`frame ${type} before the end of RESUME`);
      if (!done) {
        onResume(this, candidate, done, highest, entries);
        continue;
      }
      this.#takeOver(candidate, highest, entries, now);
      if (frames.length) this.#pass(key, frames, now);
      return;
    }
  }

  /** What leaves on a carrier that is not attached. @param {unknown} key */
  greeting(key) {
    const out = this.candidates.get(key)?.out.splice(0) ?? [];
    return out.length ? join(out.flatMap(([type, ...payload]) => frame(type, ...payload))) : undefined;
  }

  /** @param {unknown} key */
  lose(key) {
    this.candidates.delete(key);
    if (this.carrier?.key === key) this.carrier = undefined;
  }

  goAway() {
    this.lastId = Math.max(this.highest, 0);
    this.carrier?.out.push(this.#away());
  }

  /** @param {unknown} key @param {Uint8Array} bytes @param {number} now */
  #greet(key, bytes, now) {
    const hello = JSON.parse(new TextDecoder().decode(bytes));
    this.hellos.push(hello);
    const candidate = { key, phase: wire.RESUMING, out: [], heard: now, opened: now, pinged: -1, entries: [], n: hello.n };
    this.candidates.set(key, candidate);
    if (hello.n <= this.n) {
      candidate.out.push([wire.DETACH, ints(32)]);
      return;
    }
    this.n = hello.n;
    this.peer = hello.limits;
    this.nonce = Buffer.alloc(16, hello.n).toString("base64url");
    const secret = this.attaches || hello.session ? undefined : SECRET;
    const welcome = { version: 1, session: SESSION, secret, nonce: this.nonce, lease: this.lease, limits: this.limits, features: [] };
    candidate.out.push([wire.WELCOME, new TextEncoder().encode(JSON.stringify(welcome))]);
  }

  /** @param {Carrier & { n: number }} candidate @param {number} highest @param {any[]} entries @param {number} now */
  #takeOver(candidate, highest, entries, now) {
    for (const [key, other] of this.candidates) if (other.n <= candidate.n) this.candidates.delete(key);
    this.attaches++;
    this.carrier = candidate;
    this.now = now;
    for (const stream of this.streams.values()) stream.sent = stream.out.start;
    onResume(this, candidate, 1, highest, entries.filter(([id]) => id % 2 === 0 || id <= this.lastId));
    snapshot(this, candidate);
    if (this.lastId < Infinity) candidate.out.push(this.#away());
  }

  /** @param {unknown} key @param {import("../pageport/frames.js").Frame[]} frames @param {number} now */
  #pass(key, frames, now) {
    const known = frames.flatMap(([type, a, ...rest]) => {
      const named = [wire.DATA, wire.RESET, wire.STOP].includes(type);
      if (named && a % 2 && a > this.lastId) return [];
      if (type === wire.ACK) a = a.filter((/** @type {number[]} */ [id]) => id % 2 === 0 || id <= this.lastId);
      return type === wire.ACK && !a.length ? [] : [/** @type {import("./session-frames.js").Frame} */ ([type, a, ...rest])];
    });
    if (known.length) receive(this, key, message(...known), now);
  }

  /** @returns {[number, number[]]} */
  #away() {
    return [wire.GOAWAY, ints(this.lastId, 10_000, 42, 1, 2)];
  }
}
