// OpenSSH's own client gets to its server through `pageport connect` as ProxyCommand, and copies bytes both ways.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { run } from "../../show/programs.mjs";

const BYTES = 4 << 20;

/** @param {{ gateway: { url: string } }} world @param {Awaited<ReturnType<typeof import("../sshd.js").startSshd>>} server */
export async function ssh({ gateway }, { port, host, flags, login }) {
  const through = (/** @type {number} */ port) => ["-o", `ProxyCommand=${process.env.PAGEPORT_BIN} connect tcp://${host}:${port} --gateway ${gateway.url}`];
  const remote = (/** @type {string} */ command, /** @type {Buffer} */ input, to = port) =>
    run("ssh", [...flags, ...through(to), `${login}@elsewhere.invalid`, command], { input, within: 30_000 });
  const data = randomBytes(BYTES);
  const back = await remote("cat; exit 7", data);
  assert.deepEqual([back.code, sha256(back.out)], [7, sha256(data)], back.err);
  const heard = await remote("sha256sum", data);
  assert.equal(heard.out.toString().split(" ")[0], sha256(data));
  // Where no rule allows it there is no connection.
  const forbidden = await remote("true", Buffer.alloc(0), 1);
  assert.equal(forbidden.code, 255);
  assert.match(forbidden.err, /ERR_TARGET_FORBIDDEN/);
  return { bytes_each_way: BYTES, hash: sha256(data), exit_code_passed_on: back.code };
}

/** @param {Buffer} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
