/**
 * The WebSocket interface over a byte stream whose HTTP handshake somebody else has done.
 *
 * Speaks RFC 6455 in either role. Must never deliver or send out of order, and never let the peer grow a queue of ours.
 */

import { ENCODER, join } from "./frames.js";
import { defineConstants, defineHandlers } from "./ws-events.js";
import { encodeFrame, FrameParser, mask, sizeOf } from "./ws-frames.js";
import {
  BINARY, CLOSE, CLOSED, CLOSE_TIMEOUT, CLOSING, CONNECTING, MAX_PONG, MAX_PONGS, NO_STATUS, OPEN, PONG, TEXT, WRITE_SIZE,
} from "./ws-numbers.js";

/**
 * @typedef {object} ByteStream
 * @property {ReadableStream<Uint8Array>} readable ends with the peer's FIN, fails when the stream is lost
 * @property {WritableStream<Uint8Array>} writable a write settles once the bytes have been accepted; close() sends FIN
 * @property {(code?: number) => void} reset ends both directions at once; may be called again, and after the end
 */

/**
 * @typedef {object} ListenerSocketInit
 * @property {string} url absolute
 * @property {string} [protocol] the subprotocol agreed on
 * @property {boolean} [client] take the client's role: mask, and expect frames that are not masked
 * @property {number} [maxMessage] see FrameParser
 * @property {number} [maxFragments] see FrameParser
 */

/**
 * A WebSocket over a stream, which may come later. It reads nothing before a task of its own, in which `open` comes first:
 * whoever gets it in this turn, or out of a promise, has time to attach handlers.
 */
export class ListenerSocket extends /** @type {SocketBase} */ (EventTarget) {
  /** @type {ByteStream | undefined} */
  #stream;
  /** @type {WritableStreamDefaultWriter<Uint8Array> | undefined} */
  #writer;
  #init;
  /** @type {BinaryType} */
  #binaryType = "blob";
  /** @type {0 | 1 | 2 | 3} */
  #state = CONNECTING;
  #buffered = 0;

  /** @type {{ chunks: Chunk[], size: number, counted: number }[]} each entry makes one write */
  #queue = [];
  /** @type {Promise<void> | undefined} while there is something to write, and for ever once that has failed */
  #writing;
  #finalWrite = false;
  /** @type {Uint8Array[]} */
  #pongs = [];

  /** What `close` is going to say: code 1006 until something else is known (section 7.1.5). */
  #outcome = { code: 1006, reason: "" };
  #clean = false;
  #failed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {ByteStream | Promise<ByteStream>} stream @param {ListenerSocketInit} init */
  constructor(stream, init) {
    super();
    const { origin } = new URL(init.url);
    this.#init = init;
    const parser = new FrameParser({
      ...init,
      masked: !init.client,
      onMessage: (message) => {
        // The standard drops what arrives after close().
        if (this.#state !== OPEN) return;
        const data =
          typeof message === "string" ? message : this.#binaryType === "blob" ? new Blob([message]) : message.buffer;
        this.dispatchEvent(new MessageEvent("message", { data, origin }));
      },
      onPing: (payload) => this.#pong(payload),
      onClose: (code, reason) => {
        this.#outcome = { code, reason };
        this.#clean = true;
        this.#startClosing(code === NO_STATUS ? 0 : code);
        // The server ends the connection first (section 7.1.1).
        if (!init.client) this.#endWriting();
      },
    });
    if ("then" in stream) {
      stream.then(
        (stream) => this.#open(stream, parser),
        () => this.#drop(),
      );
    } else this.#open(stream, parser);
  }

  /** @param {ByteStream} stream @param {FrameParser} parser */
  #open(stream, parser) {
    if (this.#state) return stream.reset();
    this.#state = OPEN;
    this.#stream = stream;
    this.#writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    // Not a timer: those of hidden pages are held back.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      this.#read(reader, parser);
    };
    port2.postMessage(0);
  }

