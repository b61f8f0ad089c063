/**
 * Streams that the gateway opens: for each the listener that it is for.
 *
 * Fetched with what meets visitors. Must never leave one without an answer.
 */

import { HEAD_INVALID } from "./codes.js";
import { reply } from "./core.js";
import { codeOf } from "./errors.js";
import { ANY } from "./heads.js";
import { check } from "./json.js";
import { giveUp, stop } from "./receive.js";
import { finish } from "./send.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./stream.js").Stream} Stream */

/** A visitor, perhaps. @param {Session} session @param {Stream} stream */
export function dispatch(session, stream) {
  try {
    const { head } = stream;
    const { kind, listener } = check(head, HEAD_INVALID, { kind: ANY, listener: ANY });
    /** @param {string} wanted */
    const find = (wanted) => [...session.listeners].find(({ name, kind }) => name === listener && kind === wanted);
    // Whoever serves pages under a name may also upgrade.
    const found = find(kind) ?? (kind === "websocket" && find("http"));
    if (found) found.part?.meet(found, stream, /** @type {import("./json.js").Json} */ (head));
    else refuse(session, stream, /^(websocket|http|tcp|page)$/.test(kind) ? "ERR_LISTENER_UNKNOWN" : "ERR_UNSUPPORTED");
  } catch (error) {
    giveUp(session.core, stream, error);
  }
}

/** @param {Session} session @param {Stream} stream @param {string} error @param {object} [more] */
export function refuse(session, stream, error, more) {
  reply(session.core, stream, { error, ...more });
  finish(session.core, stream);
  stop(session.core, stream, codeOf({ code: error }));
  session.poke();
}
