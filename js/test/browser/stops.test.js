// Whoever stops reading behind a dialect costs the gateway no memory and nobody else their connection; some hundred stand still, come and go.
// The short form of a proof that pushes ten times as much by every way.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const { PAGEPORT_BIN = "", PROBE = "", BENCH = "" } = process.env;
const WAYS = ["tcp", "upgrade", "wisp"];

test("who stops reading behind a dialect is waited for without memory, and relays that hoard are noticed", async () => {
  if (!PAGEPORT_BIN || !PROBE || !BENCH) throw new Error("run this through `cargo xtask test --only browser`");
  const env = { ...process.env, BENCH_BIN: BENCH, WAYS: WAYS.join(), MIB: "32", CROWD: "200", SETUPS: "300" };
  const { stdout } = await promisify(execFile)(PROBE, ["dialects"], { env }).catch((error) => {
    throw new Error(`the probe failed:\n${error.stdout}${error.stderr}`);
  });
  const facts = (/** @type {string} */ text) => stdout.split("\n").filter((line) => line.includes(text));
  for (const way of WAYS) {
    for (const stopped of ["client_stops_reading", "target_stops_reading"]) {
      assert.notEqual(facts(`way=${way} case=${stopped} process=gateway`).length, 0, stdout);
    }
    assert.equal(facts(`way=${way} idle=200 alive=200`).length, 1, stdout);
    assert.equal(facts(`way=${way} setups=300 errors=0`).length, 1, stdout);
  }
  assert.equal(facts("noticed=\"does not hold").length, 2, stdout);
  assert.equal(facts(`fact ways=${WAYS.length} faults=0`).length, 1, stdout);
});
