// The wire, spoken by hand: bytes in and bytes out, over either carrier. It knows nothing of the module or of the
// gateway's code, only spec/protocol.md, and it must never refuse to send something wrong: that is what it is for.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { WebSocket } from "ws";

export const HELLO = 0x00;
export const WELCOME = 0x02;
export const RESUME = 0x04;
export const DATA = 0x06;
export const ACK = 0x08;
export const RESET = 0x0a;
export const STOP = 0x0c;
export const PING = 0x0e;
export const PONG = 0x10;
export const GOAWAY = 0x12;
export const DETACH = 0x14;
export const CLOSE = 0x16;
export const DATAGRAM = 0x19;

export const FIN = 1;
export const BLOCKED = 2;
export const END = 1;

/** Numbers to names, from the specification itself. @type {Map<number, string>} */
export const CODES = new Map(
  readFileSync(new URL("../../../spec/errors.md", import.meta.url), "utf8")
    .split("\n")
    .map((line) => /^\| (\d+) \| (\w+) \|/.exec(line))
    .filter((row) => row !== null)
    .map(([, number, name]) => [Number(number), name]),
);

/** The number of a code, which has to be in the specification. @param {string} name */
export function numberOf(name) {
  for (const [number, known] of CODES) if (known === name) return number;
  throw new Error(`spec/errors.md has no ${name}`);
}

/** @typedef {string | Buffer | Uint8Array} Bytes a string stands for its UTF-8 */

/**
 * A QUIC integer in its shortest form, or in one of so many bytes.
 * @param {number | bigint} value
 * @param {number} [size]
 */
export function varint(value, size) {
  const number = BigInt(value);
  size ??= number < 1n << 6n ? 1 : number < 1n << 14n ? 2 : number < 1n << 30n ? 4 : 8;
  const bytes = Buffer.alloc(size);
  for (let at = size, rest = number; at--; rest >>= 8n) bytes[at] = Number(rest & 255n);
  bytes[0] |= Math.log2(size) << 6;
  return bytes;
}

/** @param {number | bigint} type @param {...(Bytes)} payload */
export function frame(type, ...payload) {
  const body = Buffer.concat(payload.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(type), varint(body.length), body]);
}

/** Type and length of a frame whose payload does not come. @param {number | bigint} type @param {number} length */
export function header(type, length) {
  return Buffer.concat([varint(type), varint(length)]);
}

/** A frame of nothing but integers. @param {number} type @param {...(number | bigint)} numbers */
export function ints(type, ...numbers) {
  return frame(type, ...numbers.map((number) => varint(number)));
}

/** @param {object | Bytes} json */
export function hello(json) {
  return frame(HELLO, typeof json === "object" && !(json instanceof Uint8Array) ? JSON.stringify(json) : json);
}

/**
 * Entries are `[stream, received, limit, flags?, …more integers]`.
 * @param {{ highest?: number, entries?: number[][], flags?: number }} [parts]
 */
export function resume({ highest = 0, entries = [], flags = END } = {}) {
  const listed = entries.flatMap(([stream, received, limit, flag = 0, ...more]) => [
    varint(stream),
    varint(received),
    varint(limit),
    Buffer.of(flag),
    ...more.map((number) => varint(number)),
  ]);
  return frame(RESUME, Buffer.of(flags), varint(highest), ...listed);
}

/** @param {number} stream @param {number | bigint} offset @param {Bytes} [bytes] @param {number} [flags] */
export function data(stream, offset, bytes = "", flags = 0) {
  return frame(DATA, varint(stream), varint(offset), Buffer.of(flags), bytes);
}

