// The Chrome DevTools Protocol, as much as it takes to measure a page: commands, answers, and events that somebody waits for.

import { WebSocket } from "ws";

export class Cdp {
  #socket;
  #last = 0;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #answers = new Map();
  /** @type {Map<string, () => void>} */
  #events = new Map();

  /** @param {string} url @returns {Promise<Cdp>} */
  static connect(url) {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 << 20 });
    return new Promise((resolve, reject) => socket.once("open", () => resolve(new Cdp(socket))).once("error", reject));
  }

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const { id, method, sessionId, result, error } = JSON.parse(String(data));
      if (method) return this.#events.get(`${sessionId} ${method}`)?.();
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result);
    });
    socket.on("close", () => {
      for (const { reject } of this.#answers.values()) reject(new Error("the browser has ended"));
    });
  }

  /** @param {string} method @param {object} [params] @param {string} [sessionId] @returns {Promise<any>} */
  send(method, params = {}, sessionId) {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  /** The next event of this kind. @param {string} sessionId @param {string} method @returns {Promise<void>} */
  event(sessionId, method) {
    return new Promise((resolve) => this.#events.set(`${sessionId} ${method}`, resolve));
  }

  close() {
    this.#socket.close();
  }
}
