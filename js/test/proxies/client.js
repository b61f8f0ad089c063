// Who goes through a proxy: a page in Chromium, and a native program. Both listen and give back what they get; the visitor goes straight to
// the gateway, so that every byte that it sends and gets has to pass the proxy once in each direction.

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { launchChromium } from "../browser/driver.js";

const HANG_MS = 20_000;
const MESSAGE = 16_384;

/**
 * @typedef {object} Way
 * @property {string} base the gateway's URL as the client is to see it
 * @property {string} [proxy] URL of a forward proxy
 * @property {string} [carrier] the only one to try
 * @property {number} [hang] in ms: what takes longer hangs
 * @property {number} [udp] the port of a relay that HTTP/3 is to go through: a gateway says its own
 */
/**
 * @typedef {object} Client
 * @property {string} name of its listener
 * @property {string} carrier
 * @property {number} ms from its start until it listened
 * @property {() => Promise<number>} losses how often it has lost its carrier so far
 * @property {() => Promise<string | null>} carrierNow
 * @property {(gateway: Gateway, bytes: number, hang?: number) => Promise<void>} visit a visitor gives so many bytes and gets them back
 * @property {() => Promise<void>} close
 */

/** @typedef {{ port: number, secure: boolean }} Gateway */

/** From the navigation on. @param {Way} way @returns {Promise<Client & { version: string }>} */
export async function pageThrough({ base, proxy, carrier, hang, udp }) {
  // Chromium asks no proxy for loopback names unless it is told to.
  const args = proxy ? [`--proxy-server=${proxy}`, "--proxy-bypass-list=<-loopback>"] : [];
  const browser = await launchChromium({ args, context: { ignoreHTTPSErrors: true } });
  try {
    const page = await browser.newPage();
    if (udp) await page.raw.route("**/.well-known/pageport", (/** @type {any} */ route) => elsewhere(route, udp));
    page.raw.setDefaultNavigationTimeout(hang ?? HANG_MS);
    await page.goto(`${base}/pageport.js`);
    const listening = await within(
      page.evaluate(
        async ({ base, carrier }) => {
          const { WebSocketListener, configure, session } = await import(`${base}/pageport.js`);
          if (carrier) configure({ carriers: [carrier] });
          const listener = new WebSocketListener();
          listener.onconnection = ({ socket }) => {
            socket.binaryType = "arraybuffer";
            socket.onmessage = ({ data }) => socket.send(data);
          };
          await new Promise((resolve, reject) => {
            listener.onlistening = resolve;
            // An error may pass; the end does not.
            let last = "";
            listener.onerror = (/** @type {any} */ { error }) => (last = String(error));
            listener.onclose = () => reject(new Error(`the listener ended: ${last}`));
          });
          const ms = performance.now();
          const link = session();
          // A better carrier may take over; but none may go before there is another.
          const scene = { losses: 0 };
          link.addEventListener("carrierchange", (/** @type {any} */ event) => (scene.losses += +(link.carrier === null)));
          Object.assign(globalThis, { scene, link });
          return { name: new URL(listener.url).hostname.split(".")[0], ms, carrier: link.carrier };
        },
        { base, carrier },
      ),
      "the page listens",
      hang,
    );
    const losses = () => page.evaluate(() => /** @type {any} */ (globalThis).scene.losses);
    return {
      ...listening,
      ms: Math.round(listening.ms),
      version: browser.version,
      losses,
      carrierNow: () => page.evaluate(() => /** @type {any} */ (globalThis).link.carrier),
      visit: (gateway, bytes, hang) => visitByMessages(gateway, listening.name, bytes, hang),
      close: () => browser.close(),
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** What the gateway says of itself, with another port for HTTP/3. @param {import("playwright-core").Route} route @param {number} udp */
async function elsewhere(route, udp) {
  const response = await route.fetch();
  const json = await response.json();
  for (const offer of json.carriers) if (offer.kind === "webtransport") offer.url = `https://127.0.0.1:${udp}/link`;
  await route.fulfill({ response, json });
}

/**
 * From the connection on.
 * @param {string} probe the built `pageport-probe`
 * @param {Way & { token: string, trust?: string, hash?: string }} way `trust`: a file with a certificate; `hash`: of that over UDP
 * @returns {Promise<Client>}
 */
export async function programThrough(probe, { base, proxy, token, trust, hash, carrier, hang }) {
  const env = { GATEWAY: base, TOKEN: token, ...(proxy && { PROXY: proxy }), ...(trust && { TRUST: trust }), ...(carrier && { CARRIER: carrier }), ...(hash && { HASH: hash }) };
  const child = spawn(probe, ["through"], { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let losses = 0;
  let said = "";
  const listening = new Promise((resolve, reject) => {
    child.once("error", reject);
    ended.then(() => reject(new Error(`the program has ended: ${said}`)));
    createInterface(child.stdout).on("line", (line) => {
      said = line;
      if (!line.startsWith("{")) return;
      const { event, ...rest } = JSON.parse(line);
      if (event === "listening") resolve(rest);
      else if (event === "lost") losses++;
    });
  });
  const close = async () => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 2_000);
    await ended;
    clearTimeout(timer);
  };
  try {
    const { name, carrier, ms } = /** @type {any} */ (await within(listening, "the program listens", hang));
    return {
      name,
      carrier,
      ms,
      losses: async () => losses,
      carrierNow: async () => (losses ? null : carrier),
      visit: (gateway, bytes, hang) => visitRaw(gateway, name, bytes, hang),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** To a page: WebSocket messages. @param {Gateway} gateway @param {string} name @param {number} bytes */
async function visitByMessages({ port, secure }, name, bytes, hang = HANG_MS) {
  const address = `ws${secure ? "s" : ""}://127.0.0.1:${port}/@${name}/`;
  const socket = new WebSocket(address, { headers: { host: `localhost:${port}` }, perMessageDeflate: false, rejectUnauthorized: false });
  const parts = split(bytes);
  const tally = new Tally(parts);
  const back = new Promise((resolve, reject) => {
    socket.on("message", (data) => tally.push(/** @type {Buffer} */ (data)) && resolve(undefined));
    socket.once("error", reject).once("close", (code) => reject(new Error(`the visitor's socket closed with ${code}`)));
    socket.once("open", () => parts.forEach((part) => socket.send(part)));
  });
  await within(back, `${bytes} bytes come back`, hang).finally(() => socket.terminate());
  tally.check();
}

/** To a program, which speaks no RFC 6455: whatever bytes. @param {Gateway} gateway @param {string} name @param {number} bytes */
async function visitRaw({ port, secure }, name, bytes, hang = HANG_MS) {
  const parts = split(bytes);
  const tally = new Tally(parts);
  const headers = {
    host: `localhost:${port}`,
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const options = { host: "127.0.0.1", port, path: `/@${name}/`, headers, rejectUnauthorized: false, agent: false };
  const asked = (secure ? https : http).request(options).end();
  asked.once("response", ({ statusCode }) => asked.destroy(new Error(`the visitor was refused: ${statusCode}`)));
  const [, socket] = await within(once(asked, "upgrade"), "the visitor is let in", hang);
  const back = new Promise((resolve, reject) => {
    socket.on("data", (/** @type {Buffer} */ data) => tally.push(data) && resolve(undefined));
    socket.once("error", reject).once("close", () => reject(new Error("the visitor's socket closed")));
    parts.forEach((part) => socket.write(part));
  });
  await within(back, `${bytes} bytes come back`, hang).finally(() => socket.destroy());
  tally.check();
}

/** @param {number} bytes */
function split(bytes) {
  return Array.from({ length: Math.ceil(bytes / MESSAGE) }, (_, at) => randomBytes(Math.min(MESSAGE, bytes - at * MESSAGE)));
}

/** Whether what comes back is what was sent. */
class Tally {
  #want = createHash("sha256");
  #got = createHash("sha256");
  #left = 0;

  /** @param {Buffer[]} parts */
  constructor(parts) {
    for (const part of parts) {
      this.#want.update(part);
      this.#left += part.length;
    }
  }

  /** True when that is all. @param {Buffer} data */
  push(data) {
    this.#got.update(data);
    this.#left -= data.length;
    return this.#left <= 0;
  }

  check() {
    if (this.#left !== 0 || this.#want.digest("hex") !== this.#got.digest("hex")) throw new Error("other bytes came back than were sent");
  }
}

/** @param {() => Promise<boolean>} holds @param {string} what */
export async function until(holds, what, ms = HANG_MS) {
  const late = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > late) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
function within(promise, what, ms = HANG_MS) {
  /** @type {NodeJS.Timeout} */
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)));
  return /** @type {Promise<T>} */ (Promise.race([promise, late]).finally(() => clearTimeout(timer)));
}
