// A page whose network is cut at random bytes while visitors stream through it: every message has to come back once, in order.

import { createHash, randomBytes } from "node:crypto";
import { WebSocket } from "ws";
import { openSteady } from "./lifecycle.js";

const HANG_MS = 120_000;

/**
 * @param {{ browser: any, site: any, gateway: any, relay: any, cuts: number, visitors: number, seed: number }} scene
 */
export async function tear({ browser, site, gateway, relay, cuts, visitors, seed }) {
  const steady = await openSteady(browser, site, relay.url);
  const path = new URL(steady.pathUrl).pathname;
  const random = generator(seed);
  const streams = Array.from({ length: visitors }, (_, id) => new Streamer(`ws://127.0.0.1:${gateway.port}${path}`, gateway.port, id));
  await Promise.all(streams.map((stream) => stream.opened));
  for (let cut = 0; cut < cuts; cut++) {
    const before = relay.cuts();
    relay.say(`cut-after ${random(2) ? "up" : "down"} ${random(150_000)} ${random(2) ? "reset" : "fin"}`);
    await within(relay.cutSince(before), "a cut happened");
    if (!(await steady.attached(HANG_MS))) throw new Error("the session did not come back");
  }
  await within(Promise.all(streams.map((stream) => stream.finish())), "every stream ended");
  const { diary } = await steady.state();
  const resumes = pauses(diary);
  await steady.page.close();
  return {
    cuts: relay.cuts(),
    streams: streams.length,
    messages: streams.reduce((sum, stream) => sum + stream.echoed, 0),
    bytes: streams.reduce((sum, stream) => sum + stream.bytes, 0),
    faults: streams.flatMap((stream) => stream.faults),
    resumes: resumes.length,
    slowest: Math.max(0, ...resumes),
  };
}

/** Sends messages of known content as fast as they come back. */
class Streamer {
  #socket;
  #sent = createHash("sha256");
  #got = createHash("sha256");
  /** @type {Buffer[]} */
  #expected = [];
  #over = () => {};
  #ending = false;
  echoed = 0;
  bytes = 0;
  /** @type {string[]} */
  faults = [];

  constructor(url, port, id) {
    this.id = id;
    this.#socket = new WebSocket(url, { headers: { host: `localhost:${port}` }, perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once("open", () => resolve(undefined)).once("error", reject);
    });
    this.opened.then(() => Array.from({ length: 8 }, () => this.#send()), () => {});
    this.#socket.on("message", (data) => this.#receive(/** @type {Buffer} */ (data)));
    this.#socket.on("close", (code) => (this.#ending && !this.#expected.length) || this.faults.push(`visitor ${id} closed with ${code}`));
  }

  #send() {
    const message = randomBytes(1 + ((this.echoed * 7919 + this.id * 104729) % 30_000));
    this.#sent.update(message);
    this.#expected.push(message);
    this.#socket.send(message);
  }

  #receive(data) {
    const want = this.#expected.shift();
    if (!want?.equals(data)) this.faults.push(`visitor ${this.id}: message ${this.echoed} is not the one that was sent`);
    this.#got.update(data);
    this.echoed++;
    this.bytes += data.length;
    if (!this.#ending) return this.#send();
    if (!this.#expected.length) this.#over();
  }

  async finish() {
    this.#ending = true;
    if (this.#expected.length) await new Promise((resolve) => (this.#over = () => resolve(undefined)));
    this.#socket.close();
    if (this.#sent.digest("hex") !== this.#got.digest("hex")) this.faults.push(`visitor ${this.id}: hashes differ`);
  }
}

/** How long each suspension lasted, in ms, by the page's own clock. */
function pauses(diary) {
  const lasted = [];
  let since;
  for (const { at, what } of diary) {
    if (what === "session suspended") since ??= at;
    if (what === "session open" && since !== undefined) {
      lasted.push(at - since);
      since = undefined;
    }
  }
  return lasted;
}

/** xorshift32, so that a seed repeats a run's cuts. @returns {(below: number) => number} */
function generator(seed) {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not seen: ${what}`)), HANG_MS)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
