/**
 * WELCOME, heads and replies (spec/protocol.md §5, §7): from JSON to what can be relied on.
 *
 * Must never let a key of the protocol pass that was not checked.
 */

import { HEAD_INVALID, HELLO_INVALID, UNSUPPORTED, VERSION } from "./codes.js";
import { fail } from "./errors.js";
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

/** A visitor who waits; a TCP connection has no `method`, `url` and `headers`. @typedef {{ kind: "websocket" | "http" | "tcp", listener: string, method: string, url: string, headers: [string, string][], peer: string }} Visit */
/** Why not. @typedef {{ error: string, message: string, status?: number, retry_after?: number }} Refusal */

/** Sixteen bytes in base64url. */
const ID = /^[\w-]{21}[AQgw]$/;
const ANY = /^/;

/** Lower-case tokens, and values that are bytes of a field value. */
export const HEADERS = list(
  (field) => Array.isArray(field) && field.length === 2 && field.every((part) => part === `${part}`) && /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(field[0]) && /^(?![\t ])[\t -~\x80-\xff]*(?<![\t ])$/.test(field[1]),
  128,
);

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

/** The head of a stream that the gateway opened. @param {Json} head @returns {Visit} */
export function parseVisit(head) {
  const { kind } = check(head, HEAD_INVALID, { kind: ANY });
  if (!/^(websocket|http|tcp)$/.test(kind)) fail(UNSUPPORTED);
  return check(head, HEAD_INVALID, {
    kind: ANY,
    listener: ANY,
    peer: ANY,
    ...(kind !== "tcp" && { method: kind === "http" ? /^[\w!#$%&'*+.^`|~-]{1,32}$/ : ANY, url: ANY, headers: HEADERS }),
  });
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

/** Where a listener by name can be reached. @param {Json} reply @returns {{ name: string, url: string, path_url: string }} */
export const parseListening = (reply) => check(reply, HEAD_INVALID, { name: ANY, url: ANY, path_url: ANY });

/** And one by port. @param {Json} reply @returns {{ host: string, port: number, url: string }} */
export const parsePort = (reply) => check(reply, HEAD_INVALID, { host: ANY, port: [0, 65_535], url: ANY });
