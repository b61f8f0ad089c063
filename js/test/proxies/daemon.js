// A proxy or a server of Debian's, started for a test on a free port in a directory of its own, from the configuration that its package brings. Only
// what has to be different on a machine that has other things to do is changed: ports, paths, and where the log goes.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const STARTED_WITHIN_MS = 10_000;
const STANZAS = new URL("stanzas/", import.meta.url);

/**
 * @typedef {object} Proxy
 * @property {string} name
 * @property {string} version as its package has it
 * @property {"forward" | "reverse"} role
 * @property {string} url where clients find it
 * @property {number} port
 * @property {() => string[] | Promise<string[]>} log what it has logged: a line for each request that is over
 * @property {(line: string) => number | undefined} bytes how many bytes a line of the log says that clients got; undefined where
 *   the log counts none
 * @property {() => Promise<void>} freeze stops all its processes where they are
 * @property {() => void} thaw lets them go on
 * @property {() => Promise<void>} stop
 */

/** What is left to be done when this process ends. @type {Set<() => unknown>} */
const last = new Set();
process.once("exit", () => last.forEach((act) => act()));
// Proxies have groups of their own: whoever ends this process does not end them.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** A directory that the user of the proxy may write to as well; it goes with the process. @param {string} name */
export function workDirectory(name) {
  const dir = mkdtempSync(join(tmpdir(), `pageport-${name}-`));
  chmodSync(dir, 0o777);
  last.add(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** @returns {Promise<number>} */
export async function freePort() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A package's file with some of it replaced. What is not found is an error: otherwise a new version of the package would be tested with
 * another configuration than we believe.
 * @param {string} file
 * @param {[RegExp | string, string][]} changes
 */
export function changed(file, changes) {
  let text = readFileSync(file, "utf8");
  for (const [what, into] of changes) {
    const after = text.replace(what, () => into);
    if (after === text) throw new Error(`${file} has no ${what}`);
    text = after;
  }
  return text;
}

/** A stanza of ours, filled in. @param {string} name @param {Record<string, string | number>} values */
export function stanza(name, values) {
  const text = readFileSync(new URL(name, STANZAS), "utf8");
  return text.replace(/@(\w+)@/g, (_, key) => {
    if (!(key in values)) throw new Error(`${name}: nothing for ${key}`);
    return String(values[key]);
  });
}

/** Writes a configuration and says where it is. @param {string} dir @param {string} text */
export function written(dir, text) {
  const file = join(dir, "proxy.conf");
  writeFileSync(file, text);
  return file;
}

/** @param {string} pack */
export function version(pack) {
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f=${Version}", pack], { encoding: "utf8" });
  if (!stdout) throw new Error(`${pack} is not installed: run \`cargo xtask test --only setup\``);
  return stdout.trim();
}

/**
 * Starts a daemon in the foreground and waits until it accepts connections.
 * @param {string} command
 * @param {string[]} args
 * @param {{ port: number, env?: Record<string, string>, says?: RegExp }} options `says`: what it has to have written besides
 */
export async function launch(command, args, { port, env = {}, says = /^/ }) {
  // A group of its own: some have several processes.
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const signal = (/** @type {NodeJS.Signals} */ name) => child.pid && child.exitCode === null && process.kill(-child.pid, name);
  const kill = () => signal("SIGKILL");
  last.add(kill);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  let failure;
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve((failure = error.message)));
    child.once("exit", (code, signal) => resolve((failure = `it ended: ${signal ?? code}`)));
  });
  const until = Date.now() + STARTED_WITHIN_MS;
  while (!says.test(said) || !(await accepts(port))) {
    if (failure || Date.now() > until) {
      kill();
      throw new Error(`${command}: ${failure ?? "it does not listen"}\n${said.slice(-2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    said: () => said,
    freeze: () => stopped(child.pid ?? 0),
    thaw: () => void signal("SIGCONT"),
    async stop() {
      kill();
      await ended;
      last.delete(kill);
    },
  };
}

/**
 * Stops a process group, and waits until each thread of it stands: on a busy machine one may still run for a while.
 * @param {number} group
 */
export async function stopped(group) {
  process.kill(-group, "SIGSTOP");
  while (threads(group).some((state) => !/[TtZX]/.test(state))) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The states of all threads of a process group (proc(5)). @param {number} group */
function threads(group) {
  return readdirSync("/proc").filter(Number).flatMap((pid) => {
    try {
      // Behind the name in parentheses: state, parent, group.
      const fields = (/** @type {string} */ file) => readFileSync(file, "utf8").replace(/^.*\) /s, "").split(" ");
      if (Number(fields(`/proc/${pid}/stat`)[2]) !== group) return [];
      return readdirSync(`/proc/${pid}/task`).map((thread) => fields(`/proc/${pid}/task/${thread}/stat`)[0]);
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

/** @param {number} port */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (/** @type {boolean} */ is) => (socket.destroy(), resolve(is));
    socket.once("connect", () => settle(true)).once("error", () => settle(false));
  });
}

/** The lines of a file that may not be there yet. @param {string} file */
export function lines(file) {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}
