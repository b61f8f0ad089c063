/**
 * A WebSocket connection over a byte stream whose HTTP handshake somebody else has done: RFC 6455 in either role.
 *
 * Must never deliver or send out of order, and never let the peer grow a queue of ours.
 */

import { ENCODER, join, lengthOf } from "./frames.js";
import { nextTask } from "./ws-events.js";
import { CLOSE_CODE, encodeFrame, FrameParser, mask } from "./ws-frames.js";
import {
  BINARY, CLOSE, CLOSED, CLOSE_TIMEOUT, CLOSING, LINGER, MAX_PONG, MAX_PONGS, NO_STATUS, OPEN, PONG, TEXT, WRITE_SIZE,
} from "./ws-numbers.js";

/**
 * @typedef {object} ByteDuplex
 * @property {ReadableStream<Uint8Array>} readable ends with the peer's FIN, fails when the stream is lost
 * @property {WritableStream<Uint8Array>} writable a write settles once the bytes have been accepted; close() sends FIN
 * @property {(code?: number) => void} reset ends both directions at once; may be called again, and after the end
 */

/**
 * @typedef {object} ConnectionInit
 * @property {boolean} [client] take the client's role: mask, and expect frames that are not masked
 * @property {number} [maxMessage] see FrameParser
 * @property {number} [maxFragments] see FrameParser
 */

/**
 * Who is told, each time in the turn of an event.
 * @typedef {object} Owner
 * @property {() => void} open
 * @property {(message: string | Uint8Array<ArrayBuffer>) => unknown} message at a client the next one comes when this has settled
 * @property {(outcome: import("./ws-interface.js").Outcome, isFailed: boolean) => void} closed once
 */

export class Connection {
  #record;
  #owner;
  #stream;
  #writer;
  #client;

  /** @type {{ chunks: Chunk[], size: number, counted: number }[]} each entry makes one write */
  #queue = [];
  /** @type {Promise<void> | undefined} while there is something to write, and for ever once that has failed */
  #writing;
  #finalWrite = false;
  /** @type {Uint8Array[]} */
  #pongs = [];

  /** What `close` is going to say: code 1006 until something else is known (section 7.1.5). */
  #outcome = { code: 1006, reason: "" };
  #isClean = false;
  #isFailed = false;
  #isTold = false;
  #isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** What a client has still to be told of the last chunk. @type {(() => unknown)[]} */
  #events = [];

