// The test kit's own forward proxy, with habits that no default configuration has.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { stopped } from "./daemon.js";

/**
 * @param {string} binary the built `habit-proxy`
 * @param {string} name
 * @param {string[]} habits as its command line has them
 * @returns {Promise<import("./daemon.js").Proxy>}
 */
export async function habitProxy(binary, name, habits) {
  const child = spawn(binary, ["127.0.0.1:0", ...habits], { stdio: ["pipe", "pipe", "inherit"], detached: true });
  /** @type {string[]} */
  const served = [];
  const listen = await new Promise((resolve, reject) => {
    child.once("error", reject);
    createInterface(child.stdout).on("line", (line) => {
      const { event, listen } = JSON.parse(line);
      if (event === "ready") resolve(listen);
      else served.push(line);
    });
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return {
    name,
    version: "testkit",
    role: "forward",
    url: `http://${listen}`,
    port: Number(listen.split(":").at(-1)),
    log: () => served,
    bytes: (line) => JSON.parse(line).down,
    freeze: () => stopped(child.pid ?? 0),
    thaw: () => void child.kill("SIGCONT"),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
