/**
 * A stream of the session as WHATWG streams, with real backpressure.
 *
 * Must never read ahead of the reader, nor accept a write before the session has.
 */

import { ABORTED, HEAD_INVALID } from "./codes.js";
import { codeOf, fail, PageportError } from "./errors.js";
import { giveUp, hasEnded, stop } from "./receive.js";
import { answerOf } from "./replies.js";
import { finish, isDone, reset } from "./send.js";
import { LARGE } from "./span.js";
import { read, write } from "./stream-io.js";

/**
 * @typedef {object} BidirectionalStream
 * @property {number} id
 * @property {ReadableStream<Uint8Array<ArrayBuffer>>} readable bytes; reading them is what lets more come
 * @property {WritableStream<BufferSource>} writable a write settles once the session has accepted its bytes; close() ends the
 *   direction, abort() resets it
 * @property {Promise<import("./json.js").Json>} reply rejects with the code of a refusal; never settles for a visitor, who waits for one
 * @property {(code?: number) => void} reset ends both directions at once
 */

/**
 * @param {import("./session.js").Session} session
 * @param {import("./stream.js").Stream} stream
 * @param {() => void} [onchange] called after something has changed, and once before
 * @returns {BidirectionalStream}
 */
export function publish(session, stream, onchange) {
  const { core } = session;
  /** @type {(() => void)[]} */
  let waiting = [];
  /** @type {ReadableByteStreamController} */
  let source;
  /** @type {WritableStreamDefaultController} */
  let sink;
  const changed = () => new Promise((resolve) => waiting.push(/** @type {() => void} */ (resolve)));
  /** @param {(core: import("./core.js").Core, stream: import("./stream.js").Stream, code: number) => void} how @param {unknown} [why] */
  const abort = (how, why = ABORTED) => {
    how(core, stream, codeOf(why));
    session.poke();
  };

  const readable = new ReadableStream({
    type: "bytes",
    start: (controller) => {
      source = controller;
    },
    async pull() {
      for (;;) {
        const request = source.byobRequest;
        const view = request?.view;
        const bytes = read(core, stream, view?.byteLength ?? Infinity, performance.now());
        session.poke();
        if (bytes) {
          if (view) {
            new Uint8Array(view.buffer, view.byteOffset).set(bytes);
            return request.respond(bytes.length);
          }
          // Much that has its memory for itself is given away as it came.
          return source.enqueue(bytes.length >= LARGE && bytes.length + LARGE > bytes.buffer.byteLength ? bytes : bytes.slice());
        }
        if (stream.failed >= 0 || stream.stopped >= 0) return;
        if (hasEnded(stream)) {
          source.close();
          return request?.respond(0);
        }
        await changed();
      }
    },
    cancel: (reason) => abort(stop, reason),
  });
  const writable = new WritableStream({
    start(controller) {
      sink = controller;
      // Not abort(): it waits for the write that waits for credit.
      sink.signal.onabort = () => abort(reset, sink.signal.reason);
    },
    async write(chunk) {
      const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(chunk) ? chunk : new DataView(chunk);
      let bytes = new Uint8Array(buffer, byteOffset, byteLength);
      const isLeft = () => stream.reset < 0 && (bytes = bytes.subarray(write(core, stream, bytes))).length;
      if (isLeft()) {
        // A copy: what is not accepted yet is still the application's to change.
        bytes = bytes.slice();
        do {
          session.poke();
          await changed();
        } while (isLeft());
      }
      session.poke();
      if (stream.reset >= 0) throw new PageportError(stream.reset);
    },
    close: () => abort(finish),
  });
  const reply = new Promise((resolve, reject) => {
    // Visitors open with a head, which is no reply.
    let isOpen = stream.id % 2 === core.side;
    (stream.notify = () => {
      if (stream.failed >= 0) source.error(new PageportError(stream.failed));
      if (stream.reset >= 0) sink.error(new PageportError(stream.reset));
      for (const wake of waiting.splice(0)) wake();
      onchange?.();
      const why = Math.max(stream.failed, stream.stopped);
      if (!isOpen || !(stream.head || hasEnded(stream) || why >= 0)) return;
      isOpen = false;
      try {
        resolve(answerOf(stream.head ?? fail(why < 0 ? HEAD_INVALID : why)));
      } catch (error) {
        reject(error);
      }
    })();
  });
  // Whoever does not ask for the reply does not care how it fails.
  reply.catch(() => {});

  return {
    id: stream.id,
    readable,
    writable,
    reply,
    reset(code) {
      abort(giveUp, code);
    },
  };
}

/**
 * Resolves once both directions of a published stream have ended and all that was written has arrived; rejects when one of them was reset.
 * @param {import("./stream.js").Stream} stream
 * @returns {Promise<void>}
 */
export function closedOf(stream) {
  const { notify } = stream;
  /** @type {Promise<void>} */
  const closed = new Promise((resolve, reject) => {
    (stream.notify = () => {
      notify?.();
      const code = Math.max(stream.reset, stream.stopped < 0 ? stream.failed : -1);
      if (code >= 0) reject(new PageportError(code));
      else if (isDone(stream) && hasEnded(stream)) resolve();
    })();
  });
  // Whoever does not ask does not care.
  closed.catch(() => {});
  return closed;
}

/**
 * Ends both directions; what was written still arrives. Rejects while one of them is locked.
 * @param {{ readable: ReadableStream, writable: WritableStream }} duplex
 */
export async function endBoth({ readable, writable }) {
  if (readable.locked || writable.locked) throw new DOMException("locked", "InvalidStateError");
  // Either may have ended before.
  await Promise.allSettled([readable.cancel(), writable.close()]);
}
