// What pages do with TCP servers of every habit, in both browsers by each carrier, from outside. Where a server is exchanged for another one, or the page
// does something else, the scene must not be seen.

import { launchChromium, launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { SCENES } from "../browser/tcp-scenes.js";
import { startServers } from "../browser/tcp-servers.js";
import { fact, table } from "./facts.mjs";

const PATIENCE_MS = 60_000;
/** How long a page stays that should leave. */
const STAYING_MS = 5_000;
/** What a page may use, and what its session says then. */
const CARRIERS = { websocket: "websocket", http: "http", "http-poll": "http", webtransport: "webtransport" };
/** Which server takes another one's place. @type {[scene: string, server: string, other: string][]} */
const CONTROLS = [
  ["echo: 8 MiB", "echo", "spoil"],
  ["echo: all 256", "echo", "spoil"],
  ["line echo", "lines", "echo"],
  ["announce", "announce", "rude"],
  ["split", "split", "announce"],
  ["rude", "rude", "first"],
  ["half-close", "count", "echo"],
  ["refused", "refused", "forbidden"],
  ["forbidden", "forbidden", "refused"],
  ["timeout", "timeout", "refused"],
  ["black hole", "hole", "announce"],
  ["flood", "flood", "announce"],
  ["leave", "count", "breaks"],
  ["tls", "tls", "stranger"],
  ["starttls", "starttls", "dirty"],
  ["dirty", "dirty", "starttls"],
];

const [site, servers] = [await startSite(), await startServers()];
const gateway = await startGateway({ args: servers.allow, env: { SSL_CERT_FILE: servers.authority, PAGEPORT_LIMITS__CONNECT_TIMEOUT: "2s" } });
const browsers = [await launchChromium(), await launchFirefox()];
let [held, failed] = [0, 0];
try {
  for (const browser of browsers) {
    fact({ browser: browser.name, version: browser.version });
    const columns = [];
    for (const [kind, carrier] of Object.entries(CARRIERS)) columns.push(await column(browser, kind, carrier));
    const rows = Object.keys(SCENES).map((name) => [name, ...columns.map((cells) => cells[name])]);
    table([browser.name, ...Object.keys(CARRIERS)], rows);
    await controls(browser);
  }
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  site.close();
  servers.close();
  await gateway.stop();
}
fact({ scenes: Object.keys(SCENES).length, carriers: Object.keys(CARRIERS).length, browsers: browsers.length, held, failed });
process.exit(failed ? 1 : 0);

/** All scenes by one carrier. @param {import("../browser/driver.js").Browser} browser @param {string} kind @param {string} carrier @returns {Promise<Record<string, string>>} */
async function column(browser, kind, carrier) {
  const open = () => opened(browser, [kind]);
  const world = { ...(await open()), open, site, servers };
  /** @type {Record<string, string>} */
  const cells = {};
  const begin = performance.now();
  for (const [name, scene] of Object.entries(SCENES)) {
    const fault = await within(scene(world), PATIENCE_MS);
    fault ? failed++ : held++;
    cells[name] = fault ? "NO" : "yes";
    if (fault) fact({ browser: browser.name, carrier: kind, scene: name, FAILED: fault });
  }
  const used = await world.act("carrier", "echo");
  if (used !== carrier) failed++;
  fact({ browser: browser.name, carrier: kind, used, scenes: Object.values(cells).filter((cell) => cell === "yes").length, of: Object.keys(SCENES).length, ms: Math.round(performance.now() - begin) });
  await world.page.close();
  return cells;
}

/** What must not be seen. @param {import("../browser/driver.js").Browser} browser */
async function controls(browser) {
  let noticed = 0;
  /** @param {string} control @param {string} fault */
  const judge = (control, fault) => {
    // Who only waits has not noticed anything.
    const isNoticed = fault && !fault.startsWith("not within");
    isNoticed ? noticed++ : failed++;
    fact({ browser: browser.name, control, ...(isNoticed ? { noticed: fault.slice(0, 160) } : { FAILED: fault || "it was not noticed" }) });
  };
  for (const [start, server, other] of CONTROLS) {
    const exchanged = { ...servers, ports: { ...servers.ports, [server]: servers.ports[other] }, clients: {} };
    const world = await opening(browser, exchanged);
    judge(`${start}, with ${other} instead of ${server}`, await within(scene(start)(world), PATIENCE_MS));
    await world.page.close();
  }
  const { act, ...world } = await opening(browser);
  const greedy = (/** @type {string} */ what, /** @type {any[]} */ ...rest) => act(what === "slow" ? "fast" : what, ...rest);
  judge("flood, with a page that reads", await within(scene("flood")({ ...world, act: greedy }), PATIENCE_MS));
  await world.page.close();
  judge("unload, with a page that stays", await staying(browser));
  fact({ browser: browser.name, controls: CONTROLS.length + 2, noticed, how: "another server in the place of the one that the scene is about, or another page" });
}

/** Its connections do not end before it leaves after all. @param {import("../browser/driver.js").Browser} browser */
async function staying(browser) {
  const world = await opening(browser);
  let stays = true;
  /** @type {import("../browser/driver.js").Page[]} */
  const left = [];
  const open = async () => {
    const { page, act } = await world.open();
    const leave = async () => (stays ? void left.push(page) : page.close());
    return { page: { close: leave, goto: leave }, act };
  };
  const seen = scene("unload")({ ...world, open });
  const early = await within(seen, STAYING_MS);
  stays = false;
  for (const page of left) await page.close();
  const late = await within(seen, PATIENCE_MS);
  await world.page.close();
  return early.startsWith("not within") && left.length && !late ? `nothing ends ${early}, and all of it once the page has left` : "";
}

/** A page of its own: some of what is done leaves connections behind. @param {import("../browser/driver.js").Browser} browser @param {typeof servers} [others] */
async function opening(browser, others = servers) {
  const open = () => opened(browser, ["websocket"], others);
  return { ...(await open()), open, site, servers: others };
}

/** @param {string} start of its name */
function scene(start) {
  const found = Object.entries(SCENES).find(([name]) => name.startsWith(start));
  if (!found) throw new Error(`no scene ${start}`);
  return found[1];
}

/** @param {import("../browser/driver.js").Browser} browser @param {string[]} carriers */
async function opened(browser, carriers, { ports } = servers) {
  const page = await browser.newPage();
  await page.goto(`${site.local}/sockets`);
  /** @param {string} what @param {string} server @param {object} [more] @returns {Promise<any>} */
  const act = (what, server, more) => {
    const place = { gateway: gateway.url, port: ports[server], ...more };
    return page.evaluate(async ([what, place]) => (await import(/** @type {any} */ ("/pages/sockets.js")))[what](place), [what, place]);
  };
  await act("begin", "echo", { carriers });
  return { page, act };
}

/** What was wrong, in a line. @param {Promise<unknown>} promise @param {number} ms */
async function within(promise, ms) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(() => resolve(`not within ${ms} ms`), ms)));
  const fault = await Promise.race([promise.then(() => "", (error) => String(error.message ?? error).replace(/\s+/g, " ").slice(0, 300) || "failed"), late]);
  clearTimeout(timer);
  return fault;
}
