/**
 * A stream of the session as WHATWG streams, with real backpressure.
 *
 * Must never read ahead of the reader, nor accept a write before the session has.
 */

import { ABORTED, HEAD_INVALID, INVALID_STATE } from "./codes.js";
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

/** Controllers of the two streams that an application has. @typedef {{ source: ReadableByteStreamController, sink: WritableStreamDefaultController }} Ends */

/**
 * @param {import("./session.js").Session} session
 * @param {import("./stream.js").Stream} stream
 * @param {() => void} [onchange] called after something has changed, and once before
 * @returns {BidirectionalStream}
 */
export function publish(session, stream, onchange) {
  const ends = /** @type {Ends} */ ({});
  const { pull, cancel, write, close, reset, begin } = couple(session, stream, ends);
  const readable = new ReadableStream({ type: "bytes", start: (controller) => void (ends.source = controller), pull, cancel });
  const writable = new WritableStream({ start: (controller) => void (ends.sink = controller), write, close });
  begin(onchange);
  return { id: stream.id, readable, writable, reply: replyOf(session.core, stream), reset };
}

/**
 * What two streams do with one of the session: the algorithms of both, for controllers that are there when it begins.
 * @param {import("./session.js").Session} session
 * @param {import("./stream.js").Stream} stream
 * @param {Ends} ends
 * @param {() => void} [onend] called when the reader has come to the end
 */
export function couple(session, stream, ends, onend) {
  const { core } = session;
  /** @type {(() => void)[]} */
  let waiting = [];
  let isOver = false;
  const changed = () => new Promise((resolve) => waiting.push(/** @type {() => void} */ (resolve)));
  /** @param {(core: import("./core.js").Core, stream: import("./stream.js").Stream, code: number) => void} how @param {unknown} [why] */
  const abort = (how, why = ABORTED) => {
    how(core, stream, codeOf(why));
    session.poke();
  };

  return {
    async pull() {
      const { source } = ends;
      while (!isOver) {
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
          onend?.();
          return request?.respond(0);
        }
        await changed();
      }
    },
    /** @param {unknown} reason */
    cancel: (reason) => abort(stop, reason),
    /** @param {BufferSource} chunk */
    async write(chunk) {
      const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(chunk) ? chunk : new DataView(chunk);
      let bytes = new Uint8Array(buffer, byteOffset, byteLength);
      // It may have ended without its writer.
      if (stream.fin) fail(INVALID_STATE);
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
    /** @param {number} [code] */
    reset: (code) => abort(giveUp, code),
    /** Nothing more comes, for the reader: who waits hears that it is the end. */
    over() {
      const { source } = ends;
      isOver = true;
      try {
        source.close();
        source.byobRequest?.respond(0);
      } catch {
        // It was over before.
      }
    },
    /** @param {() => void} [onchange] */
    begin(onchange) {
      const { source, sink } = ends;
      const { signal } = sink;
      // Not abort(): it waits for the write that waits for credit.
      signal.onabort = () => abort(reset, signal.reason);
      if (signal.aborted) abort(reset, signal.reason);
      follow(stream, () => {
        if (stream.failed >= 0) source.error(new PageportError(stream.failed));
        if (stream.reset >= 0) sink.error(new PageportError(stream.reset));
        for (const wake of waiting.splice(0)) wake();
        onchange?.();
      });
    },
  };
}

/**
 * What the peer answers to a stream that was opened here. Rejects with the code of a refusal; never settles for a visitor, who waits for one.
 * @param {import("./core.js").Core} core
 * @param {import("./stream.js").Stream} stream
 * @returns {Promise<import("./json.js").Json>}
 */
export function replyOf({ side }, stream) {
  const reply = new Promise((resolve, reject) => {
    // Visitors open with a head, which is no reply.
    let isOpen = stream.id % 2 === side;
    follow(stream, () => {
      const why = Math.max(stream.failed, stream.stopped);
      if (!isOpen || !(stream.head || hasEnded(stream) || why >= 0)) return;
      isOpen = false;
      try {
        resolve(answerOf(stream.head ?? fail(why < 0 ? HEAD_INVALID : why)));
      } catch (error) {
        reject(error);
      }
    });
  });
  // Whoever does not ask for the reply does not care how it fails.
  reply.catch(() => {});
  return reply;
}

/**
 * Resolves once both directions of a published stream have ended and all that was written has arrived; rejects when one of them was reset.
 * @param {import("./stream.js").Stream} stream
 * @returns {Promise<void>}
 */
export function closedOf(stream) {
  /** @type {Promise<void>} */
  const closed = new Promise((resolve, reject) =>
    follow(stream, () => {
      const code = Math.max(stream.reset, stream.stopped < 0 ? stream.failed : -1);
      if (code >= 0) reject(new PageportError(code));
      else if (isDone(stream) && hasEnded(stream)) resolve();
    }),
  );
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

/** Also looks at the stream, now and whenever something has changed. @param {import("./stream.js").Stream} stream @param {() => void} look */
function follow(stream, look) {
  const { notify } = stream;
  stream.notify = () => {
    notify?.();
    look();
  };
  look();
}
