/**
 * Asking the gateway to be connected (spec/protocol.md §7.5): to a WebSocket server, whose handshake it does, or to the WebSocketListener of another page.
 *
 * Must never hand out a stream that the other side has not accepted, or whose subprotocol was not asked for.
 */

import { HEAD_INVALID } from "./codes.js";
import { PageportError } from "./errors.js";
import { check } from "./json.js";
import { pageOf } from "./page-stream.js";
import { publish } from "./streams.js";
import { HEADERS } from "./visit.js";

export { connect } from "./ws-socket.js";
export { streamsOf } from "./ws-stream.js";

/**
 * Rejects when the target refuses, or the handshake says what it must not.
 * @param {import("./session.js").Session} session
 * @param {string} target as `addressOf` gives it
 * @param {string[]} protocols
 * @param {AbortSignal} [signal] gives up
 */
export async function dial(session, target, protocols, signal) {
  signal?.throwIfAborted();
  const stream = publish(session, session.open(headOf(target, protocols)));
  const abandon = () => stream.reset();
  signal?.addEventListener("abort", abandon);
  try {
    const answer = await stream.reply;
    /** @type {{ headers: [string, string][] }} */
    const { headers } = check({ headers: [], .../** @type {object} */ (answer) }, HEAD_INVALID, { headers: HEADERS });
    const [protocol = "", ...more] = headers.filter(([name]) => name === "sec-websocket-protocol").map(([, value]) => value);
    // Who asks for one has to get one of them (WHATWG WebSockets, "establish a WebSocket connection").
    if (more.length || (protocols.length ? !protocols.includes(protocol) : protocol)) throw new PageportError("ERR_BAD_REPLY");
    return { stream: /** @type {import("./ws-connection.js").ByteDuplex} */ (stream), protocol };
  } catch (error) {
    stream.reset();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abandon);
  }
}

/** @param {string} target @param {string[]} protocols */
function headOf(target, protocols) {
  const url = new URL(target);
  if (url.protocol !== "page:") {
    // Never a password in a head.
    url.username = url.password = "";
    return { connect: url.href, protocols };
  }
  return { ...pageOf(target), kind: "websocket", protocols };
}
