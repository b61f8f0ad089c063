/**
 * `connect`: a stream of bytes to a listening page, in the shape of the sockets of WICG Direct Sockets.
 *
 * Loads what speaks to other pages when it is needed. Must never report a page that has not accepted.
 */

import { addressOf, load } from "./websocket.js";

/** @typedef {import("./page-stream.js").PageStream} PageStream */
/**
 * @typedef {object} PageSocket
 * @property {Promise<PageStream>} opened `{ readable, writable, … }` once the other page has accepted
 * @property {Promise<void>} closed resolves once both directions have ended, rejects when one of them was reset
 * @property {() => Promise<void>} close ends both directions; rejects while one of the streams is locked
 */

/**
 * Connects to a page that has a PageListener.
 * @param {string} target `page:name`, with a path and a query if need be
 * @param {{ gateway?: string, signal?: AbortSignal }} [init] `signal` gives up, or resets what there is
 * @returns {PageSocket}
 */
export function connect(target, init) {
  const url = addressOf(`${target}`);
  const begun = load(init, init?.signal).then(({ join, through }) => join(through, url, init?.signal));
  const closed = begun.then(({ closed }) => closed);
  closed.catch(() => {});
  return { opened: begun, closed, close: async () => (await begun).close() };
}

/**
 * A pair of byte streams to be read piece by piece: `read(n)`, `readExactly(n)`, `write(data)`.
 * @param {import("./byte-stream.js").Duplex} duplex
 */
export const byteStream = async (duplex) => new (await import("./byte-stream.js")).ByteStream(duplex);
