// What stands at the other end of the gallery's servers: curl, nc and Node's own HTTP client. None of them knows the module.
// Names below `localhost` lead to the gateway's machine, whatever this machine's resolver thinks of them.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { request } from "node:http";
import { once } from "node:events";

/** @param {string | Uint8Array} bytes */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/**
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: string, connect?: string }} [init] `connect`: where to
 * @returns {Promise<{ status: number, headers: import("node:http").IncomingHttpHeaders, body: Buffer }>} rejects when the answer breaks off
 */
export async function visit(url, { method = "GET", headers = {}, body, connect = "127.0.0.1" } = {}) {
  const { host, port, pathname, search } = new URL(url);
  const sent = request({ host: connect, port, path: pathname + search, method, headers: { host, ...headers } });
  sent.end(body);
  const [response] = await once(sent, "response");
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

/** @typedef {{ code: number | null, stdout: Buffer, stderr: string }} Finished */
/**
 * A program that runs, and what it has said when it ends.
 * @typedef {object} Running
 * @property {(text: string) => void} write
 * @property {() => void} end closes its input
 * @property {() => void} kill
 * @property {(pattern: RegExp) => Promise<string>} said resolves with all of its output once that matches
 * @property {Promise<Finished>} finished
 */

/** @param {string} program @param {string[]} args @returns {Running} */
export function run(program, args) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const chunks = [];
  let stderr = "";
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  child.stdin.on("error", () => {});
  const text = () => Buffer.concat(chunks).toString();
  const finished = once(child, "close").then(([code]) => ({ code, stdout: Buffer.concat(chunks), stderr }));
  return {
    write: (words) => child.stdin.write(words),
    end: () => child.stdin.end(),
    kill: () => child.kill(),
    finished,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => pattern.test(text()) && resolve(text());
        child.stdout.on("data", look);
        finished.then(({ code }) => (look(), reject(new Error(`${program} ended with ${code} and said ${JSON.stringify(text())} ${stderr}`))));
        look();
      }),
  };
}

/** @param {string} url @param {string[]} args @returns {Running} */
export function curl(url, ...args) {
  const { hostname, port } = new URL(url);
  return run("curl", ["-sS", "--max-time", "60", "--resolve", `${hostname}:${port}:127.0.0.1`, ...args, url]);
}

/** `-N`: when its input ends, so does its half of the connection. @param {string} host @param {string} port */
export function nc(host, port) {
  return run("nc", ["-N", host, port]);
}
