// Every limit of the configuration does what it says, at n and at n + 1, over the wire.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES, limits, pressAll } from "./limits/index.js";

test("every limit has a case, and every case a limit", () => {
  const known = limits().map(({ limit }) => limit);
  assert.ok(known.length > 30, `${known.length} limits`);
  assert.deepEqual(CASES.map(({ limit }) => limit).sort(), known.sort());
});

test("every limit holds at n and at n + 1", async () => {
  const wrong = [];
  let pressed = 0;
  await pressAll(({ limit, expected }, seen) => {
    pressed++;
    if (`${seen}` !== `${expected}`) wrong.push({ limit, expected, seen });
  });
  assert.deepEqual(wrong, []);
  assert.equal(pressed, CASES.length);
});
