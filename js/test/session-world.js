/**
 * Two state machines, applications that know every byte, and a network that breaks anywhere: all from one seed.
 *
 * Every step checks what must always hold, `finish` what must hold in the end. Must never repair what the session breaks.
 */

import { attach, lose, receive, tick } from "../pageport/attach.js";
import { Core, open, reply } from "../pageport/core.js";
import { hasEnded, stop } from "../pageport/receive.js";
import { finish, reset } from "../pageport/send.js";
import { read, write } from "../pageport/stream-io.js";
import { transmit } from "../pageport/transmit.js";
import * as wire from "../pageport/wire.js";
import { GatewayCore } from "./session-gateway.js";

/** Messages on the way in one direction of a carrier. */
const ON_THE_WAY = 4;

/** What an application writes. @param {number} id @param {number} side @param {number} length */
const content = (id, side, length) => Uint8Array.from({ length }, (_, at) => (id * 31 + side * 97 + at * 7 + (at >> 8)) & 255);

/**
 * @typedef {object} Flow one direction of a stream, as the applications know it
 * @property {Uint8Array} bytes what the writer wants to write
 * @property {"fin" | "reset"} end how it ends then
 * @property {number} stopAt after how many bytes the reader has had enough
 * @property {number} wrote
 * @property {number} got
 * @property {string} writer what became of it there
 * @property {string} reader and here
 */

export class World {
  now = 1000;
  cuts = 0;
  /** Carriers that took over from one that still served. */
  moved = 0;
  /** @type {{ queues: Uint8Array[][], dead: boolean[] }[]} queue 0 leads to the gateway */
  carriers = [];
  /** Flows by id and writing side. @type {Map<string, Flow>} */
  flows = new Map();
  /** @type {(string | undefined)[]} */
  faults = [];
  /** Streams by side. @type {Map<number, import("../pageport/stream.js").Stream>[]} */
  streams = [new Map(), new Map()];
  opened = [0, 0];
  polite = false;
  /** Tampers with a message on its way; for controls. @type {(message: Uint8Array) => Uint8Array | undefined} */
  tamper = (message) => message;

  /**
   * @param {import("./random.js").Random} random
   * @param {{ streams?: number, bytes?: number, cutOnceIn?: number, steps?: number, limits?: Partial<import("../pageport/heads.js").Limits>, budget?: number, goAway?: boolean, moveOnceIn?: number }} [options]
   */
  constructor(random, { streams = 30, bytes = 20_000, cutOnceIn = 100, steps = 3000, limits, budget = 400_000, goAway = false, moveOnceIn = Infinity } = {}) {
    this.random = random;
    this.options = { streams, bytes, cutOnceIn, steps, goAway, moveOnceIn };
    const announced = { streams: 40, initial: 1024, unreceived: 65_536, ...limits };
    this.page = new Core({ limits: announced, budget });
    this.gateway = new GatewayCore({ limits: announced, budget });
    /** By side. @type {[GatewayCore, Core]} */
    this.cores = [this.gateway, this.page];
  }

  /** Runs until everything is over, or fails. @param {number} [most] steps */
  run(most = 60_000) {
    let steps = 0;
    for (; steps < most && !this.isOver() && !this.faults.length; steps++) {
      this.step();
      // In the end nothing breaks any more: then everything has to come to its end.
      this.polite = steps > this.options.steps;
    }
    if (!this.faults.length && !this.isOver()) this.faults.push(`not over after ${steps} steps: ${this.#state()}`);
    if (!this.faults.length) this.#judge();
    return this.faults;
  }

  allStarted() {
    return Math.min(...this.opened) >= this.options.streams / 2;
  }

  isOver() {
    return (
      this.allStarted() &&
      this.cores.every((core) => !core.streams.size && !core.finals.size && !core.signals.length) &&
      this.carriers.every(({ queues, dead }, i) => i !== this.page.carrier?.key || queues.every((queue, d) => !queue.length || dead[d]))
    );
  }

  step() {
    const { random, page, gateway } = this;
    const actions = [() => this.#deliver(0), () => this.#deliver(1), () => this.#send(1), () => this.#send(0), () => this.#write(), () => this.#read(), () => this.#write(), () => this.#read()];
    random.pick(actions)();
    if (random.onceIn(10)) this.#open(random.below(2));
    if (random.onceIn(20)) this.#pass(random.below(60));
    if (random.onceIn(2000)) this.#pass(8000);
    if (!this.polite && random.onceIn(this.options.cutOnceIn)) this.#cut();
    if (this.options.goAway && random.onceIn(500) && gateway.carrier && gateway.lastId === Infinity && this.opened[1] > 4) {
      gateway.goAway();
      this.options.streams = 0;
    }
    // With a carrier that serves, a better one is tried now and then.
    const once = !page.carrier ? 5 : page.carrier.phase !== wire.ATTACHED || this.polite ? Infinity : this.options.moveOnceIn * (page.candidate ? 10 : 1);
    if (random.onceIn(once)) {
      this.carriers.push({ queues: [[], []], dead: [false, false] });
      attach(page, this.carriers.length - 1, this.now);
    }
    for (const side of /** @type {const} */ ([0, 1])) this.#look(side);
    for (const { side, ended } of this.cores) if (ended >= 0) this.faults.push(`side ${side} ended with ${ended}`);
    if (random.onceIn(8)) this.#check();
  }

  /** @param {0 | 1} d 0: to the gateway */
  #deliver(d) {
    const at = this.carriers.findLastIndex(({ queues }) => queues[d].length && (this.random.onceIn(2) || !this.polite));
    if (at < 0) return;
    const message = this.tamper(/** @type {Uint8Array} */ (this.carriers[at].queues[d].shift()));
    if (!message) return;
    if (d) this.#receive(at, message);
    else this.gateway.take(at, message, this.now);
  }

