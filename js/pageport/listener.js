/**
 * `WebSocketListener`: a page that listens. Visitors reach it with any WebSocket client.
 *
 * Must never accept a visitor that nobody could serve, nor lose one that it accepted.
 */

import { CLOSED } from "./listener-state.js";
import { ListenerTarget } from "./listener-target.js";
import { defineConstants, defineHandlers } from "./ws-events.js";

/** @typedef {import("./ws-visit.js").Connection} Connection */
/** @typedef {import("./listening.js").Init & import("./ws-visit.js").SocketOptions} ListenerInit */

/**
 * What both listeners do with those who come: events, and an iterator.
 * @template {{ socket?: any, stream?: any }} C
 */
class ConnectionListener extends /** @type {ConnectionListenerBase} */ (ListenerTarget) {
  /** What waits for an iterator, if there is one. @internal @type {C[] | undefined} */
  queue;
  /** @internal */
  wake = () => {};

  /** @param {import("./listening.js").Init} init @param {import("./listening.js").Role} role */
  constructor(init, role) {
    super(init, role);
    this.addEventListener("close", () => this.wake());
  }

  /** OPENING, LISTENING or CLOSED. */
  get readyState() {
    return this.listening.state;
  }

  /** Every connection from now on; for one loop at a time. */
  async *[Symbol.asyncIterator]() {
    /** @type {C[]} */
    const queue = (this.queue = []);
    try {
      while (queue.length || this.readyState !== CLOSED) {
        const next = queue.shift();
        if (next) yield next;
        else await new Promise((resolve) => (this.wake = /** @type {() => void} */ (resolve)));
      }
    } finally {
      this.queue = undefined;
      for (const { socket, stream } of queue) socket ? socket.close() : stream.reset();
    }
  }
}

defineHandlers(ConnectionListener, "connecting", "connection");
defineConstants(ConnectionListener, "OPENING", "LISTENING", "CLOSED");

/**
 * Further events: `connecting`, with `request`, `accept({ protocol })` and `reject(status, reason)`, accepted when nobody does
 * either, unless `preventDefault()` leaves that for later; `connection`, with `socket` and `request`.
 */
export class WebSocketListener extends /** @type {SocketListenerBase} */ (ConnectionListener) {
  /** The same listener by path; empty for one by port. */
  pathUrl = "";
  /** Its port, when it has one to itself. @type {number | undefined} */
  port;

  /** @param {number | ListenerInit} [port] @param {string} [protocol] */
  constructor(port, protocol) {
    super(typeof port === "object" ? port : { port, protocol }, {
      kind: "websocket",
      load: () => import("./ws-visit.js"),
      opened: ({ pathUrl = "", port }) => {
        this.pathUrl = pathUrl;
        this.port = port;
      },
    });
  }
}

/**
 * Other pages come here, with `connect("page:name")`. Further events: `connecting`, with `request`, `accept()` and `reject(status, reason)`;
 * `connection`, with `stream` and `request`.
 */
export class PageListener extends /** @type {PageListenerBase} */ (ConnectionListener) {
  /** @param {Omit<import("./listening.js").Init, "port">} [init] */
  constructor(init = {}) {
    super(init, { kind: "page", load: () => import("./page-visit.js") });
  }
}

/** @typedef {Event & import("./ws-visit.js").Connecting} ConnectingEvent */
/** @typedef {Event & Connection} ConnectionEvent */
/**
 * What defineHandlers and defineConstants add.
 * @template C
 * @typedef {object} ListenerAttributes
 * @property {((event: ConnectingEvent) => void) | null} onconnecting
 * @property {((event: Event & C) => void) | null} onconnection
 * @property {0} OPENING
 * @property {1} LISTENING
 * @property {2} CLOSED
 */
/** @typedef {{ new (...args: ConstructorParameters<typeof ListenerTarget>): ListenerTarget }} ConnectionListenerBase */
/**
 * @template {{ socket?: any, stream?: any }} C
 * @typedef {{ new (...args: ConstructorParameters<typeof ListenerTarget>): ConnectionListener<C> & ListenerAttributes<C>, OPENING: 0,
 *   LISTENING: 1, CLOSED: 2 }} ListenerBaseOf
 */
/** @typedef {ListenerBaseOf<Connection>} SocketListenerBase */
/** @typedef {ListenerBaseOf<import("./page-visit.js").PageConnection>} PageListenerBase */
