/**
 * One visitor of a WebSocketListener (spec/protocol.md §7.3): shown to the page, then accepted or refused.
 *
 * Must never answer twice, nor accept a subprotocol that the visitor did not offer.
 */

import { INVALID_ARGUMENT, INVALID_STATE } from "./codes.js";
import { reply } from "./core.js";
import { fail } from "./errors.js";
import { ITERATOR_QUEUE } from "./limits.js";
import { publish } from "./streams.js";
import { parseVisit } from "./visit.js";
import { ListenerSocket } from "./ws-socket.js";

/** A visitor's request. @typedef {{ url: string, method: string, headers: Headers, origin: string | null, peer: string }} VisitorRequest */
/** @typedef {{ socket: ListenerSocket, request: VisitorRequest }} Connection */
/** @typedef {{ request: VisitorRequest, accept: (options?: { protocol?: string }) => void, reject: (status?: number, reason?: string) => void }} Connecting */
/**
 * @typedef {object} SocketOptions
 * @property {string} [protocol] a subprotocol that this listener speaks
 * @property {string[]} [protocols] or several
 * @property {number} [maxMessage] the largest message of a visitor, in bytes
 * @property {number} [maxFragments] the most frames that it may consist of
 */

/**
 * @param {import("./listener.js").WebSocketListener} listener
 * @param {import("./stream.js").Stream} stream
 * @param {import("./json.js").Json} head
 * @param {SocketOptions} init
 */
export function meet(listener, stream, head, init) {
  const { session } = listener.listening;
  const { url, method, headers: list, peer } = parseVisit(head);
  const { protocol, protocols = [protocol], maxMessage, maxFragments } = init;
  const headers = new Headers(list);
  const request = { url, method, headers, origin: headers.get("origin"), peer };
  const offered = (headers.get("sec-websocket-protocol") ?? "").split(/ *, */);
  let isAnswered = false;
  /** Whether there is still somebody to answer. */
  const answer = () => {
    if (isAnswered) fail(INVALID_STATE);
    isAnswered = true;
    session.poke();
    return stream.reset < 0;
  };
  const accept = ({ protocol = offered.find((offer) => offer && protocols.includes(offer)) ?? "" } = {}) => {
    if (protocol && !offered.includes(protocol)) fail(INVALID_ARGUMENT);
    if (answer()) {
      reply(session.core, stream, { ok: true, status: 101, headers: protocol ? [["sec-websocket-protocol", protocol]] : [] });
      const socket = new ListenerSocket(/** @type {any} */ (publish(session, stream)), { url, protocol, maxMessage, maxFragments });
      const connection = { socket, request };
      listener.queue?.push(connection);
      listener.wake();
      listener.emit("connection", connection);
    }
  };
  const reject = (status = 403, reason = "") => {
    if (!(status >= 400 && status < 600)) fail(INVALID_ARGUMENT);
    if (answer()) session.refuse(stream, "ERR_REJECTED", { status: status | 0, message: [...`${reason}`].slice(0, 512).join("") });
  };
  if ((listener.queue?.length ?? 0) >= ITERATOR_QUEUE) reject(503);
  else if (listener.emit("connecting", { request, accept, reject }) && !isAnswered) accept();
}
