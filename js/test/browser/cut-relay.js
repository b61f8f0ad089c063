// The relay of the test kit, which cuts at a chosen byte, driven from Node.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * @param {string} binary the built `cut-relay`
 * @param {number} port of the gateway
 */
export async function startCutRelay(binary, port) {
  const child = spawn(binary, ["127.0.0.1:0", `127.0.0.1:${port}`], { stdio: ["pipe", "pipe", "inherit"] });
  let cuts = 0;
  /** @type {(() => void)[]} */
  let waiting = [];
  const ready = new Promise((resolve, reject) => {
    child.once("error", reject);
    createInterface(child.stdout).on("line", (line) => {
      const event = JSON.parse(line);
      if (event.event === "ready") resolve(event.listen);
      if (event.event !== "cut") return;
      cuts = event.cuts;
      for (const go of waiting.splice(0)) go();
    });
  });
  const say = (/** @type {string} */ line) => child.stdin.write(`${line}\n`);
  const listen = await ready;
  return {
    url: `http://localhost:${listen.split(":").at(-1)}`,
    say,
    cuts: () => cuts,
    /** Resolves when there were more cuts than `before`. @param {number} before */
    async cutSince(before) {
      while (cuts <= before) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    },
    stop: () => child.kill(),
  };
}
