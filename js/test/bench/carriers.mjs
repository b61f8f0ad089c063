// What each carrier can do between a page and the gateway, beside the browser's own WebSocket and WebTransport to raw servers, round by
// round; how long a fresh page takes to its first byte; and where the time goes where an aim is missed. The last line is JSON.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { startGateway } from "../browser/gateway.js";
import { startImpairmentRelay } from "../browser/impairment-relay.js";
import { startSite } from "../browser/site.js";
import { chromium, firefox } from "./browsers.js";
import { firstBytes } from "./first-byte.js";
import { perf, secondsOf, secondsOfTree } from "./processor.js";
import { startRaw } from "./raw.js";
import { at50, quantile, spread, turned } from "./samples.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    /** What part of the raw one is aimed at. */
    aim: { type: "string", default: "0.9" },
    /** Where profiles of the gateway are left; none are made without it. */
    profiles: { type: "string" },
    browser: { type: "string", multiple: true, default: ["chromium", "firefox"] },
  },
});
const ROUNDS = Number(values.rounds);
const AIM = Number(values.aim);
/** How long one transfer is to take about; its size follows from a first one. */
const BULK_MS = values.quick ? 250 : 1_500;
const PROFILE_MS = 3_000;
const FIRST_BYTES = 8 << 20;
const MOST_BYTES = 1 << 30;
const TRIPS = values.quick ? 100 : 500;
/** What a gateway's measurement may move by default is less than that. */
const ENV = { PAGEPORT_LIMITS__MEASURE_BYTES: "4GiB" };
const BULK = /** @type {const} */ (["up", "down"]);
const { IMPAIRMENT_RELAY = "" } = process.env;

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {string} [raw] what it is compared with
 * @property {boolean} [isAimed] whether that is the same carrier
 * @property {Record<string, unknown>} where for pages/rates.js
 * @property {number} server the process at the other end
 */

const [gateway, site, socket, transport] = await Promise.all([startGateway({ env: ENV }), startSite({ isolated: true }), startRaw("websocket"), startRaw("webtransport")]);
const relay = await startImpairmentRelay(IMPAIRMENT_RELAY, gateway.port, 1);
const module = (/** @type {string} */ carrier) => ({ where: { kind: "module", gateway: gateway.url, carriers: [carrier] }, server: gateway.pid });
/** @type {Way[]} */
const ways = [
  { name: "raw WebSocket", where: { kind: "webSocket", port: socket.port }, server: socket.pid },
  { name: "websocket", raw: "raw WebSocket", isAimed: true, ...module("websocket") },
  { name: "http streaming", raw: "raw WebSocket", ...module("http") },
  { name: "http polling", raw: "raw WebSocket", ...module("http-poll") },
  { name: "raw WebTransport", where: { kind: "webTransport", port: transport.port, sha256: transport.sha256 }, server: transport.pid },
  { name: "webtransport", raw: "raw WebTransport", isAimed: true, ...module("webtransport") },
];
const results = [];
try {
  for (const [name, launch] of Object.entries({ chromium, firefox })) {
    if (!values.browser.includes(name)) continue;
    const browser = await launch();
    try {
      const raw = { socket, transport };
      const rows = await contest(browser);
      results.push({ ...rows, first_bytes: await firstBytes({ browser, site: site.local, gateway, relay, raw, rounds: ROUNDS }) });
    } finally {
      await browser.close();
    }
  }
} finally {
  site.close();
  await Promise.all([relay.stop(), gateway.stop(), socket.stop(), transport.stop()]);
}
console.log(JSON.stringify({ aim: AIM, browsers: results }));
process.exit(0);