  /** @param {number} at @param {Uint8Array} message */
  #receive(at, message) {
    this.page.now = this.now;
    const serving = this.page.carrier?.phase === wire.ATTACHED ? this.page.carrier.key : at;
    receive(this.page, at, message, this.now);
    if (serving !== at && this.page.carrier?.key === at) this.moved++;
  }

  /** @param {0 | 1} side */
  #send(side) {
    const core = this.cores[side];
    const keys = side ? [core.carrier?.key, core.candidate?.key] : [core.carrier?.key, ...this.gateway.candidates.keys()];
    for (const key of keys) {
      const carrier = this.carriers[key];
      const d = side ? 0 : 1;
      if (!carrier || (carrier.queues[d].length >= ON_THE_WAY && !carrier.dead[d])) continue;
      const max = this.random.pick([500, 3000, 20_000, 70_000, 262_144]);
      const message = key === core.carrier?.key ? transmit(core, this.now, max) : side ? transmit(core, this.now, max, core.candidate) : this.gateway.greeting(key);
      if (!message) continue;
      if (message.length > 262_144) this.faults.push(`a message of ${message.length} bytes`);
      if (!carrier.dead[d]) carrier.queues[d].push(message.slice());
    }
  }

  /** @param {number} ms */
  #pass(ms) {
    this.now += ms;
    tick(this.page, this.now);
    if (this.now >= this.gateway.sweepAt) tick(this.gateway, this.now);
    const key = this.gateway.carrier?.key;
    // A gateway notices after 20 s at the latest, often earlier.
    if (key !== undefined && this.carriers[key].dead.some(Boolean) && this.random.onceIn(4)) {
      this.gateway.lose(key);
      this.carriers[key].dead = [true, true];
    }
  }

  #cut() {
    const { page, random } = this;
    const at = (random.onceIn(3) && page.candidate?.key) || (page.carrier?.key ?? -1);
    if (at < 0) return;
    this.cuts++;
    const carrier = this.carriers[at];
    // Some of what is on the way still arrives; one direction may live on; nobody may notice.
    for (const d of random.pick([[0], [1], [0, 1], [0, 1]])) {
      carrier.dead[d] = true;
      carrier.queues[d].length = random.below(carrier.queues[d].length + 1);
    }
    if (random.onceIn(2)) lose(page, at);
    else if (random.onceIn(2)) this.gateway.lose(at);
  }

  /** @param {number} side */
  #open(side) {
    const core = this.cores[side];
    if (this.opened[side] >= this.options.streams / 2 || core.open[side] >= core.peer.streams || core.ended >= 0) return;
    if (side === 0 && this.gateway.lastId < Infinity) return;
    if (core.away || !core.peer.streams) return;
    const { random } = this;
    const stream = open(core, { id: core.next, filler: "x".repeat(random.onceIn(8) ? 9000 : random.below(50)) }, this.now);
    this.opened[side]++;
    this.streams[side].set(stream.id, stream);
    for (const writer of [0, 1]) this.flows.set(`${stream.id} ${writer}`, this.#plan(stream.id, writer));
  }

  /** @param {number} id @param {number} writer @returns {Flow} */
  #plan(id, writer) {
    const { random, options } = this;
    return {
      bytes: content(id, writer, random.onceIn(4) ? 0 : random.below(options.bytes)),
      end: random.onceIn(5) ? "reset" : "fin",
      stopAt: random.onceIn(6) ? random.below(options.bytes) : Infinity,
      wrote: 0,
      got: 0,
      writer: "",
      reader: "",
    };
  }

  /** Takes note of new streams, and of ends. @param {0 | 1} side */
  #look(side) {
    const core = this.cores[side];
    for (const stream of core.touched) {
      core.touched.delete(stream);
      const { id } = stream;
      if (id % 2 !== side && stream.head && !this.streams[side].has(id)) {
        if (stream.head.id !== id) this.faults.push(`stream ${id} has head ${stream.head.id}`);
        this.streams[side].set(id, stream);
        reply(core, stream, { ok: true, id });
      }
      const mine = /** @type {Flow} */ (this.flows.get(`${id} ${side}`));
      const theirs = /** @type {Flow} */ (this.flows.get(`${id} ${1 - side}`));
      if (stream.reset === 42 || stream.failed === 42) mine.writer = theirs.writer = "refused";
      if (stream.reset >= 0) mine.writer ||= "stopped";
      if (stream.failed < 0 && hasEnded(stream)) theirs.reader ||= "fin";
      if (stream.failed >= 0) theirs.reader ||= stream.failed === 42 ? "refused" : stream.failed === 64 || stream.failed === 70_000 ? "reset" : `failed ${stream.failed}`;
    }
  }

  #write() {
    const side = this.random.below(2);
    const core = this.cores[side];
    const list = [...this.streams[side].values()].filter(({ id }) => !this.flows.get(`${id} ${side}`)?.writer);
    if (!list.length) return;
    const stream = this.random.pick(list);
    const flow = /** @type {Flow} */ (this.flows.get(`${stream.id} ${side}`));
    const left = flow.bytes.length - flow.wrote;
    if (left && !(flow.end === "reset" && this.random.onceIn(30))) {
      const size = this.random.pick([1, 10, 1000, 30_000]);
      flow.wrote += write(core, stream, flow.bytes.subarray(flow.wrote, flow.wrote + size));
    } else if (flow.end === "fin") {
      finish(core, stream);
      flow.writer = "fin";
    } else {
      reset(core, stream, 70_000);
      flow.writer = "reset";
    }
  }

  #read() {
    const side = this.random.below(2);
    const core = this.cores[side];
    const list = [...this.streams[side].values()].filter(({ id }) => !this.flows.get(`${id} ${1 - side}`)?.reader);
    if (!list.length) return;
    const stream = this.random.pick(list);
    const flow = /** @type {Flow} */ (this.flows.get(`${stream.id} ${1 - side}`));
    if (flow.got >= flow.stopAt && stream.head) {
      if (hasEnded(stream)) flow.reader = "fin";
      else {
        stop(core, stream, 64);
        flow.reader = "stopped";
      }
      return;
    }
    const bytes = read(core, stream, this.random.pick([1, 100, 5000, 70_000]), this.now);
    if (bytes) {
      if (Buffer.compare(bytes, flow.bytes.subarray(flow.got, flow.got + bytes.length))) this.faults.push(`wrong bytes from ${flow.got} of stream ${stream.id}`);
      flow.got += bytes.length;
    }
    if (stream.failed < 0 && hasEnded(stream)) flow.reader = "fin";
  }

  /** What must hold at any moment. */
  #check() {
    for (const core of this.cores) {
      let kept = 0;
      let unread = 0;
      let granted = 0;
      for (const { out, in: span, window } of core.streams.values()) {
        kept += Math.max(0, out.end - out.start);
        unread += span.end - span.start;
        granted += window - core.limits.initial;
      }
      if (kept !== core.retained) this.faults.push(`side ${core.side} keeps ${kept}, says ${core.retained}`);
      if (kept > core.limits.unreceived + 16_400 * core.streams.size) this.faults.push(`side ${core.side} retains ${kept}`);
      if (unread > 2 * core.half + 80 * core.limits.initial) this.faults.push(`side ${core.side} holds ${unread}`);
      if (granted !== 2 * core.half - core.left[0] - core.left[1]) this.faults.push(`side ${core.side} granted ${granted}`);
      if (Math.min(...core.left) < 0) this.faults.push("the budget is overdrawn");
    }
  }

  #judge() {
    for (const [name, { bytes: { length: total }, wrote, got, writer, reader }] of this.flows) {
      const fits =
        (writer === "fin" && wrote === total && ((reader === "fin" && got === total) || reader === "stopped")) ||
        (writer === "reset" && (reader === "reset" || reader === "stopped")) ||
        (writer === "stopped" && reader !== "fin") ||
        writer === "refused" ||
        reader === "refused";
      if (!fits) this.faults.push(`stream ${name}: wrote ${wrote} of ${total}, ${writer}; got ${got}, ${reader}`);
    }
    for (const core of this.cores) {
      const { retained, dirty, ready, starved, open, left, half, touched } = core;
      const rest = [retained, dirty.size, ready.size, starved.size, touched.size, ...open, 2 * half - left[0] - left[1]];
      if (rest.some(Boolean)) this.faults.push(`side ${core.side} is left with ${rest}`);
    }
  }

  #state() {
    return this.cores
      .map(({ side, streams, carrier }) => `side ${side} phase ${carrier?.phase} ${[...streams.values()].slice(0, 3).map((s) => `${s.id}: out ${s.out.start} ${s.sent} ${s.out.end} of ${s.limit} fin ${s.fin} reset ${s.reset}; in ${s.in.start} ${s.in.end} of ${s.granted} final ${s.final} stopped ${s.stopped} head ${Boolean(s.head)}`)}`)
      .join(" | ");
  }
}
