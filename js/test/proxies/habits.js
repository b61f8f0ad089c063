// What the test kit has for what no default configuration does: a forward proxy with habits, and a path that datagrams do not get through.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { startImpairmentRelay } from "../browser/impairment-relay.js";
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

/**
 * A path without UDP: to a client it is the gateway, and its log is what it has counted.
 * @param {string} binary the built `impairment-relay`
 * @param {number} target
 * @returns {Promise<import("./daemon.js").Proxy>}
 */
export async function withoutUdp(binary, target) {
  const relay = await startImpairmentRelay(binary, target, 1);
  await relay.say("hole udp on");
  return {
    name: "UDP blocked",
    version: "testkit",
    role: "reverse",
    url: relay.url,
    port: relay.port,
    log: async () => [`/link ${JSON.stringify(await relay.say("counts"))}`],
    bytes: (line) => JSON.parse(line.slice("/link ".length)).tcp.down,
    freeze: () => relay.say("hole tcp on"),
    thaw: () => relay.say("hole tcp off"),
    stop: relay.stop,
  };
}
