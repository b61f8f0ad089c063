/**
 * RFC 6455 frames from strangers: 20,000 damaged sequences. Whatever comes, the parser gives messages within its limits or
 * throws what it documents, does not depend on how the network cuts the bytes, and agrees with another parser.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FrameParser } from "../pageport/ws-frames.js";
import { mutate, Random, seed } from "./random.js";
import { closePayload, concat, frame } from "./ws-wire.js";

// The server half of another implementation; the package does not export it by name.
const Receiver = createRequire(import.meta.url)("../node_modules/ws/lib/receiver.js");

const INPUTS = 20_000;
const MAX_MESSAGE = 2_000;
const MAX_FRAGMENTS = 6;
const VIOLATIONS = [1002, 1007, 1008, 1009];
const KEYS = [[0x37, 0xfa, 0x21, 0x3d], [0, 0, 0, 0], [255, 1, 128, 7]];
const TEXTS = ["", "hello", "grüße 🌍", "\u{feff}\0é", "x".repeat(126), "y".repeat(1_500)];

/** One to five frames as a client may send them. @param {Random} random */
function sequence(random) {
  const parts = [];
  for (let count = 1 + random.below(5); count--; ) {
    const key = random.pick(KEYS);
    const text = random.pick(TEXTS);
    switch (random.below(6)) {
      case 0:
        parts.push(frame(1, text, { key }));
        break;
      case 1:
        parts.push(frame(2, random.bytes(random.pick([0, 1, 125, 126, 300, MAX_MESSAGE])), { key }));
        break;
      case 2: {
        // In fragments, with a control frame between them, cut inside characters, too.
        const whole = new TextEncoder().encode(text);
        const cut = random.below(whole.length + 1);
        parts.push(frame(1, whole.subarray(0, cut), { key, fin: false }));
        if (random.onceIn(2)) parts.push(frame(9, "ping", { key }));
        for (let more = random.below(random.pick([3, 3, 9])); more--; ) parts.push(frame(0, "", { key, fin: false }));
        parts.push(frame(0, whole.subarray(cut), { key }));
        break;
      }
      case 3:
        parts.push(frame(random.pick([9, 10]), random.bytes(random.below(126)), { key }));
        break;
      case 4:
        // Claims more than there is.
        parts.push(frame(2, "", { key, length: random.pick([126, 65_536, 2n ** 32n, 2n ** 53n, 2n ** 62n]) }));
        break;
      case 5:
        if (random.onceIn(3)) parts.push(frame(8, closePayload(random.pick([1000, 1001, 3000, 4999]), text.slice(0, 60)), { key }));
        break;
    }
  }
  return concat(parts);
}

/** What a parser makes of chunks: its events, and the code it fails with. @param {Uint8Array[]} chunks */
function ours(chunks) {
  /** @type {string[]} */
  const events = [];
  let violation = 0;
  const parser = new FrameParser({
    masked: true,
    maxMessage: MAX_MESSAGE,
    maxFragments: MAX_FRAGMENTS,
    onMessage(message) {
      const size = typeof message === "string" ? Buffer.byteLength(message) : message.length;
      assert.ok(size <= MAX_MESSAGE, `a message of ${size} bytes`);
      if (typeof message !== "string") assert.equal(message.buffer.byteLength, message.length);
      events.push(typeof message === "string" ? `text ${message}` : `binary ${Buffer.from(message).toString("hex")}`);
    },
    onPing: (payload) => events.push(`ping ${Buffer.from(payload).toString("hex")}`),
    onClose: (code, reason) => events.push(`close ${code} ${reason}`),
  });
  for (const chunk of chunks) {
    const before = events.length;
    try {
      parser.push(chunk);
    } catch (error) {
      if (error instanceof Error) throw error;
      assert.equal(violation, 0, "it failed twice");
      assert.deepEqual(Object.keys(error).sort(), ["code", "reason"]);
      assert.ok(VIOLATIONS.includes(error.code) && typeof error.reason === "string", `threw ${JSON.stringify(error)}`);
      violation = error.code;
      continue;
    }
    if (violation) assert.equal(events.length, before, "it went on behind a violation");
  }
  return { events, violation };
}

