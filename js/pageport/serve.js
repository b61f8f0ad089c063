/**
 * `serve`: a page that answers HTTP requests, as the Fetch API has them.
 *
 * Loads what speaks to visitors when somebody serves, not before. Must never listen until that is there.
 */

import { ListenerTarget } from "./listener-target.js";

/** @typedef {import("./http-visit.js").Handler} Handler */
/** @typedef {Omit<import("./listening.js").Init, "port">} ServeInit */

/**
 * Serves HTTP visitors, and WebSocket visitors of the same name while no WebSocketListener has it.
 * @param {Handler} handler when it fails its visitor gets 500, and `reportError` what went wrong
 * @param {ServeInit} [init]
 */
export const serve = (handler, init = {}) => new Server(handler, init);

class Server extends ListenerTarget {
  /** @param {Handler} handler @param {ServeInit} init */
  constructor(handler, init) {
    super(init, { kind: "http", load: () => import("./http-visit.js"), handler });
  }

  /** Resolves once visitors find it; rejects if they never will. @returns {Promise<{ name: string, url: string, pathUrl: string }>} */
  get opened() {
    return this.listening.opened;
  }

  /** Resolves once it is closed; rejects with the reason where that was not done here. */
  get closed() {
    return this.listening.closed;
  }
}