  get url() {
    return this.#init.url;
  }
  get protocol() {
    return this.#init.protocol ?? "";
  }
  get extensions() {
    return "";
  }
  get readyState() {
    return this.#state;
  }
  get bufferedAmount() {
    return this.#buffered;
  }
  get binaryType() {
    return this.#binaryType;
  }
  set binaryType(type) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /** @param {string | ArrayBuffer | ArrayBufferView | Blob} data */
  send(data) {
    if (!this.#state) throw new DOMException("not open yet", "InvalidStateError");
    const view = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    const text = !(view instanceof Blob || ArrayBuffer.isView(view));
    const payload = text
      ? ENCODER.encode(`${view}`)
      : view instanceof Blob
        ? view
        : new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
    this.#buffered += sizeOf(payload);
    if (this.#state === OPEN) this.#send(text ? TEXT : BINARY, payload);
  }

  /** @param {number} [code] 1000 or 3000…4999 @param {string} [reason] at most 123 bytes in UTF-8 */
  close(code, reason = "") {
    if (code !== undefined && !/^(1000|[34]\d{3})$/.test(`${code}`)) throw new DOMException("code", "InvalidAccessError");
    if (ENCODER.encode(`${reason}`).length > 123) throw new DOMException("reason", "SyntaxError");
    if (this.#state) return this.#startClosing(code ?? (reason ? 1000 : 0), reason);
    this.#state = CLOSING;
    queueMicrotask(() => this.#drop());
  }

  /** Sends the Close frame of this side, once. @param {number} code 0: none @param {string} [reason] */
  #startClosing(code, reason) {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#send(CLOSE, join(code ? [Uint8Array.of(code >> 8, code), ENCODER.encode(reason)] : []));
    this.#watch();
  }

  /** @param {Uint8Array<ArrayBuffer>} payload */
  #pong(payload) {
    if (this.#state !== OPEN) return;
    const at = Math.min(this.#pongs.length, MAX_PONGS - 1);
    if (at === this.#pongs.length) this.#enqueue(() => /** @type {Uint8Array} */ (this.#pongs.shift()), MAX_PONG);
    this.#pongs[at] = join(encodeFrame(PONG, payload, this.#newKey()));
  }

  /** @param {number} opcode @param {Uint8Array | Blob} payload ours: it may get masked in place */
  #send(opcode, payload) {
    const key = this.#newKey();
    const [header] = encodeFrame(opcode, payload, key);
    this.#enqueue(header, header.length);
    const size = sizeOf(payload);
    for (let at = 0; at < size; at += WRITE_SIZE) {
      const end = Math.min(at + WRITE_SIZE, size);
      const chunk = payload instanceof Blob ? () => this.#load(payload.slice(at, end), key) : payload.subarray(at, end);
      this.#enqueue(chunk, end - at, opcode < CLOSE);
    }
  }

  #newKey() {
    return this.#init.client ? crypto.getRandomValues(new Uint8Array(4)) : undefined;
  }

  /** @param {Blob} blob a piece that starts at a multiple of four @param {Uint8Array} [key] */
  async #load(blob, key) {
    const buffer = await blob.arrayBuffer().catch((error) => {
      // Its frame has begun and cannot be finished: nothing more can be said on this connection.
      this.#failed = true;
      this.#drop();
      throw error;
    });
    const bytes = new Uint8Array(buffer);
    if (key) mask(bytes, key);
    return bytes;
  }

  /** @param {Chunk} chunk @param {number} size @param {boolean} [counts] towards bufferedAmount */
  #enqueue(chunk, size, counts) {
    let last = this.#queue.at(-1);
    if (!last || last.size + size > WRITE_SIZE) this.#queue.push((last = { chunks: [], size: 0, counted: 0 }));
    last.chunks.push(chunk);
    last.size += size;
    if (counts) last.counted += size;
    this.#writing ??= this.#write();
  }

  /** Writes until nothing is left. */
  async #write() {
    try {
      // Whatever else this turn sends joins the first write.
      await null;
      for (let next; (next = this.#queue.shift()); ) {
        const ready = [];
        for (const chunk of next.chunks) ready.push(typeof chunk === "function" ? await chunk() : chunk);
        await this.#writer?.write(ready.length > 1 ? join(ready) : ready[0]);
        this.#buffered -= next.counted;
        if (this.#timer) this.#watch();
      }
      if (this.#finalWrite) await this.#writer?.close();
      this.#writing = undefined;
    } catch {
      // Reading goes on: the Close frame that explains this may be on its way. #writing stays, so nothing starts anew.
      this.#watch();
    }
  }

  /** FIN goes out behind everything queued. */
  #endWriting() {
    if (this.#finalWrite) return;
    this.#finalWrite = true;
    this.#state = CLOSING;
    this.#watch();
    this.#writing ??= this.#write();
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {FrameParser} parser */
  async #read(reader, parser) {
    if (this.#state === OPEN) this.dispatchEvent(new Event("open"));
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        try {
          parser.push(value);
        } catch (error) {
          // What follows is read and thrown away: a reset now could overtake the Close frame.
          const { code, reason } = (this.#outcome = /** @type {import("./ws-frames.js").Violation} */ (error));
          this.#failed = true;
          this.#startClosing(code, reason);
          this.#endWriting();
        }
      }
      this.#endWriting();
      await this.#writing;
      this.#finish();
    } catch {
      this.#drop();
    }
  }

  #watch() {
    clearTimeout(this.#timer);
    if (this.#state !== CLOSED) this.#timer = setTimeout(() => this.#drop(), CLOSE_TIMEOUT);
  }

  #drop() {
    // A connection that was never there has failed.
    if (this.#stream) this.#stream.reset();
    else this.#failed = true;
    this.#finish();
  }

  #finish() {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#finalWrite = true;
    this.#queue = [];
    clearTimeout(this.#timer);
    if (this.#failed) this.dispatchEvent(new Event("error"));
    this.dispatchEvent(new CloseEvent("close", { ...this.#outcome, wasClean: this.#clean && !this.#writing }));
  }
}

defineHandlers(ListenerSocket, "open", "message", "error", "close");
defineConstants(ListenerSocket, "CONNECTING", "OPEN", "CLOSING", "CLOSED");

/** Node before 23 has none. @type {typeof globalThis.CloseEvent} */
const CloseEvent =
  globalThis.CloseEvent ??
  class extends Event {
    /** @param {string} type @param {CloseEventInit} init */
    constructor(type, init) {
      super(type);
      Object.assign(this, init);
    }
  };

/**
 * What defineHandlers and the constants add, and the types of the events.
 * @typedef {Pick<WebSocket, "onopen" | "onmessage" | "onerror" | "onclose" | "addEventListener" | "removeEventListener"
 *   | "CONNECTING" | "OPEN" | "CLOSING" | "CLOSED">} SocketAttributes
 * @typedef {{ new (): Pick<EventTarget, "dispatchEvent"> & SocketAttributes } & Pick<typeof WebSocket, "CONNECTING" | "OPEN" | "CLOSING"
 *   | "CLOSED">} SocketBase
 */

/** @typedef {Uint8Array | (() => Uint8Array | Promise<Uint8Array>)} Chunk bytes, or how to get them when it is their turn */
