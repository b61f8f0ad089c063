// The test kit's relay for a bad path, TCP and UDP at one port, driven from Node.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/**
 * @param {string} binary the built `impairment-relay`
 * @param {number} port of the gateway
 * @param {number} seed
 */
export async function startImpairmentRelay(binary, port, seed) {
  const child = spawn(binary, ["127.0.0.1:0", `127.0.0.1:${port}`, `${seed}`], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout);
  const [ready] = await once(lines, "line");
  return {
    url: `http://127.0.0.1:${JSON.parse(ready).listen.split(":").at(-1)}`,
    /** @param {string} line a command, as its usage has them */
    say: (line) => void child.stdin.write(`${line}\n`),
    stop: () => child.kill(),
  };
}
