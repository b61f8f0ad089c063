/**
 * One visitor of a WebSocketListener (spec/protocol.md §7.3): what the page sees of it, and its socket.
 *
 * Must never accept a subprotocol that the visitor did not offer.
 */

import { INVALID_ARGUMENT } from "./codes.js";
import { fail } from "./errors.js";
import { introduce } from "./introduce.js";
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

/** @param {import("./listening.js").Listening} listening @param {import("./stream.js").Stream} stream @param {import("./json.js").Json} head */
export function meet({ session, init, role }, stream, head) {
  const { url, method, headers: list, peer } = parseVisit(head);
  const { protocol, protocols = [protocol], maxMessage, maxFragments } = /** @type {SocketOptions} */ (init);
  const headers = new Headers(list);
  const request = { url, method, headers, origin: headers.get("origin"), peer };
  const offered = (headers.get("sec-websocket-protocol") ?? "").split(/ *, */);
  introduce(role.owner, stream, request, ({ protocol = offered.find((offer) => offer && protocols.includes(offer)) ?? "" } = {}) => {
    if (protocol && !offered.includes(protocol)) fail(INVALID_ARGUMENT);
    return {
      answer: { ok: true, status: 101, headers: protocol ? [["sec-websocket-protocol", protocol]] : [] },
      begin: () => ({ socket: new ListenerSocket(/** @type {any} */ (publish(session, stream)), { url, protocol, maxMessage, maxFragments }), request }),
    };
  });
}
