// Real programs for the proofs: run to their end or started, as an unprivileged user where they refuse root, on free ports and in
// directories of their own. Nothing outlives the proof.

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:net";

const WITHIN_MS = 120_000;
const READY_WITHIN_MS = 30_000;

/** Who runs what must not be root: a user with a shell that PostgreSQL's package brings, or whoever runs this. */
export const user = userInfo().uid === 0 ? "postgres" : userInfo().username;
const root = userInfo().uid === 0;

/** @param {string} command @param {string[]} args the same as that user */
export const as = (command, args) =>
  root ? ["setpriv", ["--reuid", user, "--regid", user, "--init-groups", command, ...args]] : [command, args];

/**
 * Runs a program to its end.
 * @param {string} command @param {string[]} args
 * @param {{ input?: Buffer, env?: Record<string, string>, within?: number }} [options]
 * @returns {Promise<{ code: number | null, out: Buffer, err: string, ms: number, late: boolean }>}
 */
export function run(command, args, { input, env, within = WITHIN_MS } = {}) {
  const begin = Date.now();
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const out = [];
  let err = "";
  let late = false;
  child.stdout.on("data", (chunk) => out.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (text) => (err = (err + text).slice(-4_096)));
  // Whoever does not read its input to the end says so by how it ends.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const timer = setTimeout(() => ((late = true), child.kill("SIGKILL")), within);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, out: Buffer.concat(out), err, ms: Date.now() - begin, late });
    });
  });
}

/**
 * Starts a program; its lines come one by one.
 * @param {string} command @param {string[]} args @param {Record<string, string>} [env]
 */
export function start(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const kill = (/** @type {NodeJS.Signals} */ signal = "SIGKILL") => child.kill(signal);
  const atExit = () => kill();
  process.once("exit", atExit);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log = (log + text).slice(-16_384)));
  const exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  exited.then(() => process.off("exit", atExit));
  return { child, lines: createInterface(child.stdout), log: () => log, exited, kill, pid: child.pid };
}

/**
 * `pageport expose` and its events.
 * @param {string[]} args @param {Record<string, string>} env
 */
export async function expose(args, env = {}) {
  const running = start(process.env.PAGEPORT_BIN ?? "", ["expose", "--json", ...args], env);
  /** @type {any[]} */
  const events = [];
  /** @type {(() => void)[]} */
  let waiting = [];
  running.lines.on("line", (line) => {
    events.push(JSON.parse(line));
    for (const go of waiting.splice(0)) go();
  });
  /** The first event from `from` on that fits. @param {(event: any) => boolean} fits */
  const event = async (fits, from = 0, within = READY_WITHIN_MS) => {
    const end = Date.now() + within;
    for (;;) {
      const found = events.slice(from).find(fits);
      if (found) return found;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`expose ${args.join(" ")}: no such event\n${running.log()}`);
      await new Promise((resolve) => (waiting.push(() => resolve(undefined)), setTimeout(resolve, left)));
    }
  };
  const listening = await event((event) => event.event === "listening");
  return { ...running, events, event, listening, url: listening.url.replace(/\/$/, "") };
}

/** A directory that the unprivileged user owns and that is gone at the end. */
export function place() {
  const path = mkdtempSync(join(tmpdir(), "pageport-v8-"));
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Gives a path to the unprivileged user. @param {string} path @param {number} uid */
export function give(path, uid, mode = 0o700) {
  if (root) chownSync(path, uid, uid);
  chmodSync(path, mode);
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves when somebody listens there. @param {number} port @param {() => string} log */
export async function listens(port, log) {
  const end = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    if (Date.now() > end) throw new Error(`nobody listens at ${port}\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param {Buffer | string} bytes */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** @param {boolean} holds @param {string} what */
export function demand(holds, what) {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

/** A web site by `python3 -m http.server`: a file, a directory, nothing else. */
export async function website() {
  const path = place();
  const file = randomBytes(8 << 20);
  writeFileSync(join(path, "file.bin"), file);
  mkdirSync(join(path, "sub"));
  writeFileSync(join(path, "sub", "index.html"), "<p>in a directory");
  const port = await freePort();
  const args = ["-u", "-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", path];
  const server = start("python3", args);
  await listens(port, server.log);
  return { port, file, stop: server.kill };
}

/** A PostgreSQL with a new, empty data directory. */
export async function postgres() {
  const path = place();
  const { uid } = await identity();
  give(path, uid);
  const programs = readdirSync("/usr/lib/postgresql").map((version) => `/usr/lib/postgresql/${version}/bin`);
  const bin = programs.find((directory) => existsSync(join(directory, "initdb"))) ?? "";
  const data = join(path, "data");
  const made = await run(...as(join(bin, "initdb"), ["-D", data, "-A", "trust", "-U", "proof", "-E", "UTF8", "--no-sync"]));
  demand(made.code === 0, `initdb: ${made.err}`);
  const port = await freePort();
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${path}`, "fsync=off"];
  const server = start(...as(join(bin, "postgres"), ["-D", data, ...settings.flatMap((setting) => ["-c", setting])]));
  await listens(port, server.log);
  return { port, bin, stop: () => server.kill("SIGINT"), exited: server.exited };
}

/** The ids of the unprivileged user. */
export async function identity() {
  const { out } = await run("id", ["-u", user]);
  return { uid: Number(out.toString()) };
}
