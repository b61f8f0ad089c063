/**
 * `WebSocketStream`: a WebSocket whose messages are read from one stream and written to another, with backpressure, in the shape of
 * the proposal of that name.
 *
 * Loads what speaks the protocol with the first socket. Must never take a message that nobody asks for.
 */

import { addressOf, checkProtocols, lifeOf, listOf, reach } from "./websocket.js";
import { checkClose } from "./ws-interface.js";

/** Text comes and goes as strings; binary comes as ArrayBuffers. @typedef {{ readable: ReadableStream<string | ArrayBuffer>, writable: WritableStream<string | BufferSource>, protocol: string, extensions: string }} WebSocketOpenInfo */
/** @typedef {{ closeCode?: number, reason?: string }} WebSocketCloseInfo */
/** @typedef {{ protocols?: string[], signal?: AbortSignal } & import("./websocket.js").SocketInit} WebSocketStreamOptions `signal` ends the handshake, and nothing later */

export class WebSocketStream {
  #life;
  /** @type {Promise<ReturnType<typeof import("./ws-stream.js").streamsOf>>} */
  #begun;

  /** @param {string | URL} url @param {WebSocketStreamOptions} [options] */
  constructor(url, options = {}) {
    if (!arguments.length) throw new TypeError("no URL");
    const { protocols = [], signal } = options;
    const names = listOf(protocols);
    this.url = addressOf(`${url}`);
    checkProtocols(names);
    const life = (this.#life = lifeOf(signal));
    this.#begun = reach(this.url, names, options, life).then(({ streamsOf, stream, protocol }) => streamsOf(stream, protocol, options));
    /** @param {number} [closeCode] */
    const failed = (closeCode) => () => {
      throw signal?.aborted ? new DOMException("aborted", "AbortError") : Object.assign(new WebSocketError("not connected"), closeCode && { closeCode });
    };
    /** @type {Promise<WebSocketOpenInfo>} */
    this.opened = this.#begun.then(({ opened }) => opened, failed());
    /** Rejects when it was not closed cleanly. @type {Promise<Required<WebSocketCloseInfo>>} */
    this.closed = this.#begun.then(({ closed }) => closed, failed(1006));
    for (const promise of [this.opened, this.closed]) promise.catch(() => {}).then(() => life.abort());
  }

  /** @param {WebSocketCloseInfo} [info] */
  close({ closeCode, reason } = {}) {
    const [code, text] = checkClose(closeCode, reason);
    this.#life.abort();
    this.#begun.then(({ opened, close }) => opened.then(() => close(code, text))).catch(() => {});
  }
}

/** Why a WebSocketStream ended, or has to: the code and reason go into the Close frame when a stream is aborted or cancelled with it. */
export class WebSocketError extends DOMException {
  /** @param {string} [message] @param {WebSocketCloseInfo} [info] */
  constructor(message, { closeCode, reason } = {}) {
    const [code, text] = checkClose(closeCode, reason);
    super(message, "WebSocketError");
    this.closeCode = code || null;
    this.reason = text;
  }
}
