/**
 * WELCOME (spec/protocol.md §5): from JSON to what can be relied on.
 *
 * Must never let a key of the protocol pass that was not checked.
 */

import { HELLO_INVALID, VERSION } from "./codes.js";
import { fail } from "./errors.js";
import { check, list, maybe, parse } from "./json.js";

/** What each side announces once for a session. @typedef {{ streams: number, initial: number, unreceived: number }} Limits */

/**
 * @typedef {object} Welcome
 * @property {string} session
 * @property {string} [secret] only for a new session
 * @property {string} nonce
 * @property {number} lease in seconds
 * @property {Limits} limits
 * @property {string[]} features
 */

/** Sixteen bytes in base64url. */
export const ID = /^[\w-]{21}[AQgw]$/;
/** Any string. */
export const ANY = /^/;

/** @param {Uint8Array} bytes @returns {Welcome} */
export function parseWelcome(bytes) {
  const object = parse(bytes, HELLO_INVALID);
  if (check(object, HELLO_INVALID, { version: [0] }).version !== 1) fail(VERSION);
  return {
    ...check({ features: [], ...object }, HELLO_INVALID, {
      session: ID,
      secret: maybe(/^[\w-]{42}[AEIMQUYcgkosw048]$/),
      nonce: ID,
      lease: [0],
      features: list(/^[^]{0,32}$/u, 16),
    }),
    limits: check(object.limits ?? {}, HELLO_INVALID, { streams: [1, 65_536], initial: [1_024, 65_536], unreceived: [65_536, 2 ** 32] }),
  };
}
