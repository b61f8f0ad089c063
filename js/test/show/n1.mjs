// One suite of what applications use, on each carrier in both browsers: a matrix without an empty cell, and a control that must fail.

import { CarriedPage, ROWS, SUITE } from "../browser/carriers.js";
import { launchChromium, launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { fact, table } from "./facts.mjs";

const BYTES = 16 << 20;
const PATIENCE_MS = 120_000;

const gateways = await Promise.all([startGateway(), startGateway({ args: ["--tls"] })]);
const site = await startSite();
const browsers = [
  await launchChromium({ args: ["--ignore-certificate-errors"], context: { ignoreHTTPSErrors: true } }),
  await launchFirefox({ acceptInsecureCerts: true }),
];
const checks = Object.keys(SUITE);
let failed = 0;
try {
  for (const browser of browsers) {
    fact({ browser: browser.name, version: browser.version });
    const rows = [];
    for (const row of ROWS) rows.push([row.name, ...(await cells(browser, row))]);
    table([browser.name, ...checks, "carried"], rows);
    for (const [name, ...words] of rows) fact({ browser: browser.name, row: name, cells: words.filter(Boolean).length, of: checks.length + 1 });
  }
  await control();
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  site.close();
  await Promise.all(gateways.map((gateway) => gateway.stop()));
}
process.exit(failed ? 1 : 0);

/** @param {import("../browser/driver.js").Browser} browser @param {import("../browser/carriers.js").Row} row */
async function cells(browser, row) {
  const none = await missing(browser, row);
  if (none) return [...checks, "carried"].map(() => `not available: ${none}`);
  const page = await CarriedPage.carried(browser, site, gateways[+Boolean(row.tls)], row);
  const words = [];
  for (const check of Object.values(SUITE)) words.push(await seen(() => check(page, BYTES)));
  words.push(await seen(() => page.carriage()));
  await page.page.close();
  return words;
}

/** Why a browser cannot be carried so; what it can be carried by must work. */
async function missing(browser, { carrier }) {
  if (carrier !== "webtransport") return;
  const page = await browser.newPage();
  await page.goto(`${site.local}/empty`);
  const has = await page.evaluate(() => "WebTransport" in globalThis);
  await page.close();
  return has ? undefined : "this browser has no WebTransport";
}

/** @param {() => Promise<string>} check */
async function seen(check) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("it took too long")), PATIENCE_MS)));
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    failed++;
    return `FAILED ${String(error.message ?? error).split("\n")[0]}`;
  } finally {
    clearTimeout(timer);
  }
}

/** A page that is carried in another way than its row says must be found out. */
async function control() {
  const [browser] = browsers;
  const row = { ...ROWS.find(({ name }) => name === "http polling"), carriers: ["websocket"] };
  const page = await CarriedPage.carried(browser, site, gateways[0], row);
  const noticed = await page.carriage().then(() => "nothing", ({ code }) => code);
  fact({ control: "another carrier than the row says", noticed });
  if (noticed === "nothing") failed++;
}
