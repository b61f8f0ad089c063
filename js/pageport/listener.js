/**
 * `WebSocketListener`: a page that listens. Visitors reach it with any WebSocket client.
 *
 * Must never accept a visitor that nobody could serve, nor lose one that it accepted.
 */

import { GOING_AWAY, INVALID_ARGUMENT, INVALID_STATE, UNSUPPORTED } from "./codes.js";
import { reply } from "./core.js";
import { fail, PageportError } from "./errors.js";
import { parseListening, parseReply } from "./heads.js";
import { ITERATOR_QUEUE } from "./limits.js";
import { hasEnded } from "./receive.js";
import { finish } from "./send.js";
import { session } from "./session.js";
import { publish } from "./streams.js";
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

export class WebSocketListener extends /** @type {ListenerBase} */ (EventTarget) {
  #session;
  #init;
  #state = OPENING;
  /** The session that it listens in. @type {import("./core.js").Core | undefined} */
  #core;
  /** @type {import("./stream.js").Stream | undefined} */
  #stream;
  /** @type {Connection[] | undefined} */
  #queue;
  /** @type {(() => void)[]} */
  #waiting = [];
  /** Where visitors find it, on an origin of its own. */
  url = "";
  /** The same listener by path. */
  pathUrl = "";
  #hooks = {
    /** @param {import("./core.js").Core} core */
    listen: (core) => this.#listen(core),
    /** @param {PageportError | undefined} error @param {boolean} [last] */
    lost: (error, last) => this.#lost(error, last),
    /** @param {import("./stream.js").Stream} stream @param {import("./heads.js").Visit} visit */
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

  get readyState() {
    return this.#state;
  }

  /** Takes no more visitors; those who are connected stay. */
  close() {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    const { names, listeners, core } = this.#session;
    listeners.delete(this.#hooks);
    names.forEach((hooks, name) => hooks === this.#hooks && names.delete(name));
    if (this.#stream) finish(core, this.#stream);
    this.#session.poke();
    this.#emit("close");
  }

  /** Every connection from now on. */
  async *[Symbol.asyncIterator]() {
    const queue = (this.#queue ??= []);
    try {
      for (;;) {
        const next = queue.shift();
        if (next) yield next;
        else if (this.#state === CLOSED) return;
        else await new Promise((resolve) => this.#waiting.push(() => resolve(0)));
      }
    } finally {
      this.#queue = undefined;
      for (const { socket } of queue) socket.close();
    }
  }

  /** @param {import("./core.js").Core} core */
  #listen(core) {
    if (this.#core === core) return;
    this.#core = core;
    try {
      const stream = (this.#stream = this.#session.open({ listen: "websocket" }));
      stream.notify = () => {
        if (this.#state === CLOSED || core.ended >= 0) return;
        try {
          if (stream.failed >= 0) fail(stream.failed);
          if (stream.head && !this.#state) {
            const answer = parseReply(stream.head);
            if ("error" in answer) throw new PageportError(`${answer.error}`, `${answer.message}`);
            const { name, url, path_url } = parseListening(answer);
            this.#session.names.set(name, this.#hooks);
            this.url = url;
            this.pathUrl = path_url;
            this.#state = LISTENING;
            this.#emit("listening");
          }
          if (hasEnded(stream)) this.close();
        } catch (error) {
          this.#lost(/** @type {PageportError} */ (error), stream.failed !== GOING_AWAY);
        }
      };
    } catch (error) {
      this.#lost(/** @type {PageportError} */ (error), true);
    }
  }

  /** @param {PageportError | undefined} error @param {boolean} [last] */
  #lost(error, last) {
    this.#state = OPENING;
    if (error) this.#emit("error", { error });
    if (last) this.close();
  }

  /** @param {import("./stream.js").Stream} stream @param {import("./heads.js").Visit} visit */
  #visit(stream, { url, method, headers: list, peer }) {
    const { core } = this.#session;
    const { protocol, protocols = protocol, maxMessage, maxFragments } = this.#init;
    const headers = new Headers(list);
    const request = { url, method, headers, origin: headers.get("origin"), peer };
    const offered = (headers.get("sec-websocket-protocol") ?? "").split(/ *, */);
    let isAnswered = false;
    const answer = () => {
      if (isAnswered) fail(INVALID_STATE);
      isAnswered = true;
      this.#session.poke();
      return stream.reset < 0;
    };
    const accept = ({ protocol = offered.find((offer) => offer && [protocols].flat().includes(offer)) ?? "" } = {}) => {
      if (protocol && !offered.includes(protocol)) fail(INVALID_ARGUMENT);
      if (!answer()) return;
      reply(core, stream, { ok: true, status: 101, headers: protocol ? [["sec-websocket-protocol", protocol]] : [] });
      const socket = new ListenerSocket(/** @type {any} */ (publish(this.#session, stream)), { url, protocol, maxMessage, maxFragments });
      this.#queue?.push({ socket, request });
      this.#emit("connection", { socket, request });
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
    for (const wake of this.#waiting.splice(0)) wake();
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
 * @property {((event: Event & { error: PageportError }) => void) | null} onerror
 * @property {((event: Event) => void) | null} onclose
 */
/** @typedef {{ new (): EventTarget & ListenerAttributes, OPENING: 0, LISTENING: 1, CLOSED: 2 }} ListenerBase */
