/**
 * The two codecs agree: 100,000 damaged inputs, decoded by Rust and by JavaScript, are accepted or refused with the same
 * code, read as the same values and written again as the same bytes. `SEED=7` looks elsewhere.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { PageportError } from "../pageport/errors.js";
import { HEAD } from "../pageport/limits.js";
import { ints, peekInt } from "../pageport/varint.js";
import { decode, hex, inputOf, vectorFiles } from "./codec.js";
import { mutate, mutateJson, Random, seed } from "./random.js";

const MESSAGES = 80_000;
const HEADS = 20_000;
/** Larger vectors are about limits of size; a mistake in thousands of equal bytes finds nothing. */
const LARGEST = 2_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** @typedef {{ kind: string, bytes: Uint8Array }} Input */

const files = vectorFiles();

/** @param {string[]} kinds @param {boolean} [wellFormed] only those */
function inputs(kinds, wellFormed) {
  const vectors = files.filter(({ kind }) => kinds.includes(kind)).flatMap(({ vectors }) => vectors);
  const wanted = vectors.filter(({ error }) => !wellFormed || !error);
  return wanted.map(inputOf).filter(({ length }) => length <= LARGEST);
}

/** @param {Random} random @param {number} count @returns {Input[]} */
function damagedMessages(random, count) {
  const integers = inputs(["varint"]);
  const vectors = inputs(["message"]);
  const wellFormed = inputs(["message"], true).map(split);
  const payloads = vectors.filter((bytes) => bytes.length > 1).map(split);
  return Array.from({ length: count }, () => {
    if (random.onceIn(50)) return { kind: "varint", bytes: mutate(random, random.pick(integers), vectors) };
    if (random.onceIn(3)) return { kind: "message", bytes: mutate(random, random.pick(vectors), vectors) };
    // Under a header that fits, mistakes get past the first check.
    const frames = Array.from({ length: 1 + random.below(3) }, () => {
      const [type, payload] = random.pick(random.onceIn(4) ? payloads : wellFormed);
      const damaged = random.onceIn(2) ? payload : mutate(random, payload, vectors);
      return [...ints(random.onceIn(30) ? random.below(0x24) : type, damaged.length), ...damaged];
    });
    return { kind: "message", bytes: Uint8Array.from(frames.flat()) };
  });
}

/** @param {Uint8Array} message @returns {[type: number, payload: Uint8Array]} */
function split(message) {
  const [type, at] = peekInt(message, 0);
  const [, start] = peekInt(message, at);
  return [type <= 0x24 ? type : 1, message.subarray(start)];
}

/** @param {Random} random @param {number} count @returns {Input[]} */
function damagedHeads(random, count) {
  const read = ["json", "welcome", "visit", "listening reply", "port reply"];
  const kinds = read.map((kind) => ({ kind, texts: inputs([kind]), wellFormed: inputs([kind], true) }));
  const any = inputs([...read, "hello", "request", "accepting reply"]);
  return Array.from({ length: count }, () => {
    const { kind, texts, wellFormed } = random.pick(kinds);
    // As JSON alone whatever a page reads or writes may come; the others mostly as what they are.
    const text = random.pick(random.onceIn(kind === "json" ? 2 : 10) ? any : random.onceIn(4) ? texts : wellFormed);
    return { kind, bytes: (random.onceIn(3) ? mutate : mutateJson)(random, text, any) };
  }).filter(({ bytes }) => bytes.length <= HEAD);
}

