/**
 * `UDPSocket`: datagrams to and from one server, in the shape of WICG Direct Sockets.
 *
 * Differences: the gateway has the socket, so there is no bound mode (`ERR_UNSUPPORTED`, by `opened`), `remoteAddress` of `opened` is what was asked for, and there is no local one; a datagram has
 * at most 1,200 bytes; buffers and address family are the gateway's affair; no permission is asked for. That it has opened says nothing of the server: nothing was sent yet.
 */

import { DirectSocket } from "./direct-socket.js";

/** A datagram. Those to be sent have no address: there is only one. @typedef {{ data: BufferSource }} UDPMessage */
/** One that came. @typedef {{ data: Uint8Array<ArrayBuffer> }} UDPMessageReceived */
/** @typedef {import("./direct-socket.js").DirectSocketOptions & { remoteAddress: string, remotePort: number }} UDPSocketOptions */
/**
 * Of 64 that wait to be read the oldest make room. A write waits while too many wait to leave; one that cannot be sent rejects, and costs nothing else.
 * @typedef {{ readable: ReadableStream<UDPMessageReceived>, writable: WritableStream<UDPMessage>, remoteAddress: string, remotePort: number }} UDPSocketOpenInfo
 */

/** @extends {DirectSocket<UDPSocketOpenInfo>} */
export class UDPSocket extends DirectSocket {
  /** @param {UDPSocketOptions} options */
  constructor(options) {
    super([options], options);
  }
}
