/**
 * `TCPServerSocket`: a page that takes TCP connections, in the shape of WICG Direct Sockets.
 *
 * Differences: the address is a hint, since the operator chooses it; `localAddress` and `localPort` of `opened` are public; no
 * permission is asked for; and a `signal` closes it too, also before it has opened. Loads what takes connections when there is
 * a server. Must never be found at another port than it once said.
 */

import { Listening } from "./listening.js";

/**
 * @typedef {object} TCPServerSocketOptions
 * @property {number} [localPort] a port of the gateway's range; absent: any
 * @property {number} [backlog] how many connections may wait until somebody reads them from `readable`, 256 by default
 * @property {boolean} [ipv6Only] ignored
 * @property {boolean} [takeover] take the port away from another tab of this origin
 * @property {string} [gateway]
 * @property {AbortSignal} [signal] closes the server
 * @property {CryptoKeyPair} [key] Ed25519, where the runtime keeps none by itself (Node)
 */
/** @typedef {{ readable: ReadableStream<import("./tcp-visit.js").AcceptedTCPSocket>, localAddress: string, localPort: number }} TCPServerSocketOpenInfo */

export class TCPServerSocket {
  /** @param {string} localAddress @param {TCPServerSocketOptions} [options] */
  constructor(localAddress, options = {}) {
    const { localPort: port, backlog } = options;
    if (port === 0 || backlog === 0) throw new TypeError("options");
    const listening = new Listening({ ...options, port }, { kind: "tcp", load: () => import("./tcp-visit.js") });
    /** Resolves once clients can connect. @type {Promise<TCPServerSocketOpenInfo>} */
    this.opened = listening.opened;
    /** Resolves once it is closed; rejects when it is lost. A lost session is not the end: it listens again at the same port. */
    this.closed = listening.closed;
  }

  /** Takes no more connections; those that were read stay. Rejects before it has opened, and while `readable` is locked. */
  async close() {
    const { readable } = await mayClose(this.opened);
    // Where it was lost before, so says what follows.
    readable.cancel().catch(() => {});
    return this.closed;
  }
}

/** What has opened; rejects before that, and while it is locked. @template {{ readable: ReadableStream, writable?: WritableStream }} T @param {Promise<T>} opened */
export async function mayClose(opened) {
  const info = await Promise.race([opened, null]);
  if (!info || info.readable.locked || info.writable?.locked) throw new DOMException("not open, or locked", "InvalidStateError");
  return info;
}
