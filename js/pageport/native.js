/**
 * Native streams and datagrams of a carrier that has them (spec/protocol.md §9): bytes of a session's streams beside its frames.
 *
 * Must never open a session's stream for a native one, nor take bytes behind a gap: those wait where they are.
 */

import { end } from "./attach.js";
import { FRAME_MALFORMED, GAP, STREAM_ID } from "./codes.js";
import { enqueue } from "./core.js";
import { codeOf, fail, PageportError } from "./errors.js";
import { DATA, PROBE } from "./limits.js";
import { hasEnded, onData } from "./receive.js";
import { arm, isDone, sendable } from "./send.js";
import { ints, MAX, peekInt } from "./varint.js";
import { ATTACHED } from "./wire.js";

/** @typedef {import("./stream.js").Stream} Stream */
/** @typedef {WritableStreamDefaultWriter<Uint8Array>} Writer */

/** More bytes than this that wait to leave are worth a stream of their own. */
const WORTH = 16_384;
/** How long bytes wait for those before them: far longer than the slowest path needs to repeat what was lost. */
const PATIENCE = 30_000;

export class Native {
  #transport;
  #session;
  #carrier;
  /** Native streams, by whose bytes they carry. @type {Map<Stream, Writer>} */
  #lanes = new Map();
  /** Native streams that have said whose bytes they carry. @type {WeakSet<Writer>} */
  #begun = new WeakSet();
  /** Whose native stream takes no more for now. @type {Set<Stream>} */
  #full = new Set();
  /** Who should have one. @type {Set<Stream>} */
  #wanted = new Set();
  /** Whose native stream the gateway has stopped. @type {WeakSet<Stream>} */
  #refused = new WeakSet();
  #isOpening = false;
  /** One that came when nobody wanted it any more. @type {Writer | undefined} */
  #spare;
  /** Who waits for bytes that come another way. @type {(() => void)[]} */
  #waiting = [];
  #datagrams;

  /**
   * @param {WebTransport} transport
   * @param {import("./session.js").Session} session
   * @param {unknown} carrier as the session knows it
   */
  constructor(transport, session, carrier) {
    this.#transport = transport;
    this.#session = session;
    this.#carrier = carrier;
    const { datagrams } = /** @type {any} */ (transport);
    /** @type {WritableStreamDefaultWriter<Uint8Array>} */
    this.#datagrams = (datagrams.writable ?? datagrams.createWritable()).getWriter();
    this.#accept().catch(() => {});
    this.#receiveDatagrams(datagrams.readable.getReader()).catch(() => {});
  }

  /** Whether bytes of this stream wait here; else frames say what there is to say. @param {Stream} stream */
  carries(stream) {
    const lane = this.#lanes.get(stream);
    if (lane) return this.#write(stream, lane);
    // The first bytes go as a frame, which makes the stream known; and before RESUME has passed some bytes may turn out to be there.
    if (sendable(stream) - stream.sent > WORTH && stream.sent && this.#isAttached() && !this.#refused.has(stream)) {
      this.#wanted.add(stream);
      this.#open();
    }
    return false;
  }

  /** Whether datagrams have to wait, where the oldest makes room. */
  get isFull() {
    return /** @type {number} */ (this.#datagrams.desiredSize) <= 0;
  }

  /** Whether a datagram leaves here; it may get lost. @param {number[]} flow @param {Uint8Array} bytes */
  datagram(flow, bytes) {
    if (flow.length + bytes.length > this.#transport.datagrams.maxDatagramSize) return false;
    this.#datagrams.write(Uint8Array.from([...flow, ...bytes])).then(
      () => this.#session.poke(),
      () => {},
    );
    return true;
  }

  /** Something has come: perhaps what native streams wait for. */
  moved() {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Ends native streams whose streams have ended. */
  sweep() {
    for (const [stream, lane] of this.#lanes) {
      if (stream.reset >= 0) this.#end(stream, lane.abort());
      // Not before everything has arrived: until then it may be refused.
      else if (stream.fin && stream.out.start >= stream.out.end) this.#end(stream, lane.close());
    }
  }

  /** @returns {import("./core.js").Carrier | undefined} */
  get #state() {
    const { carrier, ended } = this.#session.core;
    return carrier?.key === this.#carrier && ended < 0 ? carrier : undefined;
  }

  #isAttached = () => this.#state?.phase === ATTACHED;

  /** @param {Stream} stream @param {Promise<void>} ending */
  #end(stream, ending) {
    this.#lanes.delete(stream);
    ending.catch(() => {});
  }

