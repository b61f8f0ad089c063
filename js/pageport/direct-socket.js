/**
 * What a `TCPSocket` and a `UDPSocket` have in common, in the shape of WICG Direct Sockets.
 *
 * Must never report a server that the gateway has not reached.
 */

import { connect } from "./socket.js";
import { mayClose } from "./tcp-server.js";

/**
 * @typedef {object} DirectSocketOptions
 * @property {number} [sendBufferSize] not 0; ignored
 * @property {number} [receiveBufferSize] not 0; ignored
 * @property {"ipv4" | "ipv6"} [dnsQueryType] ignored
 * @property {string} [gateway]
 * @property {AbortSignal} [signal] gives up, or resets what there is
 */

/** @template {{ readable: ReadableStream, writable: WritableStream }} I */
export class DirectSocket {
  /** @internal @param {import("./connection.js").DirectTarget} target @param {DirectSocketOptions & { keepAliveDelay?: number }} [options] */
  constructor(target, options = {}) {
    const { keepAliveDelay = 1000, sendBufferSize = 1, receiveBufferSize = 1, dnsQueryType = "ipv4" } = options;
    if (keepAliveDelay < 1000 || !sendBufferSize || !receiveBufferSize || !/^ipv[46]$/.test(dnsQueryType)) throw new TypeError("options");
    const socket = connect(/** @type {any} */ (target), options);
    /** Resolves once it is connected. @type {Promise<I>} */
    this.opened = /** @type {any} */ (socket.opened);
    /** Resolves once both directions have ended and all that was written is on its way, rejects when one of them was reset. */
    this.closed = socket.closed;
    /** Ends both directions; what was written still leaves. Rejects before it has opened, and while one of the streams is locked. */
    this.close = async () => {
      await mayClose(this.opened);
      return socket.close();
    };
  }
}
