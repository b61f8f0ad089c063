// The relay of the test kit that is a bad path for TCP and UDP, driven from Node.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * @param {string} binary the built `impairment-relay`
 * @param {number} port of the gateway, for both protocols
 * @param {number} seed of jitter, losses and stalls
 */
export async function startImpairmentRelay(binary, port, seed) {
  const child = spawn(binary, ["127.0.0.1:0", `127.0.0.1:${port}`, String(seed)], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  /** @type {((answer: any) => void)[]} */
  const waiting = [];
  const ready = new Promise((resolve, reject) => {
    child.once("error", reject);
    ended.then(() => reject(new Error("the relay has ended")));
    createInterface(child.stdout).on("line", (line) => {
      const answer = JSON.parse(line);
      if (answer.event === "ready") resolve(answer.listen);
      else waiting.shift()?.(answer);
    });
  });
  const relayPort = Number((await ready).split(":").at(-1));
  return {
    port: relayPort,
    /** Not by name: browsers try HTTP/3 to `localhost` over IPv6 only. */
    url: `http://127.0.0.1:${relayPort}`,
    /** Says a command and gives its answer. @param {string} line @returns {Promise<any>} */
    async say(line) {
      const answer = new Promise((resolve) => waiting.push(resolve));
      child.stdin.write(`${line}\n`);
      const { error, ...rest } = await answer;
      if (error) throw new Error(error);
      return rest;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
