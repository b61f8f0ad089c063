/**
 * WELCOME and replies (spec/protocol.md §5, §7): from JSON to what can be relied on.
 *
 * Must never let a key of the protocol pass that was not checked.
 */

import { HEAD_INVALID, HELLO_INVALID, VERSION } from "./codes.js";
import { fail, PageportError } from "./errors.js";
import { check, list, maybe, parse } from "./json.js";

/** @typedef {import("./json.js").Json} Json */

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

/** Why not. @typedef {{ error: string, message: string, status?: number, retry_after?: number }} Refusal */

/** Sixteen bytes in base64url. */
const ID = /^[\w-]{21}[AQgw]$/;
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

/** A reply: with `ok` whatever belongs to it, or a refusal. @param {Json} reply @returns {any} */
export function parseReply(reply) {
  const { ok, error } = reply;
  return ok === true && error === undefined
    ? reply
    : check({ message: "", ...reply }, HEAD_INVALID, {
        ok: (ok) => ok === undefined,
        error: /^ERR_[A-Z0-9_]{0,60}$/,
        message: /^[^]{0,512}$/u,
        status: maybe([400, 599]),
        retry_after: maybe([0]),
      });
}

/** A reply that is no refusal. @param {Json} reply @returns {any} */
export function answerOf(reply) {
  const answer = parseReply(reply);
  if (answer.error) throw new PageportError(answer.error, answer.message);
  return answer;
}

/** Where a listener by name can be reached. @param {Json} reply @returns {{ name: string, url: string, pathUrl: string }} */
export function parseListening(reply) {
  const { path_url: pathUrl, ...place } = check(reply, HEAD_INVALID, { name: ANY, url: ANY, path_url: ANY });
  return { ...place, pathUrl };
}

/** And one by port. @param {Json} reply @returns {{ host: string, port: number, url: string }} */
export const parsePort = (reply) => check(reply, HEAD_INVALID, { host: ANY, port: [0, 65_535], url: ANY });
