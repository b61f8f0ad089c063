/**
 * `WebSocketListener`: a page that listens. Visitors reach it with any WebSocket client.
 *
 * Must never accept a visitor that nobody could serve, nor lose one that it accepted.
 */

import { ITERATOR_QUEUE } from "./limits.js";
import { CLOSED, Listening } from "./listening.js";
import { defineConstants, defineHandlers } from "./ws-events.js";

/** @typedef {import("./ws-visit.js").Connection} Connection */
/** @typedef {import("./listening.js").Init & import("./ws-visit.js").SocketOptions} ListenerInit */

/**
 * Events: `listening`; `connecting`, with `request`, `accept({ protocol })` and `reject(status, reason)`, accepted when nobody does
 * either, unless `preventDefault()` leaves that for later; `connection`, with `socket` and `request`; `error`; `close`.
 */
export class WebSocketListener extends /** @type {ListenerBase} */ (EventTarget) {
  /** Where visitors find it, on an origin of its own, or at its port. */
  url = "";
  /** The same listener by path; empty for one by port. */
  pathUrl = "";
  /** Its port, when it has one to itself. @type {number | undefined} */
  port;
  /** @type {Connection[] | undefined} */
  #queue;
  #wake = () => {};
  #listening;

  /** @param {number | ListenerInit} [port] @param {string} [protocol] */
  constructor(port, protocol) {
    super();
    const init = typeof port === "object" ? port : { port, protocol };
    const load = () => import("./ws-visit.js");
    load().catch(() => {});
    /** @type {typeof import("./ws-visit.js").meet} */
    let meet;
    this.#listening = new Listening(init, {
      kind: "websocket",
      load: async () => ({ meet } = await load()),
      opened: ({ url, path_url = "", port }) => {
        this.url = url;
        this.pathUrl = path_url;
        this.port = port;
        this.#emit("listening");
      },
      failed: (error) => this.#emit("error", { error }),
      closed: () => this.#emit("close"),
      visit: (stream, visit) =>
        meet(
          this.#listening.session,
          stream,
          visit,
          init,
          (connecting) => (this.#queue && this.#queue.length >= ITERATOR_QUEUE ? connecting.reject(503) : this.#emit("connecting", connecting)),
          (connection) => {
            this.#queue?.push(connection);
            this.#emit("connection", connection);
          },
        ),
    });
  }

  /** OPENING, LISTENING or CLOSED. */
  get readyState() {
    return this.#listening.state;
  }

  /** Takes no more visitors; those who are connected stay. */
  close() {
    this.#listening.close();
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

  /** @param {string} type @param {object} [fields] */
  #emit(type, fields) {
    this.#wake();
    return this.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), fields));
  }
}

defineHandlers(WebSocketListener, "listening", "connecting", "connection", "error", "close");
defineConstants(WebSocketListener, "OPENING", "LISTENING", "CLOSED");

/** @typedef {Event & import("./ws-visit.js").Connecting} ConnectingEvent */
/** @typedef {Event & Connection} ConnectionEvent */
/**
 * What defineHandlers and defineConstants add.
 * @typedef {object} ListenerAttributes
 * @property {((event: Event) => void) | null} onlistening
 * @property {((event: ConnectingEvent) => void) | null} onconnecting
 * @property {((event: ConnectionEvent) => void) | null} onconnection
 * @property {((event: Event & { error: import("./errors.js").PageportError }) => void) | null} onerror
 * @property {((event: Event) => void) | null} onclose
 * @property {0} OPENING
 * @property {1} LISTENING
 * @property {2} CLOSED
 */
/** @typedef {{ new (): EventTarget & ListenerAttributes, OPENING: 0, LISTENING: 1, CLOSED: 2 }} ListenerBase */
