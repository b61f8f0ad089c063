/**
 * `WebSocketListener`: a page that listens. Visitors reach it with any WebSocket client.
 *
 * Must never accept a visitor that nobody could serve, nor lose one that it accepted.
 */

import { INVALID_ARGUMENT, INVALID_STATE } from "./codes.js";
import { reply } from "./core.js";
import { fail } from "./errors.js";
import { ITERATOR_QUEUE } from "./limits.js";
import { CLOSED, Listening } from "./listening.js";
import { publish } from "./streams.js";
import { defineConstants, defineHandlers } from "./ws-events.js";

/** @typedef {import("./ws-socket.js").ListenerSocket} ListenerSocket */
/** A visitor's request. @typedef {{ url: string, method: string, headers: Headers, origin: string | null, peer: string }} VisitorRequest */
/** @typedef {{ socket: ListenerSocket, request: VisitorRequest }} Connection */
/**
 * @typedef {import("./listening.js").Init & SocketOptions} ListenerInit
 * @typedef {object} SocketOptions
 * @property {string} [protocol] a subprotocol that this listener speaks
 * @property {string[]} [protocols] or several
 * @property {number} [maxMessage] the largest message of a visitor, in bytes
 * @property {number} [maxFragments] the most frames that it may consist of
 */

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
  #init;
  /** @type {Connection[] | undefined} */
  #queue;
  #wake = () => {};
  #listening;
  /** Loaded when somebody listens, not before. @type {typeof import("./ws-socket.js").ListenerSocket} */
  #Socket = /** @type {any} */ (undefined);

  /** @param {number | ListenerInit} [port] @param {string} [protocol] */
  constructor(port, protocol) {
    super();
    const init = (this.#init = typeof port === "object" ? port : { port, protocol });
    const load = () => import("./ws-socket.js");
    load().catch(() => {});
    this.#listening = new Listening(init, {
      kind: "websocket",
      load: async () => (this.#Socket = (await load()).ListenerSocket),
      opened: ({ url, path_url = "", port }) => {
        this.url = url;
        this.pathUrl = path_url;
        this.port = port;
        this.#emit("listening");
      },
      failed: (error) => this.#emit("error", { error }),
      closed: () => this.#emit("close"),
      visit: (stream, visit) => this.#visit(stream, visit),
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

  /** @type {import("./listening.js").Role["visit"]} */
  #visit(stream, { url, method, headers: list, peer }) {
    const { session } = this.#listening;
    const { core } = session;
    const { protocol, protocols = [protocol], maxMessage, maxFragments } = this.#init;
    const headers = new Headers(list);
    const request = { url, method, headers, origin: headers.get("origin"), peer };
    const offered = (headers.get("sec-websocket-protocol") ?? "").split(/ *, */);
    let isAnswered = false;
    /** Whether there is still somebody to answer. */
    const answer = () => {
      if (isAnswered) fail(INVALID_STATE);
      isAnswered = true;
      session.poke();
      return stream.reset < 0;
    };
    const accept = ({ protocol = offered.find((offer) => offer && protocols.includes(offer)) ?? "" } = {}) => {
      if (protocol && !offered.includes(protocol)) fail(INVALID_ARGUMENT);
      if (answer()) {
        reply(core, stream, { ok: true, status: 101, headers: protocol ? [["sec-websocket-protocol", protocol]] : [] });
        const socket = new this.#Socket(/** @type {any} */ (publish(session, stream)), { url, protocol, maxMessage, maxFragments });
        this.#queue?.push({ socket, request });
        this.#emit("connection", { socket, request });
      }
    };
    const reject = (status = 403, reason = "") => {
      if (!(status >= 400 && status < 600)) fail(INVALID_ARGUMENT);
      if (answer()) session.refuse(stream, "ERR_REJECTED", { status: status | 0, message: [...`${reason}`].slice(0, 512).join("") });
    };
    if (this.#queue && this.#queue.length >= ITERATOR_QUEUE) reject(503);
    else if (this.#emit("connecting", { request, accept, reject }) && !isAnswered) accept();
  }

  /** @param {string} type @param {object} [fields] */
  #emit(type, fields) {
    this.#wake();
    return this.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), fields));
  }
}

defineHandlers(WebSocketListener, "listening", "connecting", "connection", "error", "close");
defineConstants(WebSocketListener, "OPENING", "LISTENING", "CLOSED");

/** @typedef {Event & { request: VisitorRequest, accept: (options?: { protocol?: string }) => void, reject: (status?: number, reason?: string) => void }} ConnectingEvent */
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
