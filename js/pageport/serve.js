/**
 * `serve`: a page that answers HTTP requests, as the Fetch API has them.
 *
 * Loads what speaks to visitors when somebody serves, not before. Must never listen until that is there.
 */

import { Listening } from "./listening.js";
import { defineHandlers } from "./ws-events.js";

/** @typedef {import("./http-visit.js").Handler} Handler */
/** @typedef {Omit<import("./listening.js").Init, "port">} ServeInit */

/**
 * Serves HTTP visitors, and WebSocket visitors of the same name while no WebSocketListener has it.
 * @param {Handler} handler when it fails its visitor gets 500, and `reportError` what went wrong
 * @param {ServeInit} [init]
 */
export const serve = (handler, init = {}) => new Server(handler, init);

/** Events: `listening`, again after a lost session; `error`, with `error`, which it may survive; `close`. */
class Server extends /** @type {ServerBase} */ (EventTarget) {
  /** Where visitors find it, once they do. */
  url = "";
  #listening;

  /** @param {Handler} handler @param {ServeInit} init */
  constructor(handler, init) {
    super();
    const load = () => import("./http-visit.js");
    load().catch(() => {});
    /** @type {typeof import("./http-visit.js").answer} */
    let answer;
    /** @param {string} type @param {object} [fields] */
    const emit = (type, fields) => this.dispatchEvent(Object.assign(new Event(type), fields));
    this.#listening = new Listening(init, {
      kind: "http",
      load: async () => ({ answer } = await load()),
      opened: ({ name, url }) => {
        this.url = url;
        emit("listening");
        return { name, url };
      },
      failed: (error) => emit("error", { error }),
      closed: () => emit("close"),
      visit: (stream, visit) => answer(this.#listening.session, stream, visit, handler),
    });
  }

  /** Resolves once visitors find it; rejects if they never will. @returns {Promise<{ name: string, url: string }>} */
  get opened() {
    return this.#listening.opened;
  }

  /** Resolves once it is closed; rejects with the reason where that was not done here. */
  get closed() {
    return this.#listening.closed;
  }

  /** Takes no more visitors; those who are there get their answers. */
  close() {
    this.#listening.close();
  }
}

defineHandlers(Server, "listening", "error", "close");

/**
 * @typedef {{ new (): EventTarget & { onlistening: ((event: Event) => void) | null, onclose: ((event: Event) => void) | null,
 *   onerror: ((event: Event & { error: import("./errors.js").PageportError }) => void) | null } }} ServerBase
 */
