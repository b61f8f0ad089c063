/**
 * The other end of the wire, for tests: an in-memory connection, and RFC 6455 frames written down independently of
 * the module (slow, simple, and free to break every rule).
 */

/** @param {string | number[] | Uint8Array} [payload] */
export function bytes(payload = []) {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : Uint8Array.from(payload);
}

/**
 * One frame, masked unless told otherwise.
 * @param {number} opcode
 * @param {string | number[] | Uint8Array} [payload]
 * @param {{ fin?: boolean, rsv?: number, key?: number[] | null, length?: bigint | number, form?: 0 | 2 | 8 }} [options]
 *   length: what the header claims; form: how many bytes it takes to claim it
 */
export function frame(opcode, payload, { fin = true, rsv = 0, key = [0x37, 0xfa, 0x21, 0x3d], length, form } = {}) {
  const body = bytes(payload);
  const claimed = BigInt(length ?? body.length);
  form ??= claimed < 126n ? 0 : claimed < 65536n ? 2 : 8;
  const head = [(fin ? 128 : 0) | (rsv << 4) | opcode, (key ? 128 : 0) | (form === 8 ? 127 : form ? 126 : Number(claimed))];
  for (let i = form - 1; i >= 0; i--) head.push(Number((claimed >> BigInt(8 * i)) & 255n));
  return concat([bytes(head), bytes(key ?? []), body.map((byte, i) => (key ? byte ^ key[i % 4] : byte))]);
}

/** Every whole frame in `data`; throws on a rest. @param {Uint8Array} data */
export function unframe(data) {
  const frames = [];
  for (let at = 0; at < data.length; ) {
    const [first, second] = data.subarray(at);
    const short = second & 127;
    const form = short < 126 ? 0 : short === 126 ? 2 : 8;
    let length = form ? 0 : short;
    for (let i = 0; i < form; i++) length = length * 256 + data[at + 2 + i];
    at += 2 + form;
    const key = second > 127 ? data.slice(at, (at += 4)) : null;
    if (at + length > data.length) throw new Error("an unfinished frame");
    const payload = data.slice(at, (at += length)).map((byte, i) => (key ? byte ^ key[i % 4] : byte));
    frames.push({ fin: first > 127, rsv: (first >> 4) & 7, opcode: first & 15, key, payload, text: Buffer.from(payload).toString() });
  }
  return frames;
}

/** @param {Uint8Array[]} parts */
export function concat(parts) {
  return new Uint8Array(Buffer.concat(parts));
}

/** @param {number} code @param {string} [reason] */
export function closePayload(code, reason = "") {
  return concat([bytes([code >> 8, code & 255]), bytes(reason)]);
}

/** Two ends of a connection. A write settles once the other end has read it. */
export function connection() {
  /** @type {TransformStreamDefaultController[]} */
  const controllers = [];
  const direction = () => new TransformStream({ start: (controller) => void controllers.push(controller) });
  const [up, down] = [direction(), direction()];
  let resets = 0;
  const reset = () => {
    resets++;
    for (const controller of controllers) controller.error(new Error("reset"));
  };
  return {
    near: { readable: up.readable, writable: down.writable, reset },
    far: { readable: down.readable, writable: up.writable, reset },
    /** How often either end has reset the connection. */
    get resets() {
      return resets;
    },
  };
}

/** Speaks raw bytes at the far end. */
export class Visitor {
  /** @param {{ readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>, reset: () => void }} stream */
  constructor(stream) {
    this.reader = stream.readable.getReader();
    this.writer = stream.writable.getWriter();
    this.reset = stream.reset;
  }

  /** @param {...Uint8Array} frames in one chunk */
  async send(...frames) {
    await this.writer.write(concat(frames));
  }

  /** The frames of the next write, in which they have to end. */
  async frames() {
    const { done, value } = await this.reader.read();
    return done ? [] : unframe(value);
  }

  /** Everything until the other end's FIN, and how it was cut into writes. */
  async rest() {
    const writes = [];
    for (;;) {
      const { done, value } = await this.reader.read();
      if (done) return { frames: unframe(concat(writes)), writes: writes.map((write) => write.length) };
      writes.push(value.slice());
    }
  }

  async end() {
    await this.writer.close();
  }
}
