/**
 * Replies (spec/protocol.md §7): from JSON to what can be relied on.
 *
 * Must never let a key of the protocol pass that was not checked.
 */

import { HEAD_INVALID } from "./codes.js";
import { PageportError } from "./errors.js";
import { ANY } from "./heads.js";
import { check, maybe } from "./json.js";

/** @typedef {import("./json.js").Json} Json */

/** Why not. @typedef {{ error: string, message: string, status?: number, retry_after?: number }} Refusal */

/** A reply: with `ok` whatever belongs to it, or a refusal. @param {Json} reply @returns {any} */
export function parseReply(reply) {
  const { ok, error } = reply;
  return ok === true && error === undefined
    ? reply
    : check({ message: "", ...reply }, HEAD_INVALID, {
        ok: (ok) => ok === undefined,
        error: /^ERR_[A-Z0-9_]{0,60}$/,
        message: /^\P{Cc}{0,512}$/u,
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

/**
 * What the gateway has verified of a server: its certificate (hex of its SHA-256), for this name.
 * @typedef {{ version: string, cipher: string, alpn?: string, servername: string, certificate: string }} TlsInfo
 */

/** And one to a request for TLS. @param {Json} reply @returns {TlsInfo} */
export function parseTls({ tls }) {
  const { alpn, ...info } = check(Object(tls), HEAD_INVALID, { version: ANY, cipher: ANY, alpn: maybe(ANY), servername: ANY, certificate: /^[\da-f]{64}$/ });
  return alpn === undefined ? info : { ...info, alpn };
}
