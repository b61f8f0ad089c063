/**
 * `WebSocketListener`: a page that listens. Visitors reach it with any WebSocket client.
 *
 * Must never accept a visitor that nobody could serve, nor lose one that it accepted.
 */

import { ITERATOR_QUEUE } from "./limits.js";
import { ListenerTarget } from "./listener-target.js";
import { CLOSED } from "./listening.js";
import { defineConstants, defineHandlers } from "./ws-events.js";

/** @typedef {import("./ws-visit.js").Connection} Connection */
/** @typedef {import("./listening.js").Init & import("./ws-visit.js").SocketOptions} ListenerInit */

/**
 * Further events: `connecting`, with `request`, `accept({ protocol })` and `reject(status, reason)`, accepted when nobody does
 * either, unless `preventDefault()` leaves that for later; `connection`, with `socket` and `request`.
 */
export class WebSocketListener extends /** @type {SocketListenerBase} */ (ListenerTarget) {
  /** The same listener by path; empty for one by port. */
  pathUrl = "";
  /** Its port, when it has one to itself. @type {number | undefined} */
  port;
  /** @type {Connection[] | undefined} */
  #queue;
  #wake = () => {};

  /** @param {number | ListenerInit} [port] @param {string} [protocol] */
  constructor(port, protocol) {
    const init = typeof port === "object" ? port : { port, protocol };
    super(init, {
      kind: "websocket",
      load: () => import("./ws-visit.js"),
      opened: ({ pathUrl = "", port }) => {
        this.pathUrl = pathUrl;
        this.port = port;
      },
      visit: (/** @type {typeof import("./ws-visit.js")} */ { meet }, stream, head) =>
        meet(
          this.listening.session,
          stream,
          head,
          init,
          (connecting) => (this.#queue && this.#queue.length >= ITERATOR_QUEUE ? connecting.reject(503) : this.emit("connecting", connecting)),
          (connection) => {
            this.#queue?.push(connection);
            this.#wake();
            this.emit("connection", connection);
          },
        ),
    });
    this.addEventListener("close", () => this.#wake());
  }

  /** OPENING, LISTENING or CLOSED. */
  get readyState() {
    return this.listening.state;
  }

  /** Every connection from now on; for one loop at a time. */
  async *[Symbol.asyncIterator]() {
    /** @type {Connection[]} */
    const queue = (this.#queue = []);
    try {
      while (queue.length || this.readyState !== CLOSED) {
        const [next] = queue.splice(0, 1);
        if (next) yield next;
        else await new Promise((resolve) => (this.#wake = () => resolve(0)));
      }
    } finally {
      this.#queue = undefined;
      for (const { socket } of queue) socket.close();
    }
  }
}

defineHandlers(WebSocketListener, "connecting", "connection");
defineConstants(WebSocketListener, "OPENING", "LISTENING", "CLOSED");

/** @typedef {Event & import("./ws-visit.js").Connecting} ConnectingEvent */
/** @typedef {Event & Connection} ConnectionEvent */
/**
 * What defineHandlers and defineConstants add.
 * @typedef {object} ListenerAttributes
 * @property {((event: ConnectingEvent) => void) | null} onconnecting
 * @property {((event: ConnectionEvent) => void) | null} onconnection
 * @property {0} OPENING
 * @property {1} LISTENING
 * @property {2} CLOSED
 */
/**
 * @typedef {{ new (...args: ConstructorParameters<typeof ListenerTarget>): ListenerTarget & ListenerAttributes, OPENING: 0, LISTENING: 1,
 *   CLOSED: 2 }} SocketListenerBase
 */
