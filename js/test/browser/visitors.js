// Ordinary WebSocket clients behind one surface: npm's ws, Python's websockets, and a browser's own WebSocket on a
// page of another origin. None of them knows the module, and none of them may be told what the answers are.

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";
import { WebSocket } from "ws";
import { follow } from "./pages/visitor.js";

const VISIT_PY = fileURLToPath(new URL("../../../xtask/python/visit.py", import.meta.url));
const { version: WS_VERSION } = createRequire(import.meta.url)("ws/package.json");

/** What every client offers, its favourite first. */
export const OFFERED = ["first.example", "second.example", "third.example"];
/** Where programs say they come from; no page of that origin may attach, but visitors may have any. */
const PROGRAM_ORIGIN = "https://visitors.example";
/** What no page may get to see. */
const FORWARDED = { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9" };
/** What a page may see only where its origin is its own. */
const PRIVATE = { authorization: "Bearer of-a-visitor", cookie: "a=1; b=2" };

/**
 * @typedef {import("./pages/visitor.js").Visit & { version?: string, refused?: { status: number, body: string } }} Seen
 */
/** @typedef {{ plan: import("./pages/payload.js").Plan, seed: number, damage?: number }} Order */
/**
 * @typedef {object} Visitor
 * @property {string} name
 * @property {string} version
 * @property {string} origin
 * @property {(url: URL, byName: boolean) => [string, string][] | undefined} headers all that the page is to see, sorted;
 *   of a browser, whose own headers change, only some
 * @property {(url: URL, order: Order) => Promise<Seen>} visit
 */

/** @returns {Visitor} */
export function wsVisitor() {
  const extra = { "x-visitor": "ws", "x-latin": "caf\u00e9" };
  return {
    name: "ws",
    version: WS_VERSION,
    origin: PROGRAM_ORIGIN,
    headers: (byName) => sorted({ ...extra, ...(byName ? PRIVATE : {}), ...common(OFFERED.join(",")) }),
    async visit(url, order) {
      // The name is in Host only: this client cannot resolve it.
      const address = `ws://127.0.0.1:${url.port}${url.pathname}${url.search}`;
      const headers = { Host: url.host, ...extra, ...PRIVATE, ...FORWARDED };
      const socket = new WebSocket(address, OFFERED, { origin: PROGRAM_ORIGIN, headers, maxPayload: 1 << 25 });
      /** @type {Seen["refused"]} */
      let refused;
      const answered = new Promise((resolve) => {
        socket.on("unexpected-response", async (_, response) => {
          refused = { status: response.statusCode ?? 0, body: await text(response) };
          socket.terminate();
          resolve(undefined);
        });
        socket.on("open", resolve);
      });
      const seen = await follow(/** @type {any} */ (socket), order);
      await answered;
      return { ...seen, refused };
    },
  };
}

/** @returns {Promise<Visitor>} */
export async function pythonVisitor() {
  const python = process.env.PAGEPORT_PYTHON;
  if (!python) throw new Error("PAGEPORT_PYTHON is not set: run this through `cargo xtask`");
  const extra = { "x-visitor": "python" };
  const run = async (order) => {
    const child = spawn(python, [VISIT_PY], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify(order));
    return JSON.parse(await text(child.stdout));
  };
  const version = await facts(python);
  const agent = `Python/${version.python.replace(/\.\d+$/, "")} websockets/${version.websockets}`;
  return {
    name: "python",
    version: `${version.websockets} (Python ${version.python})`,
    origin: PROGRAM_ORIGIN,
    headers: (byName) =>
      sorted({ ...extra, ...(byName ? PRIVATE : {}), ...common(OFFERED.join(", ")), "user-agent": agent }),
    visit: (url, order) =>
      run({
        ...order,
        url: url.href,
        host: "127.0.0.1",
        port: Number(url.port),
        origin: PROGRAM_ORIGIN,
        protocols: OFFERED,
        headers: { ...extra, ...PRIVATE, ...FORWARDED },
      }),
  };
}

/** @param {import("./driver.js").Browser} browser @param {string} origin of a page that is not the listener's */
export async function browserVisitor(browser, origin) {
  const page = await browser.newPage();
  await page.goto(`${origin}/visitor`);
  const agent = await page.evaluate(() => navigator.userAgent);
  /** @type {Visitor} */
  const visitor = {
    name: browser.name,
    version: browser.version,
    origin,
    headers: () =>
      sorted({ origin, "sec-websocket-protocol": OFFERED.join(", "), "user-agent": agent }),
    visit: (url, order) =>
      page.evaluate(async ([url, offered, order]) => {
        const { visit } = await import(/** @type {any} */ ("/pages/visitor.js"));
        return visit(url, offered, order);
      }, /** @type {[string, string[], Order]} */ ([url.href, OFFERED, order])),
  };
  return visitor;
}

/** @param {string} offered */
function common(offered) {
  return { origin: PROGRAM_ORIGIN, "sec-websocket-protocol": offered };
}

/** @param {Record<string, string>} headers @returns {[string, string][]} */
function sorted(headers) {
  return Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** @param {string} python @returns {Promise<{ python: string, websockets: string }>} */
async function facts(python) {
  const program =
    "import json, platform, websockets; print(json.dumps({'python': platform.python_version(), 'websockets': websockets.__version__}))";
  return JSON.parse(await text(spawn(python, ["-c", program], { stdio: ["ignore", "pipe", "inherit"] }).stdout));
}
