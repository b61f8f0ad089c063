// The raw servers that a browser is compared with: the same service with no gateway in between.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/**
 * @param {"websocket" | "webtransport"} kind
 * @returns {Promise<{ port: number, sha256: number[], pid: number, stop: () => Promise<void> }>}
 */
export async function startRaw(kind) {
  const { PAGEPORT_BENCH = "" } = process.env;
  const child = spawn(PAGEPORT_BENCH, ["raw", kind, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit");
  const line = once(createInterface(child.stdout), "line");
  const [said] = await Promise.race([line, exited.then(() => Promise.reject(new Error(`the raw ${kind} server has ended`)))]);
  return {
    ...JSON.parse(said),
    pid: child.pid,
    async stop() {
      kill();
      await exited;
      process.off("exit", kill);
    },
  };
}
