/**
 * What a `UDPSocket` is connected to (spec/protocol.md §7.5): datagrams of a stream that carries nothing else.
 *
 * Must never keep more of them than a few, nor let one that cannot be sent cost another.
 */

import { INVALID_ARGUMENT } from "./codes.js";
import { enqueue } from "./core.js";
import { fail, PageportError } from "./errors.js";
import { DATAGRAM, DATAGRAMS, QUEUE_POLL } from "./limits.js";
import { giveUp, hasEnded } from "./receive.js";
import { finish } from "./send.js";
import { closedOf, replyOf } from "./streams.js";

/** @typedef {import("./connection.js").Connection} Connection */

/**
 * Asks for a way to a server. Rejects when there is none, or nobody wants it any more.
 * @param {import("./session.js").Session} session
 * @param {string} address `host:port`
 * @param {{ remoteAddress: string, remotePort: number }} remote
 * @param {import("./socket.js").Shell} shell whose own streams nobody sees
 * @returns {Promise<Connection>}
 */
export async function open(session, address, remote, { life, options: { signal } }) {
  life.signal.throwIfAborted();
  const { core } = session;
  const stream = session.open({ connect: `udp://${address}` });
  /** @type {import("./core.js").Datagram[]} */
  const arrived = [];
  let wake = () => {};
  stream.enqueue = (_, datagram) => {
    enqueue(arrived, datagram);
    wake();
  };
  /** @param {unknown} [why] */
  const abandon = (why) => {
    giveUp(core, stream, why);
    session.poke();
  };
  const reset = () => abandon();
  life.signal.onabort = reset;
  try {
    await replyOf(core, stream);
    life.signal.throwIfAborted();
  } catch (error) {
    abandon(error);
    life.signal.throwIfAborted();
    throw error;
  }
  life.signal.onabort = null;

  /** @type {ReadableStreamDefaultController} */
  let source;
  /** @type {WritableStreamDefaultController} */
  let sink;
  const readable = new ReadableStream(
    {
      start: (controller) => void (source = controller),
      async pull() {
        while (!arrived.length) {
          if (stream.failed >= 0 || hasEnded(stream)) return;
          await new Promise((resolve) => (wake = /** @type {() => void} */ (resolve)));
        }
        source.enqueue({ data: arrived.shift()?.bytes });
      },
      cancel: () => half(),
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream({
    start: (controller) => void (sink = controller),
    async write(message) {
      const bytes = bytesOf(message).slice();
      // Whatever it waits for: it ends with the carrier, and without one nothing is waited for.
      while (core.leaving.length > DATAGRAMS / 2 && session.carrier && stream.reset < 0) await new Promise((resolve) => setTimeout(resolve, QUEUE_POLL));
      enqueue(core.leaving, { flow: stream.id, bytes });
      session.poke();
    },
    close: () => half(),
    abort: reset,
  });
  // A stream breaks with a write that fails; a socket does not with a datagram that cannot be sent.
  writable.getWriter = () => {
    const writer = new WritableStreamDefaultWriter(writable);
    const { write } = writer;
    writer.write = async (message) => {
      bytesOf(message);
      return write.call(writer, message);
    };
    return writer;
  };

  let halves = 0;
  /** One of the two streams has ended: with the second one the flow does. */
  const half = () => void (++halves === 2 && end());
  const end = async () => {
    finish(core, stream);
    session.poke();
  };
  const { notify } = stream;
  const look = (stream.notify = () => {
    notify?.();
    wake();
    const error = stream.failed >= 0 && new PageportError(stream.failed);
    if (error) {
      source.error(error);
      sink.error(error);
    }
  });
  look();
  signal?.addEventListener("abort", reset);
  const closed = closedOf(stream);
  closed.catch(() => {}).then(() => signal?.removeEventListener("abort", reset));

  return /** @type {any} */ ({
    info: { readable, writable, ...remote },
    closed,
    // `close()` of the socket, which nobody calls while one of the streams is locked.
    async end() {
      await Promise.allSettled([readable.cancel(), writable.close()]);
      return end();
    },
  });
}

/** What is to be sent; fails where that cannot be. @param {any} message */
function bytesOf(message) {
  const { data, remoteAddress, remotePort } = Object(message);
  if (remoteAddress ?? remotePort) throw new TypeError("connected");
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(data) ? data : new DataView(data);
  if (byteLength > DATAGRAM) fail(INVALID_ARGUMENT, `${byteLength} bytes`);
  return new Uint8Array(buffer, byteOffset, byteLength);
}
