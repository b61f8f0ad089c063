/**
 * The `http` carrier's end of a gateway (spec/protocol.md §9.1) in front of the gateway in memory, and the proxies one meets on the way.
 *
 * Must never be kinder than a gateway may be: what is out of order is refused.
 */

import { createServer } from "node:http";
import { once } from "node:events";
import { ints, peekInt } from "../pageport/varint.js";

const RECYCLE_BYTES = 1 << 20;
const KEPT_BYTES = 262_144;

export class HttpGateway {
  /** How long a down request may hang. */
  hangs = 25_000;
  /** A proxy that holds answers back until they end. */
  isBuffering = false;
  /** What `/.well-known/pageport` offers. */
  offers = [{ kind: "websocket" }, { kind: "http" }];
  /** And why pages like this one are sent away. @type {string | undefined} */
  refusal;
  /** Called for each request; what it returns is answered instead: a status, or 0 for a connection that breaks. @type {(way: string, mode: number) => number | undefined} */
  meddle = () => undefined;
  /** @type {Map<string, Side>} */
  sides = new Map();
  /** Down requests by mode, and up requests. */
  asked = { down: [0, 0, 0], up: 0 };
  /** Requests that hang at the moment, and at most so far. */
  hanging = 0;
  mostHanging = 0;

  /** @param {import("./session-network.js").Network} network */
  static async start(network) {
    const gateway = new HttpGateway();
    gateway.network = network;
    gateway.server = createServer((request, response) => gateway.#serve(request, response));
    gateway.server.listen(0, "127.0.0.1");
    await once(gateway.server, "listening");
    gateway.url = `http://127.0.0.1:${gateway.server.address().port}`;
    return gateway;
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }

  /** Every connection breaks. */
  cut() {
    this.server.closeAllConnections();
  }

  async #serve(request, response) {
    if (request.url === "/.well-known/pageport") return response.end(JSON.stringify({ version: 1, carriers: this.offers, refusal: this.refusal }));
    const way = /^\/link\/(up|down)$/.exec(request.url)?.[1];
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      // An aborted upload changes nothing.
      return;
    }
    const body = Buffer.concat(chunks);
    const plain = request.method === "POST" && !request.headers["content-type"] && body.length > 16;
    if (!way || !plain) return this.#refuse(response, 400);
    const id = body.toString("hex", 0, 16);
    const [number, at] = peekInt(body, 16);
    const meddled = this.meddle(way, body[at]);
    if (meddled === 0) return request.socket.destroy();
    if (meddled) return this.#refuse(response, meddled);
    const side = this.sides.get(id) ?? (number === 0 ? new Side(this, id) : undefined);
    if (!side) return this.#refuse(response, 404);
    if (way === "up") {
      this.asked.up++;
      side.take(number, body.subarray(at), response);
    } else {
      this.asked.down[body[at]]++;
      side.answer(number, body[at], response);
    }
  }

  #refuse(response, status) {
    response.writeHead(status).end();
  }
}

/** One carrier, as the network in memory has its sockets. */
class Side {
  readyState = 1;
  seq = 0;
  /** The message that waits for its predecessor. */
  early;
  /** Messages from `first` on. @type {Buffer[]} */
  out = [];
  first = 0;
  /** The down request that hangs. */
  open;

  constructor(gateway, id) {
    this.gateway = gateway;
    this.id = id;
    gateway.sides.set(id, this);
    gateway.network.sockets.push(this);
  }

  take(seq, message, response) {
    if (seq > this.seq + 1 || this.readyState !== 1) return this.lose(response);
    if (seq > this.seq) {
      this.early = { message, response };
      return;
    }
    if (seq === this.seq) {
      this.seq++;
      this.gateway.network.take(this, Uint8Array.from(message));
    }
    response.writeHead(204).end();
    const { early } = this;
    this.early = undefined;
    if (early) this.take(this.seq, early.message, early.response);
  }

  answer(ack, mode, response) {
    if (ack < this.first || ack > this.first + this.out.length) return this.lose(response);
    this.end();
    let kept = this.out.reduce((sum, { length }) => sum + length, 0);
    for (; this.first < ack; this.first++) kept -= this.out.shift().length;
    if (kept > KEPT_BYTES * 2) throw new Error("more was kept than may be");
    response.writeHead(200, { "content-type": "application/octet-stream", "cache-control": "no-store, no-transform" });
    this.open = { response, mode, next: ack, sent: 0, held: [], timer: setTimeout(() => this.end(), this.gateway.hangs) };
    const { gateway, open } = this;
    gateway.mostHanging = Math.max(gateway.mostHanging, (gateway.hanging += +(mode < 2)));
    response.on("close", () => {
      gateway.hanging -= +(mode < 2);
      clearTimeout(open.timer);
      if (this.open === open) this.open = undefined;
    });
    this.#write(Buffer.from("pageport down v1"));
    this.pump();
    if (mode === 2) this.end();
  }

  pump() {
    const { open } = this;
    if (!open) return;
    let wrote = false;
    for (; open.next < this.first + this.out.length; open.next++) {
      const message = this.out[open.next - this.first];
      this.#write(Buffer.concat([Buffer.from(ints(message.length)), message]));
      open.sent += message.length;
      wrote = true;
    }
    if ((wrote && open.mode) || open.sent > RECYCLE_BYTES) this.end();
  }

  #write(bytes) {
    if (this.gateway.isBuffering) this.open.held.push(bytes);
    else this.open.response.write(bytes);
  }

  /** Ends the answer that is open, in order. */
  end() {
    const { open } = this;
    this.open = undefined;
    open?.response.end(Buffer.concat(open.held));
  }

  lose(response) {
    response?.writeHead(409).end();
    this.break();
  }

  // What the network in memory expects of a socket.

  arrive(bytes) {
    if (this.readyState !== 1) return;
    this.out.push(Buffer.from(bytes));
    this.pump();
  }

  break() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.gateway.network.core.lose(this);
    this.end();
    this.gateway.sides.delete(this.id);
  }
}