  /**
   * Reads nothing before a task of its own, in which `open` comes first: whoever gets the socket in this turn, or out of a
   * promise, has time to attach handlers.
   * @param {ByteDuplex} stream
   * @param {import("./ws-interface.js").SocketRecord} record
   * @param {Owner} owner
   * @param {ConnectionInit} init
   */
  constructor(stream, record, owner, init) {
    this.#stream = stream;
    this.#record = record;
    this.#owner = owner;
    this.#client = init.client;
    this.#writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    record.send = (payload, isText) => this.#send(isText ? TEXT : BINARY, payload);
    record.close = (code, reason) => this.#startClosing(code, reason);
    const parser = new FrameParser({
      ...init,
      masked: !init.client,
      // The standard drops what arrives after close().
      onMessage: (message) => this.#inTurn(() => record.readyState === OPEN && owner.message(message)),
      onPing: (payload) => this.#pong(payload),
      onClose: (code, reason) =>
        this.#inTurn(() => {
          this.#outcome = { code, reason };
          this.#isClean = true;
          if (code === NO_STATUS) this.#startClosing(0);
          // The page hears of any code; one that means nothing is not sent back.
          else if (CLOSE_CODE.test(`${code}`)) this.#startClosing(code, init.client ? reason : "");
          else this.#startClosing(1002);
          // The server ends the connection first (section 7.1.1).
          if (init.client) this.#watch();
          else this.#endWriting();
        }),
    });
    // A server may send before its `open`.
    if (!init.client) record.readyState = OPEN;
    nextTask().then(() => {
      if (init.client && record.readyState) {
        // Closed before `open` (WHATWG: "fail the WebSocket connection").
        this.#isFailed = true;
        return this.#drop();
      }
      record.readyState ||= OPEN;
      if (record.readyState === OPEN) owner.open();
      this.#read(reader, parser);
    });
  }

  /** Resolves once everything has been written, or never will be. */
  get written() {
    return this.#writing;
  }

  /** @param {() => unknown} event */
  #inTurn(event) {
    if (this.#client) this.#events.push(event);
    else event();
  }

  /** Sends the Close frame of this side, once. @param {number} code 0: none @param {string} [reason] */
  #startClosing(code, reason) {
    const { readyState } = this.#record;
    if (readyState > OPEN) return;
    this.#record.readyState = CLOSING;
    if (!readyState) return;
    this.#send(CLOSE, join(code ? [Uint8Array.of(code >> 8, code), ENCODER.encode(reason)] : []));
    this.#watch();
  }

  /** @param {Uint8Array<ArrayBuffer>} payload */
  #pong(payload) {
    if (this.#record.readyState !== OPEN) return;
    const at = Math.min(this.#pongs.length, MAX_PONGS - 1);
    if (at === this.#pongs.length) this.#enqueue(() => /** @type {Uint8Array} */ (this.#pongs.shift()), MAX_PONG);
    this.#pongs[at] = join(encodeFrame(PONG, payload, this.#newKey()));
  }

  /** @param {number} opcode @param {import("./ws-interface.js").Payload} payload ours: it may get masked in place */
  #send(opcode, payload) {
    const key = this.#newKey();
    const [header] = encodeFrame(opcode, payload, key);
    this.#enqueue(header, header.length);
    const size = lengthOf(payload);
    for (let at = 0; at < size; at += WRITE_SIZE) {
      const end = Math.min(at + WRITE_SIZE, size);
      const chunk = payload instanceof Uint8Array ? payload.subarray(at, end) : () => this.#load(payload.slice(at, end), key);
      this.#enqueue(chunk, end - at, opcode < CLOSE);
    }
  }

  #newKey() {
    return this.#client ? crypto.getRandomValues(new Uint8Array(4)) : undefined;
  }

  /** @param {Blob} blob a piece that starts at a multiple of four @param {Uint8Array} [key] */
  async #load(blob, key) {
    const buffer = await blob.arrayBuffer().catch((error) => {
      // Its frame has begun and cannot be finished: nothing more can be said on this connection.
      this.#isFailed = true;
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
        await this.#writer.write(ready.length > 1 ? join(ready) : ready[0]);
        const { counted } = next;
        // No script sees it shrink within one of its tasks.
        if (this.#client) nextTask().then(() => (this.#record.bufferedAmount -= counted));
        else this.#record.bufferedAmount -= counted;
        if (this.#timer) this.#watch();
      }
      if (this.#finalWrite) await this.#writer.close();
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
    if (this.#record.readyState < CLOSING) this.#record.readyState = CLOSING;
    this.#watch();
    this.#writing ??= this.#write();
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {FrameParser} parser */
  async #read(reader, parser) {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        try {
          parser.push(value);
        } catch (error) {
          const violation = /** @type {import("./ws-frames.js").Violation} */ (error);
          this.#inTurn(() => this.#fail(violation));
        }
        for (let event; (event = this.#events.shift()); ) {
          await nextTask();
          await event();
        }
      }
      // No reader looks at the state of a client in the turn of its last message.
      if (this.#client) await nextTask();
      this.#endWriting();
      await this.#writing;
      this.#finish();
    } catch {
      // What was written before shrinks `bufferedAmount` first.
      if (this.#client) await nextTask();
      // Nobody has ended it in order: at a client that is a failure.
      this.#isFailed ||= !!this.#client && !this.#isClean;
      this.#drop();
    }
  }

  /** What follows is read and thrown away: a reset now could overtake the Close frame. @param {import("./ws-frames.js").Violation} violation */
  #fail({ code, reason }) {
    this.#isFailed = true;
    this.#startClosing(code, reason);
    this.#endWriting();
    // A client does not say why, and does not wait (WHATWG: "fail the WebSocket connection").
    if (this.#client) this.#tell();
    else this.#outcome = { code, reason };
  }

  #watch() {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => this.#drop(), this.#client && this.#isClean ? LINGER : CLOSE_TIMEOUT);
  }

  #drop() {
    this.#stream.reset();
    this.#finish();
  }

  #finish() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#finalWrite = true;
    this.#queue = [];
    clearTimeout(this.#timer);
    this.#tell();
  }

  #tell() {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#record.readyState = CLOSED;
    this.#owner.closed({ ...this.#outcome, wasClean: this.#isClean && (this.#client || !this.#writing) }, this.#isFailed);
  }
}

/** @typedef {Uint8Array | (() => Uint8Array | Promise<Uint8Array>)} Chunk bytes, or how to get them when it is their turn */
