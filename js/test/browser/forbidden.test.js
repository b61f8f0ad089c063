// Targets that no rule means, asked for in every way there is: no packet leaves. Counted by the kernel, in a network of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inNamespace } from "./forbidden/namespace.js";
import { overlooked, summary } from "./forbidden/verdict.js";

test("what is forbidden is refused before a packet leaves", { timeout: 120_000 }, async () => {
  /** @type {any[]} */
  const lines = [];
  await inNamespace("inside.js", ["100"], (line) => lines.push(line));
  const { wrong, whole, packets, asked, tries } = summary(lines);
  assert.deepEqual(wrong, []);
  assert.ok(whole && asked > 600 && tries === 100, JSON.stringify({ whole, asked, tries }));
  assert.equal(packets, 0);
  assert.equal(overlooked(lines), 0, "what is spoilt is noticed");
});