/** The same by the judge. @param {Uint8Array} input */
function theirs(input) {
  /** @type {string[]} */
  const events = [];
  let failed = false;
  const receiver = new Receiver({ isServer: true, maxPayload: MAX_MESSAGE, binaryType: "nodebuffer", extensions: {} });
  receiver.on("message", (/** @type {Buffer} */ data, /** @type {boolean} */ binary) => {
    events.push(binary ? `binary ${data.toString("hex")}` : `text ${data.toString()}`);
  });
  receiver.on("ping", (/** @type {Buffer} */ data) => events.push(`ping ${data.toString("hex")}`));
  receiver.on("conclude", (/** @type {number} */ code, /** @type {Buffer} */ reason) => events.push(`close ${code} ${reason}`));
  receiver.on("error", () => (failed = true));
  // It masks in place.
  receiver.write(Buffer.from(input), () => {});
  return { events, failed };
}

test("what a parser holds is bounded by its limits, whatever headers claim", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  // Buffers are freed in the background, some collections later.
  const held = async () => {
    for (let last = Infinity, rounds = 0; ; rounds++) {
      gc();
      await setImmediate();
      const now = process.memoryUsage().arrayBuffers;
      if (now >= last && rounds > 4) return now;
      last = now;
    }
  };
  const random = new Random(7);
  const most = 65_536;
  const body = random.bytes(40_000);
  const hostile = concat([frame(1, "abc", { fin: false }), frame(0, "", { length: 2n ** 40n }), body]);
  const unfinished = frame(2, body, { length: most, fin: false });
  const before = await held();
  const parsers = Array.from({ length: 500 }, (_, i) => {
    const init = { masked: true, maxMessage: most, maxFragments: MAX_FRAGMENTS, onMessage() {}, onPing() {}, onClose() {} };
    const parser = new FrameParser(init);
    try {
      for (let at = 0; at < body.length; at += 1_000) parser.push((i % 2 ? hostile : unfinished).slice(at, at + 1_000));
    } catch (violation) {
      assert.equal(violation.code, 1009);
    }
    return parser;
  });
  const each = ((await held()) - before) / parsers.length;
  console.log(`${each.toFixed(0)} bytes of buffers for each of ${parsers.length} parsers`);
  // Half of them have received 39,000 bytes of a message: less would mean that nothing was measured.
  assert.ok(each > 15_000 && each < 1.5 * most, `${each} bytes`);
});

test("20,000 damaged sequences of frames", () => {
  const from = seed();
  const random = new Random(from);
  const counts = { inputs: 0, clean: 0, events: 0, 1002: 0, 1007: 0, 1008: 0, 1009: 0 };
  console.log(`seed ${from}`);
  for (; counts.inputs < INPUTS; counts.inputs++) {
    const valid = sequence(random);
    const input = random.onceIn(10) ? valid : mutate(random, valid, [sequence(random)]);
    const whole = ours([input]);
    const told = () => `seed ${from}, input ${counts.inputs}: ${Buffer.from(input).toString("hex")}`;
    assert.deepEqual(ours(pieces(random, input)), whole, `cut otherwise, read otherwise: ${told()}`);

    const judge = theirs(input);
    if (whole.violation) {
      // Ours refuses more (long forms of lengths, too many fragments) and sooner (a wrong text before its end).
      const both = Math.min(whole.events.length, judge.events.length);
      assert.deepEqual(whole.events.slice(0, both), judge.events.slice(0, both), `the judge disagrees: ${told()}`);
      assert.ok(judge.failed || both === whole.events.length, `the judge saw less: ${told()}`);
    } else {
      assert.deepEqual(judge, { events: whole.events, failed: false }, `the judge disagrees: ${told()}`);
    }

    counts.events += whole.events.length;
    counts[whole.violation || "clean"]++;
  }
  console.log(JSON.stringify(counts));
  for (const outcome of ["clean", ...VIOLATIONS]) assert.ok(counts[outcome] > 20, `hardly any input ends so: ${outcome}`);
});

/** @param {Random} random @param {Uint8Array} input */
function pieces(random, input) {
  const cut = [];
  const most = random.pick([1, 3, 40, 1_000]);
  for (let at = 0; at < input.length; ) {
    const end = at + 1 + random.below(most);
    cut.push(input.slice(at, end));
    at = end;
  }
  return cut;
}
