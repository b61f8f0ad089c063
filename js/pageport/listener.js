/**
 * `WebSocketListener`: a page that listens. Visitors reach it with any WebSocket client.
 *
 * Must never accept a visitor that nobody could serve, nor lose one that it accepted.
 */

import { INVALID_ARGUMENT, INVALID_STATE, UNSUPPORTED } from "./codes.js";
import { reply } from "./core.js";
import { fail } from "./errors.js";
import { parseListening } from "./heads.js";
import { ITERATOR_QUEUE } from "./limits.js";
import { hasEnded } from "./receive.js";
import { finish } from "./send.js";
import { session } from "./session.js";
import { answerOf, publish } from "./streams.js";
import { defineConstants, defineHandlers } from "./ws-events.js";
import { ListenerSocket } from "./ws-socket.js";

/** A visitor's request. @typedef {{ url: string, method: string, headers: Headers, origin: string | null, peer: string }} VisitorRequest */
/** @typedef {{ socket: ListenerSocket, request: VisitorRequest }} Connection */
/**
 * @typedef {object} ListenerInit
 * @property {number} [port] a dedicated public port; not offered yet
 * @property {string} [protocol] a subprotocol that this listener speaks
 * @property {string[]} [protocols] or several
 * @property {string} [gateway]
 * @property {AbortSignal} [signal] closes the listener
 * @property {number} [maxMessage] the largest message of a visitor, in bytes
 * @property {number} [maxFragments] the most frames that it may consist of
 */

const OPENING = 0;
const LISTENING = 1;
const CLOSED = 2;

/**
 * Events: `listening`; `connecting`, with `request`, `accept({ protocol })` and `reject(status, reason)`, accepted when nobody does
 * either, unless `preventDefault()` leaves that for later; `connection`, with `socket` and `request`; `error`; `close`.
 */
export class WebSocketListener extends /** @type {ListenerBase} */ (EventTarget) {
  /** OPENING, LISTENING or CLOSED. */
  readyState = OPENING;
  /** Where visitors find it, on an origin of its own. */
  url = "";
  /** The same listener by path. */
  pathUrl = "";
  #session;
  #init;
  /** The session that it listens in, and the stream that stands for it there. @type {import("./core.js").Core | undefined} */
  #core;
  /** @type {import("./stream.js").Stream | undefined} */
  #stream;
  /** @type {Connection[] | undefined} */
  #queue;
  #wake = () => {};
  /** @type {import("./session.js").Listener} */
  #hooks = {
    listen: (core) => this.#listen(core),
    lost: (error, last) => this.#lost(error, last),
    visit: (stream, visit) => this.#visit(stream, visit),
  };

  /** @param {number | ListenerInit} [port] @param {string} [protocol] */
  constructor(port, protocol) {
    super();
    const init = (this.#init = typeof port === "object" ? port : { port, protocol });
    if (init.port !== undefined) fail(UNSUPPORTED, "port");
    this.#session = session(init);
    this.#session.listeners.add(this.#hooks);
    this.#session.poke();
    const { signal } = init;
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close());
  }

  /** Takes no more visitors; those who are connected stay. */
  close() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    const { names, listeners } = this.#session;
    listeners.delete(this.#hooks);
    names.forEach((hooks, name) => hooks === this.#hooks && names.delete(name));
    if (this.#core && this.#stream) finish(this.#core, this.#stream);
    this.#session.poke();
    this.#emit("close");
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

  /** @type {import("./session.js").Listener["listen"]} */
  #listen(core) {
    if (this.#core === core) return;
    this.#core = core;
    this.#try(() => {
      const stream = (this.#stream = this.#session.open({ listen: "websocket" }));
      stream.notify = () =>
        this.#try(() => {
          if (this.readyState === CLOSED || core.ended >= 0) return;
          if (stream.failed >= 0) fail(stream.failed);
          if (stream.head && !this.readyState) {
            const { name, url, path_url } = parseListening(answerOf(stream.head));
            this.#session.names.set(name, this.#hooks);
            this.url = url;
            this.pathUrl = path_url;
            this.readyState = LISTENING;
            this.#emit("listening");
          }
          if (hasEnded(stream)) this.close();
        });
    });
  }

  /** @param {() => void} what */
  #try(what) {
    try {
      what();
    } catch (error) {
      // Refused because the gateway goes away: it listens again in the next session.
      this.#lost(/** @type {any} */ (error), !this.#core?.away);
    }
  }

  /** @type {import("./session.js").Listener["lost"]} */
  #lost(error, last) {
    this.readyState = OPENING;
    if (error) this.#emit("error", { error });
    if (last) this.close();
  }

  /** @type {import("./session.js").Listener["visit"]} */
  #visit(stream, { url, method, headers: list, peer }) {
    const { core } = this.#session;
    const { protocol, protocols = [protocol], maxMessage, maxFragments } = this.#init;
    const headers = new Headers(list);
    const request = { url, method, headers, origin: headers.get("origin"), peer };
    const offered = (headers.get("sec-websocket-protocol") ?? "").split(/ *, */);
    let isAnswered = false;
    /** Whether there is still somebody to answer. */
    const answer = () => {
      if (isAnswered) fail(INVALID_STATE);
      isAnswered = true;
      this.#session.poke();
      return stream.reset < 0;
    };
    const accept = ({ protocol = offered.find((offer) => offer && protocols.includes(offer)) ?? "" } = {}) => {
      if (protocol && !offered.includes(protocol)) fail(INVALID_ARGUMENT);
      if (answer()) {
        reply(core, stream, { ok: true, status: 101, headers: protocol ? [["sec-websocket-protocol", protocol]] : [] });
        const socket = new ListenerSocket(/** @type {any} */ (publish(this.#session, stream)), { url, protocol, maxMessage, maxFragments });
        this.#queue?.push({ socket, request });
        this.#emit("connection", { socket, request });
      }
    };
    const reject = (status = 403, reason = "") => {
      if (!(status >= 400 && status < 600)) fail(INVALID_ARGUMENT);
      if (answer()) this.#session.refuse(stream, "ERR_REJECTED", { status: status | 0, message: [...`${reason}`].slice(0, 512).join("") });
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
