/** Every vector of spec/vectors that a page reads is read and written as it says. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { PageportError } from "../pageport/errors.js";
import { decode, hex, inputOf, KINDS, plain, unhex, vectorFiles } from "./codec.js";

/** How many vectors there are at least, and how many of them are malformed at least. */
const LEAST = 120;
const MALFORMED = 1 / 3;
/** Streams refuse these by their length, before anything is read. */
const TOO_LARGE = "ERR_HEAD_TOO_LARGE";

const read = vectorFiles()
  .filter(({ kind }) => KINDS.includes(kind))
  .map((file) => ({ ...file, vectors: file.vectors.filter(({ error }) => error !== TOO_LARGE) }));

/** How the codec and the vector differ, if they do. @param {string} kind @param {import("./codec.js").Vector} vector */
function fault(kind, vector) {
  const input = inputOf(vector);
  try {
    const { value, encoded } = decode(kind, input);
    assert.equal(vector.error, undefined, "it was accepted");
    assert.deepEqual(value, plain(vector.frames ?? vector.value ?? null));
    if (encoded) assert.equal(hex(encoded), vector.encodes_as === undefined ? hex(input) : hex(unhex(vector.encodes_as)));
  } catch (error) {
    if (error instanceof PageportError && error.code === vector.error) return undefined;
    return `${vector.name}: ${vector.why}\n  wanted ${vector.error ?? "to be accepted"}\n  got ${error.code}: ${error.message}`;
  }
}

test("every vector is read and written as it says", () => {
  const faults = [];
  let all = 0;
  let malformed = 0;
  for (const { kind, about, vectors } of read) {
    const bad = vectors.filter(({ error }) => error).length;
    console.log(`${kind.padEnd(16)} ${vectors.length} vectors, ${bad} malformed: ${about}`);
    all += vectors.length;
    malformed += bad;
    faults.push(...vectors.map((vector) => fault(kind, vector)).filter(Boolean));
  }
  console.log(`vectors ${all} malformed ${malformed} faults ${faults.length}`);
  assert.deepEqual(faults, []);
  assert.ok(all >= LEAST, `only ${all} vectors`);
  assert.ok(malformed >= all * MALFORMED, `only ${malformed} of ${all} are malformed`);
});

test("a vector that says something else is noticed", () => {
  let spoiled = 0;
  for (const { kind, vectors } of read) {
    for (const vector of vectors) {
      const { error, value, encodes_as, frames, ...input } = vector;
      const wrong = [{ ...input, error: "ERR_INTERNAL" }];
      if (error) wrong.push({ ...input, error: undefined });
      if (frames) wrong.push({ ...vector, error, frames: frames.slice(1) });
      if (frames ?? kind === "varint") wrong.push({ ...vector, error: error && "ERR_GAP", encodes_as: `${encodes_as ?? input.hex} 00` });
      for (const other of wrong) {
        spoiled++;
        assert.ok(fault(kind, other), `nobody noticed: ${JSON.stringify(other)}`);
      }
    }
  }
  console.log(`spoiled vectors noticed: ${spoiled}`);
  assert.ok(spoiled > LEAST);
});
