// What a network lets through, seen from a page: every carrier alone, one after the other. It must never measure two things at once,
// and never leave a session behind.

import { configure, session } from "/pageport.js";

/** The best first. */
export const CARRIERS = ["webtransport", "websocket", "http", "http-poll"];

const OPENING_MS = 12_000;
const LOOK_MS = 20;
const MOVE_MS = 1_000;
/** On a very bad path a measurement is slow; one that takes longer than this stands still. */
const MEASURE_MS = 15_000;
const BYTES = 16 << 20;
const CLOSING_MS = 3_000;
const PIECE = 65_536;
const ROUNDS = 9;
const PROMPT_MS = 1_500;
const PREAMBLE = "pageport down v1";
const WHY_NOT = { unsupported: "not in this browser", unoffered: "not offered by this gateway" };

/**
 * @typedef {object} Result times in milliseconds, rates in Mbit/s
 * @property {string} carrier
 * @property {boolean} works
 * @property {string} [why] it does not
 * @property {number} [open] until it was attached
 * @property {number} [round] there and back
 * @property {number} [added] what that takes longer than a plain request
 * @property {number} [down]
 * @property {number} [up]
 */

/** Plain requests: how long one takes on an open connection, and whether answers come as they are sent. @returns {Promise<{ round: number, answers: "streamed" | "held back" }>} */
export async function requests() {
  const times = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const begin = performance.now();
    await (await fetch("/.well-known/pageport", { cache: "no-store" })).text();
    if (round) times.push(performance.now() - begin);
  }
  return { round: median(times), answers: (await isStreamed()) ? "streamed" : "held back" };
}

/** One carrier and nothing else; afterwards all of them may be used again. @param {string} carrier @param {number} usual what a plain request takes @returns {Promise<Result>} */
export async function attempt(carrier, usual) {
  configure({ carriers: [/** @type {any} */ (carrier)] });
  const begin = performance.now();
  const own = session();
  try {
    const why = await attached(own, carrier);
    if (why) return { carrier, works: false, why };
    const open = performance.now() - begin;
    const round = await within(rounds(own));
    const added = Math.max(0, round - usual);
    return { carrier, works: true, open, round, added, down: await within(down(own)), up: await within(up(own)) };
  } catch (error) {
    return { carrier, works: false, why: error.code ?? error.message };
  } finally {
    own.close();
    // The next one must not find what this one still has to say.
    await Promise.race([own.closed.catch(() => {}), pause(CLOSING_MS)]);
    configure({ carriers: undefined });
  }
}

/** Resolves with why not, or with nothing. @param {import("/pageport.js").Session} own @param {string} carrier */
async function attached(own, carrier) {
  let first;
  let state;
  for (const end = performance.now() + OPENING_MS; performance.now() < end; await pause(LOOK_MS)) {
    if (own.carrier) return undefined;
    ({ state } = own.carriers.find((known) => carrier.startsWith(known.carrier)) ?? {});
    first ??= state;
    if (WHY_NOT[state]) return WHY_NOT[state];
    // What has failed from the beginning is what this browser remembers, perhaps of another network.
    if (state === "failed" && first !== state) break;
  }
  return state === "failed" ? "does not get through" : "no answer";
}

/** @param {import("/pageport.js").Session} own @param {object} head */
async function ask(own, head) {
  const stream = await own.createBidirectionalStream(head);
  await stream.reply;
  return { reader: stream.readable.getReader(), writer: stream.writable.getWriter() };
}

async function rounds(own) {
  const { reader, writer } = await ask(own, { measure: "echo" });
  const times = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const begin = performance.now();
    const sent = new TextEncoder().encode("there and back");
    // What goes wrong with it goes wrong with reading.
    writer.write(sent).catch(() => {});
    for (let left = sent.length; left > 0; ) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the echo has ended");
      left -= value.length;
    }
    if (round) times.push(performance.now() - begin);
  }
  await writer.close();
  return median(times);
}

async function down(own) {
  const { reader, writer } = await ask(own, { measure: "source", bytes: BYTES });
  writer.close().catch(() => {});
  const begin = performance.now();
  let bytes = 0;
  while (performance.now() - begin < MOVE_MS) {
    const { value, done } = await reader.read();
    if (done) break;
    bytes += value.length;
  }
  const rate = mbit(bytes, begin);
  await reader.cancel();
  return rate;
}

/** Counts what has arrived: the end is answered when all was read. */
async function up(own) {
  const { reader, writer } = await ask(own, { measure: "sink" });
  // What can be made shorter on the way says nothing.
  const piece = crypto.getRandomValues(new Uint8Array(PIECE));
  const begin = performance.now();
  let bytes = 0;
  while (performance.now() - begin < MOVE_MS && bytes < BYTES) {
    await writer.write(piece);
    bytes += PIECE;
  }
  await writer.close();
  while (!(await reader.read()).done);
  return mbit(bytes, begin);
}

/** Begins a carrier that is never attached: the first bytes of the answer come at once, or when it ends. */
async function isStreamed() {
  const body = new Uint8Array(18);
  crypto.getRandomValues(body.subarray(0, 16));
  const stop = new AbortController();
  const answer = (async () => {
    const response = await fetch("/link/down", { method: "POST", body, signal: stop.signal });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (let text = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return false;
      text += decoder.decode(value, { stream: true });
      if (text.startsWith(PREAMBLE)) return true;
    }
  })();
  // What comes of it later is nobody's business.
  answer.catch(() => {});
  try {
    return await Promise.race([answer, pause(PROMPT_MS).then(() => false)]);
  } finally {
    stop.abort();
  }
}

/** @template T @param {Promise<T>} measurement @returns {Promise<T>} */
const within = (measurement) =>
  Promise.race([
    measurement,
    pause(MEASURE_MS).then(() => {
      throw new Error("stands still");
    }),
  ]);

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {number[]} times */
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

/** @param {number} bytes @param {number} begin */
const mbit = (bytes, begin) => (bytes * 8) / 1_000 / Math.max(performance.now() - begin, 0.1);