  /** Hands on what the native stream takes. Whether more is left. @param {Stream} stream @param {Writer} lane */
  #write(stream, lane) {
    const { out } = stream;
    let most;
    while ((most = Math.min(sendable(stream) - stream.sent, DATA)) > 0 && /** @type {number} */ (lane.desiredSize) > 0) {
      const bytes = out.peek(stream.sent, most);
      const parts = this.#begun.has(lane) ? [bytes] : [Uint8Array.from(ints(stream.id, stream.sent)), bytes];
      this.#begun.add(lane);
      stream.sent += bytes.length;
      for (const part of parts) lane.write(part).catch(() => {});
    }
    if (most > 0 && !this.#full.has(stream)) {
      this.#full.add(stream);
      lane.ready.then(
        () => this.#full.delete(stream) && this.#again(stream),
        () => {},
      );
    }
    return most > 0;
  }

  /** @param {Stream} stream */
  #again(stream) {
    if (!this.#state) return;
    arm(this.#session.core, stream);
    this.#session.poke();
  }

  /** The gateway has stopped it: its bytes go as frames from now on. @param {Stream} stream @param {Writer} lane */
  #lost(stream, lane) {
    // What another carrier has sent since is none of this one's business.
    if (!this.#state || this.#lanes.get(stream) !== lane) return;
    this.#lanes.delete(stream);
    this.#refused.add(stream);
    if (stream.reset >= 0 || isDone(stream)) return;
    stream.sent = stream.out.start;
    stream.said = -1;
    this.#again(stream);
  }

  async #open() {
    if (this.#isOpening) return;
    this.#isOpening = true;
    try {
      this.#spare ??= (await this.#transport.createUnidirectionalStream()).getWriter();
      for (const stream of this.#wanted) {
        this.#wanted.delete(stream);
        const isUseful = this.#isAttached() && stream.reset < 0 && sendable(stream) > stream.sent;
        if (!isUseful) continue;
        const lane = this.#spare;
        this.#spare = undefined;
        this.#lanes.set(stream, lane);
        // Also when no write waits: what the browser has taken may still get lost.
        lane.closed.catch(() => this.#lost(stream, lane));
        this.#again(stream);
        break;
      }
    } catch {
      // Without one its bytes go as frames.
      this.#wanted.clear();
    }
    this.#isOpening = false;
    if (this.#wanted.size) this.#open();
  }

  async #accept() {
    const reader = this.#transport.incomingUnidirectionalStreams.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#receive(value.getReader()).catch(() => {});
    }
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async #receive(reader) {
    /** @type {number[]} */
    const head = [];
    /** @type {number | undefined} */
    let id;
    let offset = 0;
    for (;;) {
      // What waits for earlier bytes stays with the browser, whose windows bound it.
      if (id !== undefined && !(await this.#wants(id, offset))) return reader.cancel();
      const { value, done } = await reader.read();
      if (done) return;
      let bytes = value;
      for (; id === undefined && bytes.length; bytes = bytes.subarray(1)) {
        head.push(bytes[0]);
        const [first, at] = peekInt(head, 0);
        const [second, end] = peekInt(head, at);
        if (end === head.length && !Number.isNaN(second)) [id, offset] = [first, second];
      }
      if (id === undefined) continue;
      if (!(await this.#wants(id, offset)) || !this.#take(id, offset, bytes)) return reader.cancel();
      offset += bytes.length;
    }
  }

  /** Waits until these bytes may come; false when nobody wants them. @param {number} id @param {number} offset */
  async #wants(id, offset) {
    let [left, last] = [PATIENCE, NaN];
    for (;;) {
      const { core } = this.#session;
      const { streams, side, next, highest } = core;
      const state = this.#state;
      if (!state && /** @type {any} */ (core).candidate?.key !== this.#carrier) return false;
      if (state?.phase === ATTACHED) {
        const stream = streams.get(id);
        if (!id || id > MAX || offset > MAX) return this.#fault(FRAME_MALFORMED);
        if (id % 2 === side && id >= next) return this.#fault(STREAM_ID);
        // A frame opens it: only frames come behind the last ACK of a stream that made room for this one.
        const isToCome = id % 2 !== side && id > highest;
        if (!isToCome && (!stream || stream.failed >= 0 || hasEnded(stream))) return false;
        if (stream && offset <= stream.in.end) return true;
        // Only while other things come: a path that is down repeats nothing.
        left -= Math.min(core.now - last || 0, PROBE);
        last = core.now;
        if (left < 0) return this.#fault(GAP);
      }
      await new Promise((resolve) => this.#waiting.push(/** @type {() => void} */ (resolve)));
    }
  }

  /** @param {number} id @param {number} offset @param {Uint8Array} bytes */
  #take(id, offset, bytes) {
    const { core } = this.#session;
    const [state, stream] = [this.#state, core.streams.get(id)];
    if (!state || !stream) return false;
    state.heard = core.now = performance.now();
    try {
      if (bytes.length) onData(core, stream, offset, 0, bytes);
    } catch (error) {
      if (!(error instanceof PageportError)) throw error;
      return this.#fault(codeOf(error));
    }
    this.moved();
    this.#session.poke();
    return true;
  }

  /** @param {number} code */
  #fault(code) {
    end(this.#session.core, code, true);
    this.#session.poke();
    return false;
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async #receiveDatagrams(reader) {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const [flow, at] = peekInt(value, 0);
      const state = this.#state;
      if (!(flow <= MAX && at <= value.length) || state?.phase !== ATTACHED) continue;
      state.heard = performance.now();
      const { streams, arrived } = this.#session.core;
      (streams.get(flow)?.enqueue ?? enqueue)(arrived, { flow, bytes: value.subarray(at) });
      this.#session.poke();
    }
  }
}
