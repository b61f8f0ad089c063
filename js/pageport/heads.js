/**
 * WELCOME, heads and replies (spec/protocol.md §5, §7): from JSON to what can be relied on.
 *
 * Must never pass on a key that was not checked.
 */

import { HEAD_INVALID, HELLO_INVALID, UNSUPPORTED, VERSION } from "./codes.js";
import { fail } from "./errors.js";
import { fits, parse } from "./json.js";

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

/** A visitor who waits. @typedef {{ listener: string, method: string, url: string, headers: [string, string][], peer: string }} Visit */
/** Why not. @typedef {{ error: string, message: string, status?: number, retry_after?: number }} Refusal */

/** Sixteen bytes in base64url. */
const ID = /^[\w-]{21}[AQgw]$/;
const ANY = /^/;

/** @param {Uint8Array} bytes */
export function parseWelcome(bytes) {
  const object = parse(bytes, HELLO_INVALID);
  const { version, session, secret, nonce, lease, limits, features = [] } = /** @type {any} */ (object);
  if (!fits(object, { version: [0] })) fail(HELLO_INVALID);
  if (version !== 1) fail(VERSION);
  const { streams, initial, unreceived } = limits ?? {};
  return fits(object, { session: ID, nonce: ID, lease: [0] }) &&
    (secret === undefined || fits(object, { secret: /^[\w-]{42}[AEIMQUYcgkosw048]$/ })) &&
    fits({ streams, initial, unreceived }, { streams: [1, 65_536], initial: [1_024, 65_536], unreceived: [65_536, 2 ** 32] }) &&
    isList(features, 16) &&
    features.every((/** @type {any} */ feature) => fits([feature], { 0: /^[^]{0,32}$/u }))
    ? /** @type {Welcome} */ ({ session, secret, nonce, lease, limits: { streams, initial, unreceived }, features })
    : fail(HELLO_INVALID);
}

/** The head of a stream that the gateway opened. @param {Json} head */
export function parseVisit(head) {
  const { kind, listener, method, url, headers, peer } = head;
  if (!fits(head, { kind: ANY })) fail(HEAD_INVALID);
  if (kind !== "websocket") fail(UNSUPPORTED);
  return fits(head, { listener: ANY, method: ANY, url: ANY, peer: ANY }) && isHeaders(headers)
    ? /** @type {Visit} */ ({ listener, method, url, headers, peer })
    : fail(HEAD_INVALID);
}

/** A reply: with `ok` whatever belongs to it, or a refusal. @param {Json} reply */
export function parseReply(reply) {
  const { ok, error } = reply;
  const refusal = { message: "", status: 400, retry_after: 0, ...reply };
  return ok === true && error === undefined
    ? reply
    : ok === undefined &&
        fits(refusal, { error: /^ERR_[A-Z0-9_]{0,60}$/, message: /^[^]{0,512}$/u, status: [400, 599], retry_after: [0] })
      ? /** @type {Json & Refusal} */ ({ ...reply, message: refusal.message })
      : fail(HEAD_INVALID);
}

/** Where a listener can be reached. @param {Json} reply */
export const parseListening = (reply) =>
  fits(reply, { name: ANY, url: ANY, path_url: ANY })
    ? /** @type {{ name: string, url: string, path_url: string }} */ (reply)
    : fail(HEAD_INVALID);

/** Lower-case tokens, and values that are bytes of a field value. @param {unknown} list @returns {list is [string, string][]} */
export const isHeaders = (list) =>
  isList(list, 128) &&
  list.every(
    (field) =>
      isList(field, 2) &&
      field.length > 1 &&
      fits(field, { 0: /^[\w!#$%&'*+.^`|~-]{1,128}$/, 1: /^(?![\t ])[\t -~\x80-\xff]*(?<![\t ])$/ }) &&
      !/[A-Z]/.test(field[0]),
  );

/** @param {unknown} value @param {number} most @returns {value is any[]} */
const isList = (value, most) => Array.isArray(value) && value.length <= most;
