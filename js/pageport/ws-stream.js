/**
 * The two streams of a WebSocketStream, over a connection.
 *
 * Must never hold more than one message that nobody has read, nor say that a message is written before the session has it.
 */

import { WebSocketError } from "./websocket-stream.js";
import { Connection } from "./ws-connection.js";
import { payloadOf } from "./ws-interface.js";
import { CONNECTING, OPEN } from "./ws-numbers.js";

/** @typedef {import("./websocket-stream.js").WebSocketOpenInfo} WebSocketOpenInfo */

/**
 * @param {import("./ws-connection.js").ByteDuplex} stream @param {string} protocol
 * @param {import("./ws-connection.js").ConnectionInit} limits
 */
export function streamsOf(stream, protocol, { maxMessage, maxFragments }) {
  /** @type {import("./ws-interface.js").SocketRecord} */
  const record = { url: "", protocol, extensions: "", readyState: CONNECTING, bufferedAmount: 0, binaryType: "arraybuffer", send() {}, close() {} };
  /** @type {ReadableStreamDefaultController<string | ArrayBuffer>} */
  let source;
  /** @type {WritableStreamDefaultController} */
  let sink;
  /** Lets the next message come. */
  let go = () => {};
  let isCancelled = false;
  /** @type {(info: WebSocketOpenInfo) => void} */
  let open;
  /** @type {any} */
  let end;
  /** @type {Promise<Required<import("./websocket-stream.js").WebSocketCloseInfo>>} */
  const closed = new Promise((resolve) => (end = resolve));
  /** @type {Promise<WebSocketOpenInfo>} */
  const opened = new Promise((resolve) => (open = resolve));

  /** @param {number} code @param {string} reason */
  const close = (code, reason) => {
    if (record.readyState > OPEN) return;
    record.close(code, reason);
    go();
  };
  /** With what an error says, if it does. @param {any} why */
  const giveUp = (why) => {
    const { closeCode, reason } = why instanceof DOMException && "closeCode" in why ? /** @type {any} */ (why) : {};
    // An error of another connection may have a code that nobody sends: the proposal drops it then.
    close(/^(1000|[34]\d{3})$/.test(closeCode) ? closeCode : 0, reason ?? "");
    return closed.then(() => {}, () => {});
  };

  const readable = new ReadableStream({
    start: (controller) => {
      source = controller;
    },
    pull: () => go(),
    cancel(why) {
      isCancelled = true;
      giveUp(why);
    },
  });
  const writable = new WritableStream({
    start: (controller) => {
      sink = controller;
      // Not abort() alone: it waits for the write that waits for credit.
      sink.signal.onabort = () => giveUp(sink.signal.reason);
    },
    async write(chunk) {
      // The proposal knows no Blobs.
      const [payload, isText] = payloadOf(chunk instanceof Blob ? `${chunk}` : chunk);
      if (record.readyState !== OPEN) throw new DOMException("closed", "InvalidStateError");
      record.send(payload, isText);
      await connection.written;
    },
    close: () => giveUp(undefined),
    abort: giveUp,
  });

  const connection = new Connection(
    stream,
    record,
    {
      open: () => open({ readable, writable, protocol, extensions: "" }),
      message(message) {
        if (isCancelled) return;
        source.enqueue(typeof message === "string" ? message : message.buffer);
        // One message is held; nothing is read for another.
        if (/** @type {number} */ (source.desiredSize) <= 0) return new Promise((resolve) => (go = () => resolve(undefined)));
      },
      closed({ code: closeCode, reason, wasClean }) {
        const error = wasClean ? new DOMException("closed", "InvalidStateError") : Object.assign(new WebSocketError("not closed cleanly"), { closeCode, reason });
        sink.error(error);
        if (!wasClean) source.error(error);
        else if (!isCancelled) source.close();
        end(wasClean ? { closeCode, reason } : Promise.reject(error));
      },
    },
    { maxMessage, maxFragments, client: true },
  );
  closed.catch(() => {});
  return { opened, closed, close };
}
