// Ordinary HTTP clients behind one surface: curl, Python's requests, Node's fetch, and a browser's own fetch on a page of another
// origin. None of them knows the module.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import dns from "node:dns";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { blocks, Checked } from "./pages/blocks.js";

const FETCH_PY = fileURLToPath(new URL("../../../xtask/python/fetch.py", import.meta.url));

/** @typedef {{ status: number, text?: string, bytes?: number, right?: boolean, failed?: string, protocol?: string }} Seen */
/**
 * @typedef {object} Client
 * @property {string} name
 * @property {string} version
 * @property {(url: string) => Promise<Seen>} get
 * @property {(url: string, size: number) => Promise<Seen>} download all of so many bytes, each compared
 * @property {(url: string, size: number) => Promise<Seen>} upload
 * @property {(url: string) => Promise<Seen>} leave after the first bytes
 * @property {(url: string, meanwhile: () => Promise<unknown>) => Promise<Seen>} interrupted reads on after `meanwhile`
 * @property {(url: string, count: number) => Promise<number>} [crowd] so many requests at once; how many answers were right
 */

// Names below `localhost` are this machine (RFC 6761), which not every resolver knows.
const { lookup } = dns;
dns.lookup = /** @type {any} */ (
  (name, options, done) =>
    name.endsWith(".localhost") ? lookup("127.0.0.1", options, done) : lookup(name, options, done)
);

/** @type {Map<number, string>} */
const hashes = new Map();

/** What so many bytes of blocks hash to. @param {number} size */
function hashOf(size) {
  if (!hashes.has(size)) {
    const hash = createHash("sha256");
    for (const part of blocks(size)) hash.update(part);
    hashes.set(size, hash.digest("hex"));
  }
  return hashes.get(size);
}

/**
 * @param {string[]} [args] such as `--http2`
 * @returns {Promise<Client>}
 */