/** What stands before the raw bytes of a direction. @param {object | Bytes} json */
export function prefix(json) {
  const bytes = Buffer.from(typeof json === "object" && !(json instanceof Uint8Array) ? JSON.stringify(json) : json);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** @param {number} code @param {Bytes} [message] @param {number} [type] */
export function farewell(code, message = "", type = CLOSE) {
  return frame(type, varint(code), message);
}

/**
 * @typedef {{ type: number, payload: Buffer, ints: number[], rest: Buffer }} Frame `ints` are those that the type begins
 *   with (and the flags of DATA), `rest` is what follows them
 */

/** How many integers a payload begins with. @type {Record<number, number>} */
const INTS = { [DATA]: 2, [RESET]: 3, [STOP]: 2, [GOAWAY]: 5, [DETACH]: 1, [CLOSE]: 1 };

/**
 * An integer and where the next byte is.
 * @param {Buffer} bytes
 * @param {number} at
 * @returns {[value: number, next: number] | undefined}
 */
export function readInt(bytes, at) {
  if (at >= bytes.length) return;
  const size = 1 << (bytes[at] >> 6);
  if (at + size > bytes.length) return;
  let value = bytes[at] & 63;
  for (let i = 1; i < size; i++) value = value * 256 + bytes[at + i];
  return [value, at + size];
}

/** Takes whole frames off the front. @param {Buffer} bytes @returns {{ frames: Frame[], rest: Buffer }} */
export function decode(bytes) {
  /** @type {Frame[]} */
  const frames = [];
  let at = 0;
  for (;;) {
    const type = readInt(bytes, at);
    const length = type && readInt(bytes, type[1]);
    if (!length || length[1] + length[0] > bytes.length) return { frames, rest: bytes.subarray(at) };
    const payload = bytes.subarray(length[1], (at = length[1] + length[0]));
    const numbers = [];
    let next = 0;
    for (let i = INTS[type[0]] ?? 0; i--;) [numbers[numbers.length], next] = readInt(payload, next) ?? [NaN, next];
    if (type[0] === DATA) numbers.push(payload[next++]);
    frames.push({ type: type[0], payload, ints: numbers, rest: payload.subarray(next) });
  }
}

/**
 * How long an answer may take before there is none. Far above what a loaded machine needs, far below every timer of the
 * gateway.
 */
const PATIENCE_MS = 8_000;

/** One carrier. Made by `websocket` and `bytes`. */
export class Carrier {
  /** Everything that came, in order. @type {Frame[]} */
  frames = [];
  /** Whether the other side has ended the connection. */
  ended = false;
  #rest = Buffer.alloc(0);
  #waiting = new Set();

  /** @param {{ write: (bytes: Buffer) => void, end: () => void, raw: any }} out */
  constructor(out) {
    this.out = out;
  }

  /** One carrier message. @param {...Buffer} frames */
  send(...frames) {
    this.out.write(Buffer.concat(frames));
  }

  /** Drops the connection without a word. */
  drop() {
    this.out.end();
  }

  /** @param {Buffer} bytes */
  take(bytes) {
    const { frames, rest } = decode(Buffer.concat([this.#rest, bytes]));
    this.#rest = rest;
    this.frames.push(...frames);
    this.#look();
  }

  finish() {
    this.ended = true;
    this.#look();
  }

  /**
   * The first result of `find` that is not falsy, looked for whenever something comes.
   * @template T
   * @param {(carrier: Carrier) => T} find
   * @param {number} [patience] after so many milliseconds the answer is `undefined`
   * @returns {Promise<T | undefined>}
   */
  until(find, patience = PATIENCE_MS) {
    return new Promise((resolve) => {
      const look = () => {
        const found = find(this);
        if (found) settle(found);
      };
      const settle = (value) => (clearTimeout(timer), this.#waiting.delete(look), resolve(value));
      const timer = setTimeout(() => settle(undefined), patience);
      this.#waiting.add(look);
      look();
    });
  }

  /**
   * The first frame of these types from the `from`th on.
   * @param {number[]} types
   * @param {number} [from]
   * @param {number} [patience]
   */
  next(types, from = 0, patience) {
    return this.until(() => this.frames.slice(from).find(({ type }) => types.includes(type)), patience);
  }

  #look() {
    for (const look of [...this.#waiting]) look();
  }
}

/**
 * @param {string} url of the gateway
 * @param {{ origin?: string, headers?: Record<string, string> }} [who]
 * @returns {Promise<Carrier>}
 */
export async function websocket(url, { origin, headers } = {}) {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/link`, ["pageport.v1"], {
    origin,
    headers,
    perMessageDeflate: false,
    maxPayload: 1 << 20,
  });
  const carrier = new Carrier({
    write: (bytes) => socket.send(bytes),
    end: () => socket.terminate(),
    raw: socket,
  });
  socket.on("message", (bytes) => carrier.take(/** @type {Buffer} */ (bytes)));
  socket.on("close", () => carrier.finish());
  await once(socket, "open");
  socket.on("error", () => carrier.finish());
  return carrier;
}

/**
 * @param {string} url of the gateway
 * @param {{ token?: string }} [who]
 * @returns {Promise<Carrier>}
 */
export async function bytes(url, { token } = {}) {
  const { hostname, port, host } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  const credential = token ? `Authorization: Bearer ${token}\r\n` : "";
  socket.write(
    `GET /link HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: pageport.v1\r\n${credential}\r\n`,
  );
  const carrier = new Carrier({ write: (bytes) => void socket.write(bytes), end: () => socket.destroy(), raw: socket });
  socket.on("error", () => carrier.finish());
  socket.on("close", () => carrier.finish());
  const { head, behind } = await readHead(socket);
  if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`not upgraded: ${head}`);
  carrier.take(behind);
  socket.on("data", (chunk) => carrier.take(chunk));
  socket.on("end", () => (carrier.finish(), socket.end()));
  socket.resume();
  return carrier;
}

/**
 * Sends a request as it stands and reads its answer until the connection ends or the body is there.
 * @param {string} url of the gateway
 * @param {Bytes} request
 * @param {number} [patience]
 * @returns {Promise<{ status: number, headers: Map<string, string>, body: string }>}
 */
export async function ask(url, request, patience) {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on("error", () => {});
  socket.write(request);
  try {
    const { head, behind } = await readHead(socket, patience);
    const [start, ...lines] = head.split("\r\n").filter(Boolean);
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    let body = behind;
    const length = Number(headers.get("content-length") ?? 0);
    while (body.length < length) {
      const chunk = await read(socket);
      if (!chunk) break;
      body = Buffer.concat([body, chunk]);
    }
    return { status: Number(start.split(" ")[1]), headers, body: body.toString() };
  } finally {
    socket.destroy();
  }
}

/** @param {net.Socket} socket @param {number} [patience] */
async function readHead(socket, patience = PATIENCE_MS) {
  let all = Buffer.alloc(0);
  for (;;) {
    const end = all.indexOf("\r\n\r\n");
    if (end >= 0) return { head: all.subarray(0, end).toString("latin1"), behind: all.subarray(end + 4) };
    const chunk = await read(socket, patience);
    if (!chunk) throw new Error(`the connection ended before an answer: ${JSON.stringify(all.toString())}`);
    all = Buffer.concat([all, chunk]);
  }
}

/**
 * What comes next, `undefined` at the end.
 * @param {net.Socket} socket
 * @param {number} [patience]
 * @returns {Promise<Buffer | undefined>}
 */
function read(socket, patience = PATIENCE_MS) {
  return new Promise((resolve) => {
    const settle = (value) => {
      socket.pause();
      for (const [name, listener] of Object.entries(listeners)) socket.off(name, listener);
      clearTimeout(timer);
      resolve(value);
    };
    const listeners = { data: settle, end: () => settle(undefined), close: () => settle(undefined) };
    const timer = setTimeout(() => settle(undefined), patience);
    if (socket.closed || socket.readableEnded) return settle(undefined);
    for (const [name, listener] of Object.entries(listeners)) socket.on(name, listener);
    socket.resume();
  });
}
