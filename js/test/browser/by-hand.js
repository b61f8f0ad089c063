// A page made by hand: it attaches over either carrier, does what a test tells it, and reports what became of its
// carrier and of its session, in words that a table can hold. It must never tidy up what it was told to send.

import { randomBytes } from "node:crypto";
import {
  bytes,
  CLOSE,
  CODES,
  DATA,
  data,
  DETACH,
  frame,
  hello,
  PING,
  PONG,
  prefix,
  readInt,
  RESET,
  RESUME,
  resume,
  websocket,
  WELCOME,
} from "./wire.js";
import { requests } from "./http-wire.js";

/**
 * @typedef {object} World where to attach, and as whom
 * @property {string} url of the gateway
 * @property {string} origin an allowed one, for the carrier `websocket`
 * @property {string} token for the carrier `bytes`
 * @property {string} name of a good listener, for visitors
 * @property {number} helloTimeout how long the gateway waits for HELLO, in milliseconds
 */
/** @typedef {"websocket" | "bytes" | "http"} Kind */
/** @typedef {import("./wire.js").Carrier} Carrier */

export const LIMITS = { streams: 4096, initial: 4096, unreceived: 8 << 20 };

/** A good HELLO, changed as wanted. @param {object} [changes] */
export function helloJson(changes) {
  return { version: 1, n: 1, limits: LIMITS, features: [], ...changes };
}

/** A carrier on which nothing was said yet. @param {World} world @param {Kind} kind @param {string} [origin] */
export function connect(world, kind, origin = world.origin) {
  if (kind === "http") return requests(world.url, origin ? { origin } : { token: world.token });
  return kind === "websocket" ? websocket(world.url, { origin }) : bytes(world.url, { token: world.token });
}

export class HandPage {
  /**
   * @param {World} world
   * @param {Kind} kind
   * @param {Carrier} carrier
   * @param {{ session: string, secret: string, n: number, nonce?: string }} identity
   */
  constructor(world, kind, carrier, identity) {
    this.world = world;
    this.kind = kind;
    this.carrier = carrier;
    this.identity = identity;
  }

  /** HELLO and WELCOME of a new session, without RESUME. @param {World} world @param {Kind} kind @param {number} [n] */
  static async candidate(world, kind, n = 1) {
    const carrier = await connect(world, kind);
    carrier.send(hello(helloJson({ n })));
    const welcome = await carrier.next([WELCOME, CLOSE, DETACH]);
    if (welcome?.type !== WELCOME) throw new Error(`no WELCOME but ${said(welcome)}`);
    const { session, secret, nonce } = JSON.parse(welcome.payload.toString());
    return new HandPage(world, kind, carrier, { session, secret, n, nonce });
  }

  /** A new session, attached. @param {World} world @param {Kind} kind @param {number} [n] */
  static async attached(world, kind, n) {
    const page = await HandPage.candidate(world, kind, n);
    page.send(resume());
    const answer = await page.carrier.next([RESUME, CLOSE, DETACH]);
    if (answer?.type !== RESUME) throw new Error(`no RESUME but ${said(answer)}`);
    return page;
  }

  /** @param {...Buffer} frames one carrier message */
  send(...frames) {
    this.carrier.send(...frames);
  }

  /** Opens stream 1 as a listener; the name once the gateway has answered. */
  async listen() {
    this.send(data(1, 0, prefix({ listen: "websocket" })));
    const reply = await this.carrier.until(() => this.json(1));
    if (!reply?.ok) throw new Error(`no listener but ${JSON.stringify(reply)}`);
    return reply.name;
  }

  /** Opens a stream with this head: the reply, or the name of the code that it was reset with. @param {number} stream @param {object} head */
  async ask(stream, head) {
    this.send(data(stream, 0, prefix(head)));
    return this.carrier.until(() => this.json(stream) ?? this.reset(stream));
  }

  /** The name of the code that a stream was reset with. @param {number} stream */
  reset(stream) {
    return this.resets().find(([id]) => id === stream)?.[1];
  }

  /** Every stream that was reset, and the name of the code. @returns {[stream: number, code: string][]} */
  resets() {
    const resets = this.carrier.frames.filter(({ type }) => type === RESET);
    return resets.map(({ ints: [stream, code] }) => [stream, CODES.get(code) ?? `${code}`]);
  }

  /** The bytes of a stream that have come so far. @param {number} stream */
  received(stream) {
    const parts = this.carrier.frames.filter(({ type, ints }) => type === DATA && ints[0] === stream);
    return Buffer.concat(parts.map(({ rest }) => rest));
  }

  /** The head or reply of a stream, once it is complete. @param {number} stream */
  json(stream) {
    const bytes = this.received(stream);
    const [length, at] = readInt(bytes, 0) ?? [Infinity, 0];
    if (bytes.length >= at + length) return JSON.parse(bytes.subarray(at, at + length).toString());
  }

  /** Answers the gateway's newest PING, as a page that lives does. */
  pong() {
    const ping = this.carrier.frames.findLast(({ type }) => type === PING);
    if (ping) this.send(frame(PONG, ping.payload));
  }

  /** What became of the carrier, and of the session, after all that was sent. */
  async verdict() {
    const word = await this.answer();
    return word === "lives" ? word : `${word}, session ${await this.fate()}`;
  }

  /** `lives` if a PING is answered, else how the carrier ended. */
  async answer() {
    const token = randomBytes(8);
    this.send(frame(PING, token));
    return ending(this.carrier, ({ type, payload }) => type === PONG && payload.equals(token));
  }

  /** Whether another carrier may still join: `lives` or `over`. */
  async fate() {
    const { session, secret, n } = this.identity;
    const carrier = await connect(this.world, this.kind);
    try {
      carrier.send(hello(helloJson({ session, secret, n: n + 1000 })));
      const answer = await carrier.next([WELCOME, CLOSE, DETACH]);
      if (answer?.type === WELCOME) return "lives";
      const how = said(answer);
      return how === "CLOSE ERR_SESSION_LOST" ? "over" : how;
    } finally {
      carrier.drop();
    }
  }

  drop() {
    this.carrier.drop();
  }
}

/**
 * How a carrier ends: with which frame and code, and whether its connection ended too.
 * @param {Carrier} carrier
 * @param {(frame: import("./wire.js").Frame) => boolean} [alive] what shows that it does not end at all
 * @param {number} [patience]
 */
export async function ending(carrier, alive = () => false, patience = undefined) {
  const first = await carrier.until(
    () =>
      carrier.frames.find((frame) => [CLOSE, DETACH].includes(frame.type) || alive(frame)) ??
      (carrier.ended ? "end" : undefined),
    patience,
  );
  if (first === "end") return "connection ended without a word";
  if (first && alive(first)) return "lives";
  if (!first) return "silence";
  const ended = await carrier.until(() => carrier.ended);
  return ended ? said(first) : `${said(first)}, connection left open`;
}

/** @param {import("./wire.js").Frame | undefined} frame */
export function said(frame) {
  if (!frame) return "silence";
  const name =
    { [CLOSE]: "CLOSE", [DETACH]: "DETACH", [WELCOME]: "WELCOME", [RESUME]: "RESUME" }[frame.type] ??
    `frame ${frame.type}`;
  return frame.type === CLOSE || frame.type === DETACH ? `${name} ${CODES.get(frame.ints[0]) ?? frame.ints[0]}` : name;
}
