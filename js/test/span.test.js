// Bytes between two offsets, as streams keep them: whatever memory the pieces share and whoever is given it, nobody gets another's bytes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LARGE, Span } from "../pageport/span.js";
import { Random } from "./random.js";

const SIZES = [1, 100, LARGE - 1, LARGE, LARGE, 20_000, 65_536];

/** A carrier message: pieces of streams, each behind the header of its frame. @param {Random} random @returns {{ to: number, bytes: Uint8Array }[]} */
function message(random) {
  const sizes = Array.from({ length: 1 + random.below(4) }, () => ({ header: 5 + random.below(18), size: SIZES[random.below(SIZES.length)] }));
  const memory = new Uint8Array(sizes.reduce((sum, { header, size }) => sum + header + size, 0));
  let at = 0;
  return sizes.map(({ header, size }) => {
    const bytes = memory.subarray(at + header, (at += header + size)).fill(random.below(256));
    return { to: Math.max(0, random.below(6) - 3), bytes };
  });
}

/** One read as streams.js makes it: the memory itself is given away where nobody else has any of it. @param {Span} span @param {number} max */
function take(span, max) {
  const bytes = span.peek(span.start, max);
  span.drop(span.start + bytes.length);
  const { buffer, byteOffset, length } = bytes;
  if (max < Infinity || length < LARGE || length + LARGE <= buffer.byteLength) return { bytes: bytes.slice(), isGiven: false };
  return { bytes: new Uint8Array(structuredClone(buffer, { transfer: [buffer] }), byteOffset, length), isGiven: true };
}

test("pieces of one message come apart again, whoever reads when", () => {
  const random = new Random(7);
  const streams = Array.from({ length: 3 }, () => ({ span: new Span(true), sent: /** @type {Uint8Array[]} */ ([]), read: /** @type {Uint8Array[]} */ ([]) }));
  let given = 0;
  for (let round = 0; round < 1_500; round++) {
    for (const { to, bytes } of message(random)) {
      streams[to].sent.push(bytes.slice());
      streams[to].span.push(bytes);
    }
    for (const { span, read } of streams) {
      while (span.start < span.end && !random.onceIn(4)) {
        const { bytes, isGiven } = take(span, random.onceIn(3) ? 1 + random.below(LARGE) : Infinity);
        given += +isGiven;
        read.push(bytes);
      }
    }
  }
  for (const { span, sent, read } of streams) {
    while (span.start < span.end) read.push(take(span, Infinity).bytes);
    assert.ok(Buffer.concat(read).equals(Buffer.concat(sent)));
  }
  assert.ok(given > 200, `${given} reads without a copy`);
});

test("what is written is copied, also into blocks that were used before", () => {
  const span = new Span();
  const piece = new Uint8Array(65_536);
  for (let index = 0; index < 200; index++) {
    span.push(piece.fill(index));
    piece.fill(255);
    if (index < 4) continue;
    const bytes = span.peek(span.start, 65_536);
    assert.ok(bytes.length === 65_536 && bytes.every((byte) => byte === index - 4));
    span.drop(span.start + bytes.length);
  }
});