/** All ways of one browser, beside each other. @param {import("./browsers.js").Browser} browser */
async function contest(browser) {
  /** @type {Map<Way, { page: import("./browsers.js").Page, bytes: Record<string, number>, seen: Record<string, number[]> }>} */
  const all = new Map();
  for (const way of ways) {
    const page = await browser.newPage();
    await page.goto(`${site.local}/rates`);
    const one = { page, bytes: {}, seen: {} };
    all.set(way, one);
    await ask(page, "begin", way.where);
    for (const direction of BULK) {
      // The first transfer finds small windows and cold code; the second tells how much is worth measuring.
      await ask(page, "bulk", { direction, bytes: FIRST_BYTES });
      const ms = await ask(page, "bulk", { direction, bytes: FIRST_BYTES });
      one.bytes[direction] = Math.min(MOST_BYTES, Math.ceil(((FIRST_BYTES / ms) * BULK_MS) / 65_536) * 65_536);
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    console.log(`${browser.name}: round ${round + 1} of ${ROUNDS}`);
    for (const measure of [...BULK, "echo"]) {
      for (const way of turned(ways, round)) {
        const one = all.get(way);
        await one.page.front();
        const numbers = measure === "echo" ? await echo(one.page) : await bulk(way, one, measure, browser);
        for (const [name, value] of Object.entries(numbers)) (one.seen[name] ??= []).push(value);
      }
    }
  }
  const rows = ways.map((way) => row(way, all.get(way).seen, way.raw && all.get(ways.find(({ name }) => name === way.raw)).seen));
  return { name: browser.name, version: browser.version, rows, profiles: await profiles(browser, rows, all) };
}

async function bulk(way, { page, bytes }, direction, browser) {
  const used = async () => [await secondsOf(way.server), await secondsOfTree(browser.pid)];
  const before = await used();
  const ms = await ask(page, "bulk", { direction, bytes: bytes[direction] });
  const after = await used();
  const gigabytes = bytes[direction] / 1e9;
  return {
    [direction]: bytes[direction] / 1e3 / ms,
    [`${direction}_server`]: (after[0] - before[0]) / gigabytes,
    [`${direction}_browser`]: (after[1] - before[1]) / gigabytes,
  };
}

async function echo(page) {
  const times = await ask(page, "trips", { count: TRIPS });
  return { p50: at50(times), p99: quantile(times, 0.99) };
}

/** Medians, ranges, and for each round the part of the raw one: of its speed. @param {Way} way @param {Record<string, number[]>} seen @param {Record<string, number[]> | undefined} raw */
function row({ name, raw: beside, isAimed = false }, seen, raw) {
  const part = (/** @type {string} */ number, isTime = false) =>
    raw && spread(seen[number].map((value, at) => (isTime ? raw[number][at] / value : value / raw[number][at])));
  return {
    name,
    is_aimed: isAimed,
    ...(beside && { beside, parts: { up: part("up"), down: part("down"), echo: part("p50", true) } }),
    ...Object.fromEntries(Object.entries(seen).map(([number, values]) => [number, spread(values)])),
  };
}

/** Where the time goes where an aim was missed: in the page, where its browser says it, and in the gateway. */
async function profiles(browser, rows, all) {
  const made = [];
  if (!values.profiles) return made;
  for (const { name, is_aimed, parts } of rows) {
    for (const direction of [...BULK, "echo"]) {
      if (!is_aimed || parts[direction].median >= AIM) continue;
      console.log(`${browser.name}: ${name}, ${direction} was missed: profile`);
      const way = ways.find((way) => way.name === name);
      const { page, bytes } = all.get(way);
      await page.front();
      // `perf` takes a moment until it looks.
      const load = async () => {
        for (const end = performance.now() + PROFILE_MS; performance.now() < end; )
          await (direction === "echo" ? ask(page, "trips", { count: TRIPS }) : ask(page, "bulk", { direction, bytes: bytes[direction] }));
      };
      const file = join(values.profiles, `${browser.name}-${name}-${direction}.perf`);
      const perfed = () => perf(way.server, file, load);
      const inPage = page.profile ? await page.profile(perfed) : await perfed();
      made.push({ name, direction, page: inPage ?? null, perf: file });
    }
  }
  return made;
}

/** Of pages/rates.js. @param {import("./browsers.js").Page} page @param {string} name @param {unknown} argument @returns {Promise<any>} */
function ask(page, name, argument) {
  return page.evaluate(async ([name, argument]) => (await import(/** @type {any} */ ("/pages/rates.js")))[name](argument), [name, argument]);
}
