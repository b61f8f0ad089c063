/**
 * `TCPSocket`: a connection to a server, in the shape of WICG Direct Sockets.
 *
 * Differences: the gateway makes the connection, so `remoteAddress` of `opened` is what was asked for, and there is no local one; NODELAY is always on, and
 * buffers, keep-alive and address family are the gateway's affair; no permission is asked for. Must never report a server that has not answered.
 */

import { DirectSocket } from "./direct-socket.js";

/**
 * @typedef {object} TCPOnlyOptions
 * @property {boolean} [noDelay] ignored
 * @property {number} [keepAliveDelay] at least 1000; ignored
 */
/** @typedef {import("./direct-socket.js").DirectSocketOptions & TCPOnlyOptions} TCPSocketOptions */
/** @typedef {Pick<import("./socket.js").Shell, "readable" | "writable"> & { remoteAddress: string, remotePort: number }} TCPSocketOpenInfo */

/** @extends {DirectSocket<TCPSocketOpenInfo>} */
export class TCPSocket extends DirectSocket {
  /** @param {string} remoteAddress @param {number} remotePort @param {TCPSocketOptions} [options] */
  constructor(remoteAddress, remotePort, options) {
    super([remoteAddress, remotePort], options);
  }
}
