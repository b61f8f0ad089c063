/**
 * TCP connections of visitors: the line in which they wait, and the sockets that they become.
 *
 * Must never accept a connection before somebody takes it: what nobody reads stays with the visitor.
 */

import { reply } from "./core.js";
import { refuse } from "./dispatch.js";
import { PageportError } from "./errors.js";
import { ITERATOR_QUEUE } from "./limits.js";
import { closedOf, endBoth, publish } from "./streams.js";
import { parseVisit } from "./visit.js";

/** @typedef {import("./stream.js").Stream} Stream */
/** @typedef {import("./listening.js").Listening} Listening */

/**
 * @typedef {object} TCPSocketOpenInfo
 * @property {ReadableStream<Uint8Array<ArrayBuffer>>} readable ends when the visitor ends its direction
 * @property {WritableStream<BufferSource>} writable close() ends this direction, and no other
 * @property {string} remoteAddress opaque: the same for connections from one address while the gateway runs
 * @property {number} remotePort always 0
 * @property {string} localAddress that of the server
 * @property {number} localPort likewise
 */

/** @type {WeakMap<Listening, Backlog>} */
const backlogs = new WeakMap();

/** @param {Listening} listening */
const backlogOf = (listening) => {
  let found = backlogs.get(listening);
  if (!found) backlogs.set(listening, (found = new Backlog(listening)));
  return found;
};

/** @param {Listening} listening @param {import("./listening.js").Place} place */
export const opened = (listening, place) => backlogOf(listening).open(place);

/** @param {Listening} listening @param {Stream} stream @param {import("./json.js").Json} head */
export const meet = (listening, stream, head) => backlogOf(listening).add(stream, head);

/** Connections that wait until somebody reads them from `readable`, oldest first. */
class Backlog {
  #listening;
  #most;
  /** By stream: the opaque id of the visitor. @type {Map<Stream, string>} */
  #waiting = new Map();
  /** Where the next one goes, once somebody wants it. @type {((socket: AcceptedTCPSocket) => void) | undefined} */
  #take;
  /** @type {import("./tcp-server.js").TCPServerSocketOpenInfo | undefined} */
  #info;

  /** @param {Listening} listening */
  constructor(listening) {
    this.#listening = listening;
    this.#most = listening.init.backlog ?? ITERATOR_QUEUE;
  }

  /** @param {import("./listening.js").Place} place */
  open({ host = "", port = 0 }) {
    this.#info ??= { readable: this.#newReadable(), localAddress: host, localPort: port };
    // A new session, and the port that it had is somebody else's.
    if (this.#info.localPort !== port) this.#listening.lost(new PageportError("ERR_PORT_UNAVAILABLE"), true);
    return this.#info;
  }

  /** @param {Stream} stream @param {import("./json.js").Json} head */
  add(stream, head) {
    const { peer } = parseVisit(head);
    if (this.#waiting.size >= this.#most) return refuse(this.#listening.session, stream, "ERR_LISTENER_BUSY");
    this.#waiting.set(stream, peer);
    stream.notify = () => Math.max(stream.failed, stream.reset) < 0 || this.#waiting.delete(stream);
    this.#next();
  }

  #next() {
    const { session } = this.#listening;
    const [next] = this.#waiting;
    if (!next || !this.#take || !this.#info) return;
    const [stream, remoteAddress] = next;
    const { localAddress, localPort } = this.#info;
    this.#waiting.delete(stream);
    reply(session.core, stream, { ok: true });
    session.poke();
    this.#take(new AcceptedTCPSocket(session, stream, { remoteAddress, remotePort: 0, localAddress, localPort }));
  }

  /** @returns {ReadableStream<AcceptedTCPSocket>} */
  #newReadable() {
    const { session, closed } = this.#listening;
    return new ReadableStream(
      {
        start: (controller) => {
          const end = (/** @type {unknown} */ error) => {
            for (const [stream] of this.#waiting) refuse(session, stream, "ERR_REJECTED");
            this.#waiting.clear();
            error ? controller.error(error) : controller.close();
          };
          // Nothing is left to be closed where that began with cancel().
          closed.then(end, end).catch(() => {});
        },
        pull: (controller) =>
          new Promise((resolve) => {
            this.#take = (socket) => {
              this.#take = undefined;
              controller.enqueue(socket);
              resolve();
            };
            this.#next();
          }),
        cancel: () => this.#listening.close(),
      },
      { highWaterMark: 0 },
    );
  }
}

/** A connection, in the shape of `TCPSocket` in WICG Direct Sockets. */
export class AcceptedTCPSocket {
  /** @type {Promise<TCPSocketOpenInfo>} */
  opened;
  /** Resolves once both directions have ended and all that was written has arrived; rejects when one of them was reset. @type {Promise<void>} */
  closed;
  #streams;

  /** @param {import("./session.js").Session} session @param {Stream} stream @param {Omit<TCPSocketOpenInfo, "readable" | "writable">} info */
  constructor(session, stream, info) {
    const { readable, writable } = (this.#streams = publish(session, stream));
    this.opened = Promise.resolve({ readable, writable, ...info });
    this.closed = closedOf(stream);
  }

  /** Ends both directions; what was written still arrives. Rejects while one of the streams is locked. */
  async close() {
    await endBoth(this.#streams);
    return this.closed;
  }
}
