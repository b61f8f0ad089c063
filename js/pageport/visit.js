/**
 * Heads of visitors (spec/protocol.md §7.3): from JSON to what can be relied on.
 *
 * Must never let a key of the protocol pass that was not checked.
 */

import { HEAD_INVALID, UNSUPPORTED } from "./codes.js";
import { fail } from "./errors.js";
import { ANY } from "./heads.js";
import { check, list } from "./json.js";

/** A visitor who waits; a TCP connection has no `method`, `url` and `headers`, another page no `method`. @typedef {{ kind: "websocket" | "http" | "tcp" | "page", listener: string, method: string, url: string, headers: [string, string][], peer: string }} Visit */

/** Lower-case tokens, and values that are bytes of a field value. */
export const HEADERS = list(
  (field) => Array.isArray(field) && field.length === 2 && field.every((part) => part === `${part}`) && /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(field[0]) && /^(?![\t ])[\t -~\x80-\xff]*(?<![\t ])$/.test(field[1]),
  128,
);

/** The head of a stream that the gateway opened. @param {import("./json.js").Json} head @returns {Visit} */
export function parseVisit(head) {
  const { kind } = check(head, HEAD_INVALID, { kind: ANY });
  if (!/^(websocket|http|tcp|page)$/.test(kind)) fail(UNSUPPORTED);
  return check(head, HEAD_INVALID, {
    kind: ANY,
    listener: ANY,
    peer: ANY,
    ...(kind !== "tcp" && { url: ANY, headers: HEADERS }),
    ...(kind === "http" ? { method: /^[\w!#$%&'*+.^`|~-]{1,32}$/ } : kind === "websocket" && { method: ANY }),
  });
}