export async function curlClient(args = []) {
  const version = (await text(spawn("curl", ["--version"]).stdout)).split(" ")[1];
  /** @param {string[]} more @param {{ body?: Iterable<Uint8Array>, onData?: (child: any) => void }} [how] */
  const run = async (more, { body, onData } = {}) => {
    const child = spawn("curl", ["-sS", ...args, "-w", "%{stderr}status %{http_code} HTTP/%{http_version}\n", ...more]);
    if (body) Readable.from(body).on("error", () => {}).pipe(child.stdin.on("error", () => {}));
    else child.stdin.end();
    const hash = createHash("sha256");
    let bytes = 0;
    let head = "";
    child.stdout.on("data", (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
      if (head.length < 1024) head += chunk.toString("latin1");
      onData?.(child);
    });
    const [log, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    const status = Number(/status (\d+)/.exec(log)?.[1] ?? 0);
    const protocol = /HTTP\/(\S+)/.exec(log)?.[1];
    return { status, protocol, bytes, text: head, sha256: hash.digest("hex"), ...(code && { failed: `exit ${code}` }) };
  };
  const client = {
    name: "curl",
    version,
    get: (url) => run([url]),
    download: async (url, size) => right(await run([url]), size),
    upload: (url, size) =>
      run(["-H", "Expect:", "-T", "-", "-X", "POST", url], { body: blocks(size) }),
    leave: (url) => run([url], { onData: (child) => child.kill() }),
    interrupted: (url, meanwhile) => run([url], { onData: onceOnly(meanwhile) }),
    async crowd(url, count) {
      const urls = Array.from({ length: count }, (_, i) => ["-o", "-", `${url}?to=${i}.`]).flat();
      const child = spawn("curl", ["-sS", ...args, "-Z", "--parallel-immediate", "--parallel-max", String(count), ...urls]);
      const all = await text(child.stdout);
      return new Set(all.match(/hello \d+\./g)).size;
    },
  };
  return client;
}

/** @returns {Promise<Client>} */
export async function requestsClient() {
  const python = process.env.PAGEPORT_PYTHON;
  if (!python) throw new Error("PAGEPORT_PYTHON is not set: run this through `cargo xtask`");
  /** @param {string} url @param {object} [order] @param {() => void} [onBegun] */
  const run = async (url, order = {}, onBegun = undefined) => {
    const { protocol, host, port, pathname, search } = new URL(url);
    const child = spawn(python, [FETCH_PY]);
    const address = `${protocol}//127.0.0.1:${port}${pathname}${search}`;
    child.stdin.end(JSON.stringify({ address, host, ...order }));
    child.stderr.on("data", (data) => (String(data).includes("begun") ? onBegun?.() : process.stderr.write(data)));
    return JSON.parse((await text(child.stdout)) || '{"failed":"no output"}');
  };
  const { version } = await run("http://127.0.0.1:1/");
  return {
    name: "requests",
    version,
    get: (url) => run(url),
    download: async (url, size) => right(await run(url), size),
    upload: (url, size) => run(url, { bytes: size }),
    leave: (url) => run(url, { leave: true }),
    interrupted: (url, meanwhile) => run(url, { mark: true }, onceOnly(meanwhile)),
  };
}

/** @returns {Client} */
export function nodeClient() {
  /** @param {Promise<Response>} response @param {(response: Response) => Promise<object>} read */
  const seen = async (response, read) => {
    try {
      return { status: (await response).status, ...(await read(await response)) };
    } catch (error) {
      return { status: 0, failed: String(error?.cause ?? error) };
    }
  };
  const whole = async (/** @type {Response} */ response) => {
    const { bytes, wrong } = await new Checked().all(response.body);
    return { bytes, right: wrong < 0 };
  };
  const words = async (/** @type {Response} */ response) => ({ text: await response.text() });
  return {
    name: "node",
    version: process.version,
    get: (url) => seen(fetch(url), words),
    download: (url) => seen(fetch(url), whole),
    upload: (url, size) =>
      seen(fetch(url, /** @type {any} */ ({ method: "POST", body: Readable.toWeb(Readable.from(blocks(size))), duplex: "half" })), words),
    async leave(url) {
      const control = new AbortController();
      return seen(fetch(url, { signal: control.signal }), async (response) => {
        const first = await response.body?.getReader().read();
        control.abort();
        return { bytes: first?.value?.length };
      });
    },
    interrupted: (url, meanwhile) =>
      seen(fetch(url), async (response) => {
        await meanwhile();
        return whole(response);
      }),
    async crowd(url, count) {
      const right = async (/** @type {number} */ i) => (await (await fetch(`${url}?to=${i}`)).text()) === `hello ${i}`;
      return (await Promise.all(Array.from({ length: count }, (_, i) => right(i)))).filter(Boolean).length;
    },
  };
}

/**
 * A page of `origin` in a browser.
 * @param {import("./driver.js").Browser} browser
 * @param {string} origin
 * @returns {Promise<Client>}
 */
export async function browserClient(browser, origin) {
  const page = await browser.newPage();
  await page.goto(`${origin}/fetcher`);
  /** @param {string} name @param {...unknown} args @returns {Promise<any>} */
  const call = (name, ...args) =>
    page.evaluate(
      async ([name, args]) => (await import(/** @type {any} */ ("/pages/fetcher.js")))[/** @type {string} */ (name)](.../** @type {any} */ (args)),
      /** @type {[string, unknown[]]} */ ([name, args]),
    );
  const judged = ({ wrong, ...seen }) => ({ ...seen, right: wrong === -1 });
  return {
    name: browser.name,
    version: browser.version,
    get: (url) => call("get", url),
    download: async (url) => judged(await call("download", url)),
    upload: (url, size) => call("upload", url, size),
    leave: (url) => call("leave", url),
    async interrupted(url, meanwhile) {
      await call("begin", url);
      await meanwhile();
      return judged(await call("end"));
    },
    crowd: (url, count) => call("crowd", url, count),
  };
}

/** @param {any} seen @param {number} size */
function right(seen, size) {
  return { ...seen, right: seen.sha256 === hashOf(size) };
}

/** @param {() => unknown} what */
function onceOnly(what) {
  let done = false;
  return () => {
    if (!done) what();
    done = true;
  };
}
