/**
 * A gateway in memory, and the WebSocket constructor that reaches it: for tests of what pages use.
 *
 * It speaks through the state machine in the gateway's role, so that nothing here needs to know the wire. Must never answer
 * in the turn of the call: a network does not either.
 */

import { open, reply } from "../pageport/core.js";
import { finish } from "../pageport/send.js";
import { read, write } from "../pageport/stream-io.js";
import { tick } from "../pageport/attach.js";
import { transmit } from "../pageport/transmit.js";
import { decode } from "../pageport/frames.js";
import { GatewayCore } from "./session-gateway.js";
import { message } from "./session-frames.js";
import * as wire from "../pageport/wire.js";

const encoder = new TextEncoder();

// Gateways in memory answer what pages ask of gateways before they fetch the rest of the module.
const { fetch } = globalThis;
globalThis.fetch = async (url, init) => (/\.test\/\.well-known/.test(`${url}`) ? Response.json({ version: 1, carriers: [{ kind: "websocket" }] }) : fetch(url, init));

export class Network {
  /** Whether new connections come through. */
  isUp = true;
  /** Whether those that come through are never answered. */
  isHole = false;
  /** Whether anything that was sent arrives. */
  isDeaf = false;
  /** What sockets keep to themselves, as if the path were full. */
  holds = false;
  /** @type {Socket[]} */
  sockets = [];
  /** Types of the frames that the gateway got. @type {number[]} */
  heard = [];
  names = 0;
  /** @type {GatewayCore} */
  core;
  /** Called for each stream whose head has come. @type {(stream: import("../pageport/stream.js").Stream) => void} */
  onstream = (stream) => this.#serve(stream);

  /** @param {{ limits?: import("../pageport/heads.js").Limits }} [options] */
  constructor(options) {
    this.options = options;
    this.core = new GatewayCore(options);
    const network = this;
    this.WebSocket = /** @type {any} */ (
      class extends Socket {
        /** @param {string} url @param {string} protocol */
        constructor(url, protocol) {
          super(network, url, protocol);
        }
      }
    );
  }

  get last() {
    return /** @type {Socket} */ (this.sockets.at(-1));
  }

  /** How often the gateway heard a type of frame. @param {number} type */
  count(type) {
    return this.heard.filter((one) => one === type).length;
  }

  /** The gateway starts anew: whoever comes back is told so. */
  restart() {
    this.core = new GatewayCore(this.options);
    this.cut();
  }

  /** Every connection breaks, and both sides notice. */
  cut() {
    for (const socket of this.sockets) socket.break();
  }

  /** Says something on the newest carrier. @param {...import("../pageport/frames.js").Frame} frames */
  say(...frames) {
    this.last.arrive(message(...frames));
  }

  /** Asks the page for a sign of life, and hears it: by then it has done what it wanted to about all that came before. */
  async roundTrip() {
    const before = this.count(wire.PONG);
    this.say([wire.PING, new Uint8Array(8)]);
    await until(() => this.count(wire.PONG) > before);
  }

  /** Waits until something stays the same over three round trips. @param {() => number} measure */
  async still(measure) {
    for (let same = 0, last = NaN; same < 3; same = last === measure() ? same + 1 : 0) {
      last = measure();
      await this.roundTrip();
    }
  }

  /** A visitor who waits. @param {object} [head] */
  visit(head) {
    const visit = { kind: "websocket", listener: `name${this.names}`, method: "GET", url: "ws://name.gw.test/chat?a=1", headers: [], peer: "p1", ...head };
    const stream = open(this.core, visit, performance.now());
    this.flush();
    return new Visitor(this, stream);
  }

  /** @param {Socket} socket @param {Uint8Array} bytes */
  take(socket, bytes) {
    const frames = decode(bytes);
    this.heard.push(...frames.map(([type]) => type));
    if (this.isDeaf) return;
    const hello = frames[0][0] === wire.HELLO ? JSON.parse(new TextDecoder().decode(frames[0][1])) : undefined;
    if (hello?.session && !this.core.session) return socket.arrive(message([wire.CLOSE, 38, "gone"]));
    this.core.take(socket, bytes, performance.now());
    if (hello) this.core.session = "known";
    this.flush();
  }

  flush() {
    const { core } = this;
    tick(core, performance.now());
    for (const stream of core.touched) {
      core.touched.delete(stream);
      if (stream.notify) stream.notify();
      else if (stream.head) this.onstream(stream);
    }
    for (const socket of this.sockets) {
      for (let bytes; (bytes = socket === core.carrier?.key ? transmit(core, performance.now(), 100_000) : core.greeting(socket)); ) {
        socket.arrive(bytes);
      }
    }
  }