/** One line for each input, as `crates/proto/examples/decode_lines.rs` writes it. @param {Input[]} inputs */
async function byRust(inputs) {
  const args = ["run", "-q", "--release", "-p", "pageport-proto", "--example", "decode_lines"];
  const child = spawn("cargo", args, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  child.stdin.end(inputs.map(({ kind, bytes }) => `${kind.replace(" ", "_")} ${hex(bytes)}\n`).join(""));
  let output = "";
  for await (const part of child.stdout.setEncoding("utf8")) output += part;
  const [status] = await ended;
  assert.equal(status, 0, "decode_lines failed");
  const lines = output.trimEnd().split("\n");
  assert.equal(lines.length, inputs.length);
  return lines;
}

/** Where JavaScript reads an input otherwise, if it does. @param {Input} input @param {string} line what Rust made of it */
function disagreement({ kind, bytes }, line) {
  let ours;
  try {
    ours = decode(kind, bytes);
  } catch (error) {
    if (!(error instanceof PageportError)) throw error;
    return error.code === line ? undefined : `JavaScript ${error.code}, Rust ${line}`;
  }
  const [, canonical, value] = line.match(/^=(\S*) (.*)$/s) ?? [];
  if (value === undefined) return `JavaScript accepts, Rust ${line}`;
  const theirs = JSON.parse(value);
  // What an empty message is written as is free: with the key or without.
  if (theirs?.error !== undefined) theirs.message ??= "";
  const same = ours.encoded ? hex(ours.encoded) === canonical : true;
  if (same && isDeepStrictEqual(ours.value, theirs)) return undefined;
  return `JavaScript ${JSON.stringify(ours.value)} ${ours.encoded && hex(ours.encoded)}, Rust ${line}`;
}

/** @param {Input[]} inputs @param {string[]} lines */
function disagreements(inputs, lines) {
  return inputs.flatMap((input, i) => {
    const what = disagreement(input, lines[i]);
    return what ? [`${input.kind} ${hex(input.bytes)} ${JSON.stringify(Buffer.from(input.bytes).toString("latin1"))}: ${what}`] : [];
  });
}

test("Rust and JavaScript agree on 100,000 damaged inputs", async () => {
  const from = seed();
  const random = new Random(from);
  const all = [...damagedMessages(random, MESSAGES), ...damagedHeads(random, HEADS)];
  const lines = await byRust(all);

  /** @type {Record<string, number>} */
  const outcomes = {};
  for (const line of lines) {
    const outcome = line.startsWith("=") ? "accepted" : line;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(`seed ${from} inputs ${all.length} ${JSON.stringify(outcomes)}`);
  const found = disagreements(all, lines);
  assert.equal(found.length, 0, `seed ${from}: ${found.length} disagreements\n${found.slice(0, 10).join("\n")}`);
  assert.ok(all.length >= 100_000, `only ${all.length} inputs`);
  assert.ok(outcomes.accepted > all.length / 10, "hardly any input was accepted");
  const codes = ["FRAME_UNKNOWN", "FRAME_TOO_LARGE", "FRAME_MALFORMED", "HELLO_INVALID", "VERSION", "HEAD_INVALID", "UNSUPPORTED"];
  for (const code of codes) assert.ok(outcomes[`ERR_${code}`] > 5, `hardly any input ends with ERR_${code}`);

  // The control: one answer is changed, each time in another way, and each time it is noticed.
  let noticed = 0;
  const accepted = lines.findIndex((line, i) => all[i].kind === "message" && /^=../.test(line));
  const refused = lines.findIndex((line) => line === "ERR_FRAME_MALFORMED");
  const head = lines.findIndex((line, i) => all[i].kind === "visit" && line.startsWith("="));
  const changes = /** @type {[number, string][]} */ ([
    [accepted, "ERR_FRAME_MALFORMED"],
    [accepted, lines[accepted].replace(/^=./, (start) => (start === "=f" ? "=e" : "=f"))],
    [accepted, lines[accepted].replace(/"type":"/, '"type":"X')],
    [refused, "ERR_FRAME_TOO_LARGE"],
    [refused, "=00 []"],
    [head, lines[head].replace(/"method":"/, '"method":"X')],
  ]);
  for (const [at, wrong] of changes) {
    noticed += disagreements([all[at]], [wrong]).length;
  }
  console.log(`changed answers noticed: ${noticed} of 6`);
  assert.equal(noticed, 6);
});
