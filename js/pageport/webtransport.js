/**
 * The `webtransport` carrier (spec/protocol.md §9): frames on the first stream, bytes of streams that have many beside them.
 *
 * Fetched when it is tried. Must never hand the session whole what came in parts, nor decide what a stream means: frames do.
 */

import { FRAME, MESSAGE } from "./limits.js";
import { Native } from "./native.js";
import { peekInt } from "./varint.js";

export { Native };

/** What may wait to be taken by the browser: enough to keep it busy, no more. */
const QUEUE = 131_072;
/** How long the gateway has to end its side of the first stream. */
const LINGER = 2_000;

export class WebTransportCarrier {
  /** @readonly */
  name = "webtransport";
  #transport;
  #session;
  /** @type {WritableStreamDefaultWriter<Uint8Array> | undefined} */
  #writer;
  /** Bytes that the browser has not taken. */
  #queued = 0;
  /** What moves beside messages. @type {Native | undefined} */
  native;

  /**
   * @param {import("./session.js").Session} session
   * @param {{ hashes?: string[] }} offer what `/.well-known/pageport` says: hashes of the certificate, if nobody else vouches for it
   * @param {(message: Uint8Array) => void} onmessage
   * @param {(isGone: boolean) => void} onchange it has opened, or is gone
   */
  constructor(session, { hashes = [] }, onmessage, onchange) {
    this.#session = session;
    const serverCertificateHashes = hashes.map((hash) => ({
      algorithm: "sha-256",
      value: Uint8Array.from(atob(hash.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0)),
    }));
    const transport = new WebTransport(session.gateway.replace(/^http:/, "https:") + "/link", hashes.length ? { serverCertificateHashes } : {});
    this.#transport = transport;
    const gone = () => {
      this.#writer = undefined;
      onchange(true);
    };
    transport.closed.then(gone, gone);
    this.#open(onmessage, onchange).catch(() => this.#end());
  }

  /** How many bytes it takes now; NaN while it is not open, and when it is full, since it says when it is not any more. */
  room() {
    this.native?.sweep();
    return this.#writer && this.#queued < QUEUE ? QUEUE - this.#queued : NaN;
  }

  /** @param {Uint8Array<ArrayBuffer>} message */
  send(message) {
    const { length } = message;
    this.#queued += length;
    this.#writer?.write(message).then(
      () => {
        this.#queued -= length;
        if (this.#queued + length >= QUEUE) this.#session.poke();
      },
      () => {},
    );
  }

  /** What was sent still leaves. */
  close() {
    // A close at once would throw away what was sent. The gateway ends its side when it has that.
    this.#end(this.#writer ? LINGER : 0);
  }

  /** @param {number} [wait] never in the same task as the abort of a native stream: Chromium would crash when that comes about */
  #end(wait) {
    setTimeout(() => this.#transport.close(), wait);
  }

  /** @param {(message: Uint8Array) => void} onmessage @param {(isGone: boolean) => void} onchange */
  async #open(onmessage, onchange) {
    const transport = this.#transport;
    await transport.ready;
    // Frames say how the other streams go on, so they leave first.
    const { readable, writable } = await transport.createBidirectionalStream({ sendOrder: 1 });
    this.#writer = writable.getWriter();
    this.native = new Native(transport, this.#session, this);
    onchange(false);
    const reader = readable.getReader();
    let rest = new Uint8Array();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const bytes = rest.length ? join(rest, value) : value;
      const whole = wholeFrames(bytes);
      rest = bytes.slice(whole);
      for (let at = 0; at < whole; ) {
        const end = at + messageEnd(bytes.subarray(at, whole));
        onmessage(bytes.subarray(at, end));
        at = end;
      }
      this.native.moved();
    }
    this.#end();
  }
}

/** How many bytes of whole frames there are; one that is too long counts as whole: it is judged by its head. @param {Uint8Array} bytes */
function wholeFrames(bytes) {
  let at = 0;
  for (;;) {
    const end = frameEnd(bytes, at);
    if (!(end <= bytes.length)) return at;
    at = end;
  }
}

/** How many of these whole frames fit one message. @param {Uint8Array} bytes */
function messageEnd(bytes) {
  if (bytes.length <= MESSAGE) return bytes.length;
  let at = 0;
  for (let end; (end = frameEnd(bytes, at)) <= MESSAGE; ) at = end;
  // One that is too long is judged by its head, however much of it has come.
  return at || bytes.length;
}

/** Where the frame ends that begins here; NaN when that is not known yet. @param {Uint8Array} bytes @param {number} at */
function frameEnd(bytes, at) {
  const [, sizeAt] = peekInt(bytes, at);
  const [size, start] = peekInt(bytes, sizeAt);
  if (at >= bytes.length || start > bytes.length || Number.isNaN(size)) return NaN;
  return size > FRAME ? bytes.length : start + size;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
function join(a, b) {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