  /** Everything of one direction, once its end has come. @param {import("../pageport/stream.js").Stream} stream */
  async drain(stream) {
    const visitor = new Visitor(this, stream);
    const chunks = [];
    for (let chunk; (chunk = await visitor.read()); ) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** @param {import("../pageport/stream.js").Stream} stream */
  #serve(stream) {
    const { core } = this;
    const head = /** @type {any} */ (stream.head);
    stream.notify = () => {};
    if (head.listen) {
      const name = `name${++this.names}`;
      reply(core, stream, { ok: true, name, url: `ws://${name}.gw.test/`, path_url: `ws://gw.test/@${name}/` });
    } else if (head.connect === "echo") {
      reply(core, stream, { ok: true });
      let rest = new Uint8Array(0);
      stream.notify = () => {
        for (;;) {
          rest = rest.subarray(write(core, stream, rest));
          if (rest.length) return;
          rest = read(core, stream, 65_536, performance.now())?.slice() ?? rest;
          if (!rest.length) break;
        }
        if (stream.in.start === stream.final && stream.failed < 0 && !stream.fin) finish(core, stream);
      };
      stream.notify();
    } else {
      reply(core, stream, { error: "ERR_UNSUPPORTED", message: "no such kind" });
      finish(core, stream);
    }
  }
}

/** Somebody at the other end of a stream, on the gateway's side. */
export class Visitor {
  /** @param {Network} network @param {import("../pageport/stream.js").Stream} stream */
  constructor(network, stream) {
    this.network = network;
    this.core = network.core;
    this.stream = stream;
    /** @type {(() => void)[]} */
    this.waiting = [];
    stream.notify = () => this.waiting.splice(0).forEach((wake) => wake());
  }

  /** @param {object} head */
  answer(head) {
    reply(this.core, this.stream, head);
    finish(this.core, this.stream);
    this.network.flush();
  }

  changed() {
    return new Promise((resolve) => this.waiting.push(() => resolve(undefined)));
  }

  /** What the page answered. */
  async reply() {
    while (!this.stream.head && this.stream.failed < 0) await this.changed();
    return /** @type {any} */ (this.stream.head ?? { failed: this.stream.failed });
  }

  /** @param {Uint8Array | string} bytes */
  async write(bytes) {
    let rest = typeof bytes === "string" ? encoder.encode(bytes) : bytes;
    for (;;) {
      rest = rest.subarray(write(this.core, this.stream, rest));
      this.network.flush();
      if (!rest.length || this.stream.reset >= 0) return;
      await this.changed();
    }
  }

  end() {
    finish(this.core, this.stream);
    this.network.flush();
  }

  /** The next bytes; undefined at the end. */
  async read() {
    for (;;) {
      const bytes = read(this.core, this.stream, 65_536, performance.now())?.slice();
      this.network.flush();
      if (bytes) return bytes;
      if (this.stream.failed >= 0 || this.stream.in.start === this.stream.final) return undefined;
      await this.changed();
    }
  }
}

/** The page's end of a connection, as a browser has it. */
class Socket {
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  sent = 0;
  /** @type {((event?: any) => void) | null} */
  onopen = null;
  /** @type {((event?: any) => void) | null} */
  onmessage = null;
  /** @type {((event?: any) => void) | null} */
  onclose = null;
  /** @type {((event?: any) => void) | null} */
  onerror = null;

  /** @param {Network} network @param {string} url @param {string} protocol */
  constructor(network, url, protocol) {
    if (!/^wss?:/.test(url)) throw new SyntaxError(url);
    this.network = network;
    this.url = url;
    this.protocol = protocol;
    network.sockets.push(this);
    setImmediate(() => {
      if (this.readyState || network.isHole) return;
      if (network.isUp) {
        this.readyState = 1;
        this.onopen?.({ type: "open" });
      } else this.break();
    });
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.readyState !== 1) return;
    const copy = bytes.slice();
    this.sent += copy.length;
    if (this.network.holds) {
      this.bufferedAmount += copy.length;
      return;
    }
    setImmediate(() => this.readyState === 1 && this.network.take(this, copy));
  }

  /** @param {Uint8Array | string} bytes */
  arrive(bytes) {
    const data = typeof bytes === "string" ? bytes : bytes.slice().buffer;
    setImmediate(() => this.readyState === 1 && !this.network.isDeaf && this.onmessage?.({ data }));
  }

  break() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.network.core.lose(this);
    setImmediate(() => this.onclose?.({ type: "close" }));
  }

  close() {
    // What was sent still arrives.
    setImmediate(() => setImmediate(() => this.break()));
  }
}

/** The next event of a type. @param {EventTarget} target @param {string} type @returns {Promise<any>} */
export const next = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));

/** Waits for the other side's turns, until something holds. @param {() => unknown} holds */
export async function until(holds) {
  for (const start = performance.now(); !holds(); ) {
    if (performance.now() - start > 20_000) throw new Error(`never: ${holds}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
