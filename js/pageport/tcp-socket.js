/**
 * `TCPSocket`: a connection to a server, in the shape of WICG Direct Sockets.
 *
 * Differences: the gateway makes the connection, so `remoteAddress` of `opened` is what was asked for, and there is no local one; NODELAY is always on, and
 * buffers, keep-alive and address family are the gateway's affair; no permission is asked for. Must never report a server that has not answered.
 */

import { connect } from "./socket.js";
import { mayClose } from "./tcp-server.js";

/**
 * @typedef {object} TCPSocketOptions
 * @property {boolean} [noDelay] ignored
 * @property {number} [keepAliveDelay] at least 1000; ignored
 * @property {number} [sendBufferSize] not 0; ignored
 * @property {number} [receiveBufferSize] not 0; ignored
 * @property {"ipv4" | "ipv6"} [dnsQueryType] ignored
 * @property {string} [gateway]
 * @property {AbortSignal} [signal] gives up, or resets what there is
 */
/** @typedef {Pick<import("./socket.js").Shell, "readable" | "writable"> & { remoteAddress: string, remotePort: number }} TCPSocketOpenInfo */

export class TCPSocket {
  /** @param {string} remoteAddress @param {number} remotePort @param {TCPSocketOptions} [options] */
  constructor(remoteAddress, remotePort, options = {}) {
    const { keepAliveDelay = 1000, sendBufferSize = 1, receiveBufferSize = 1, dnsQueryType = "ipv4" } = options;
    if (keepAliveDelay < 1000 || !sendBufferSize || !receiveBufferSize || !/^ipv[46]$/.test(dnsQueryType)) throw new TypeError("options");
    const socket = connect([remoteAddress, remotePort], options);
    /** Resolves once there is a connection. @type {Promise<TCPSocketOpenInfo>} */
    this.opened = socket.opened;
    /** Resolves once both directions have ended and all that was written has arrived, rejects when one of them was reset. */
    this.closed = socket.closed;
    /** Ends both directions; what was written still arrives. Rejects before it has opened, and while one of the streams is locked. */
    this.close = async () => {
      await mayClose(this.opened);
      return socket.close();
    };
  }
}
