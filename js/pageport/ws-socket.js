/**
 * The WebSocket that a listening page gets for a visitor.
 *
 * Must never tell the page less than the platform's own class would.
 */

import { recordOf, SocketInterface, tellEnd } from "./ws-interface.js";
import { Connection } from "./ws-connection.js";
import { CLOSING } from "./ws-numbers.js";

/** @typedef {import("./ws-connection.js").ByteDuplex} ByteDuplex */
/** @typedef {{ url: string, protocol?: string } & import("./ws-connection.js").ConnectionInit} ListenerSocketInit `url` is absolute, `protocol` the one agreed on */

/** A WebSocket over a stream, which may come later. */
export class ListenerSocket extends SocketInterface {
  /** @param {ByteDuplex | Promise<ByteDuplex>} stream @param {ListenerSocketInit} init */
  constructor(stream, init) {
    super(init.url, init.protocol);
    const record = recordOf(this);
    if (!("then" in stream)) {
      connect(this, stream, init);
      return this;
    }
    // A connection that was never there has failed.
    const end = () => tellEnd(this, { code: 1006, reason: "" }, true);
    record.close = () => {
      record.readyState = CLOSING;
      queueMicrotask(end);
    };
    stream.then(
      (/** @type {ByteDuplex} */ stream) => {
        if (record.readyState) stream.reset();
        else connect(this, stream, init);
      },
      () => void (record.readyState || end()),
    );
  }
}

/**
 * Gives a socket its connection.
 * @param {SocketInterface} socket @param {ByteDuplex} stream @param {import("./ws-connection.js").ConnectionInit} init
 */
export function connect(socket, stream, init) {
  const record = recordOf(socket);
  const { origin } = new URL(record.url);
  new Connection(
    stream,
    record,
    {
      open: () => socket.dispatchEvent(new Event("open")),
      message(message) {
        const data = typeof message === "string" ? message : record.binaryType === "blob" ? new Blob([message]) : message.buffer;
        socket.dispatchEvent(new MessageEvent("message", { data, origin }));
      },
      closed: (outcome, isFailed) => tellEnd(socket, outcome, isFailed),
    },
    init,
  );
}
