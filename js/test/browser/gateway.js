// Starts the real gateway (`pageport dev`) on a free port for a test, and ends it again. It must never outlive the test
// process, and never guess a port.

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/**
 * @typedef {object} Gateway
 * @property {string} url where pages find it, without a slash at the end
 * @property {string} host
 * @property {number} port
 * @property {string} admin base URL of the admin listener
 * @property {number} pid
 * @property {Record<string, unknown>} ready the whole ready line
 * @property {string} [file] its configuration, where that was given
 * @property {() => string} log what it has written to stderr so far (the last 64 KiB)
 * @property {Promise<{ code: number | null, signal: string | null }>} exited
 * @property {() => Promise<{ code: number | null, signal: string | null }>} stop SIGTERM, and SIGKILL 10 s later
 * @property {() => Promise<{ code: number | null, signal: string | null }>} kill SIGKILL at once
 */

const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 10_000;
const LOG_BYTES = 65_536;

/**
 * @param {{ args?: string[], env?: Record<string, string>, config?: string, command?: string[], through?: string[] }} [options] `args` come after
 *   `dev --json`; with a `config`, which is the text of one, it is `pageport gateway` instead, and with a `command` that; `through`: what starts it
 * @returns {Promise<Gateway>}
 */
export async function startGateway({ args = [], env = {}, config, command, through = [] } = {}) {
  const bin = process.env.PAGEPORT_BIN;
  if (!bin) throw new Error("PAGEPORT_BIN is not set: run this through `cargo xtask test --only browser`");
  const listen = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const file = config && (await written(config));
  const how = command ?? (file ? ["gateway", "--config", file] : ["dev", ...listen]);
  const [program, ...words] = [...through, bin, ...how, "--json", ...args];
  const child = spawn(program, words, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  exited.then(() => process.off("exit", kill));

  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log = (log + text).slice(-LOG_BYTES)));

  const ready = await firstEvent(child, exited).catch((error) => {
    kill();
    throw new Error(`${error.message}\n${log}`);
  });
  const { hostname, port } = new URL(ready.url);
  return {
    url: ready.url.replace(/\/$/, ""),
    host: hostname,
    port: Number(port),
    admin: ready.admin?.replace(/\/$/, ""),
    pid: child.pid,
    ready,
    file,
    log: () => log,
    exited,
    async stop() {
      const timer = setTimeout(kill, STOP_WITHIN_MS);
      child.kill("SIGTERM");
      const how = await exited;
      clearTimeout(timer);
      return how;
    },
    kill() {
      kill();
      return exited;
    },
  };
}

/** A file with this text, which goes with the process. @param {string} config */
async function written(config) {
  const dir = await mkdtemp(join(tmpdir(), "pageport-config-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "pageport.toml");
  await writeFile(file, config);
  return file;
}

/** The ready line; the rest of stdout is drained so that the gateway never blocks on it. */
function firstEvent(child, exited) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
    const settle = (how, value) => (clearTimeout(timer), how(value));
    child.once("error", (error) => settle(reject, error));
    exited.then(({ code, signal }) => settle(reject, new Error(`the gateway ended: ${signal ?? `exit ${code}`}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      let event;
      try {
        event = JSON.parse(line);
      } catch {
        return settle(reject, new Error(`stdout is not a JSON line: ${line.slice(0, 200)}`));
      }
      if (event.event === "ready") settle(resolve, event);
    });
  });
}
