// A page and Redis' own client read what the other has written.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { ClientPage } from "../client-page.js";

const BYTES = 1 << 20;

/** @param {any} world @param {{ host: string, port: number }} server */
export async function redis(world, { host, port }) {
  const cli = (/** @type {string[]} */ words, /** @type {Buffer} */ input) =>
    execFileSync("redis-cli", ["-p", `${port}`, "--raw", ...words], { input, maxBuffer: 4 * BYTES });
  const page = await ClientPage.open(world, "redis-client");
  await page.ask("open", { host, port });
  assert.equal(await page.ask("ping"), "PONG");

  const { answer, hash } = await page.ask("set", { key: "page", bytes: BYTES });
  assert.equal(answer, "OK");
  assert.deepEqual(await page.ask("get", { key: "page" }), { bytes: BYTES, hash });
  // It ends what it prints with a line feed.
  const seen = cli(["GET", "page"]).subarray(0, -1);
  assert.deepEqual([seen.length, sha256(seen)], [BYTES, hash]);

  const value = randomBytes(BYTES);
  cli(["-x", "SET", "client"], value);
  assert.deepEqual(await page.ask("get", { key: "client" }), { bytes: BYTES, hash: sha256(value) });
  assert.equal(await page.ask("quit"), "OK");
  await page.close();
  return { bytes_each_way: BYTES, of_page: hash, of_client: sha256(value) };
}

/** @param {Buffer} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
