// Real browsers for tests: Debian's Chromium through CDP, Debian's Firefox through WebDriver BiDi, behind one small
// surface. It must never fetch a browser, and never retry: a launch that fails is a failed test.

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

/**
 * @typedef {object} Page
 * @property {(url: string) => Promise<void>} goto resolves once the page's `load` event has fired
 * @property {<A, R>(fn: (arg: A) => R | Promise<R>, arg?: A) => Promise<R>} evaluate runs `fn` inside the page
 * @property {(cb: (text: string, type: string) => void) => void} onConsole console messages (the type is the name of
 *   the console method), and uncaught errors as type `pageerror`
 * @property {() => Promise<void>} close
 * @property {any} raw the driver's own page, for what only one browser can do
 */

/**
 * @typedef {object} Browser
 * @property {"chromium" | "firefox"} name
 * @property {string} version as the browser reports it
 * @property {() => Promise<Page>} newPage in a fresh window of the one profile of this browser
 * @property {() => Promise<void>} close ends the process
 * @property {any} raw the driver's own browser (Chromium: its context), for what only one browser can do
 */

export const CHROMIUM = "/usr/bin/chromium";
const FIREFOX = "/usr/bin/firefox-esr";

// The sandbox needs user namespaces, which a root shell in a build machine does not have. Everything below it keeps the
// browser from talking to anyone but the test.
export const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const FIREFOX_PREFS = {
  "app.update.disabledForTesting": true,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

/**
 * @param {{ args?: string[], context?: import("playwright-core").BrowserContextOptions }} [options]
 * @returns {Promise<Browser>}
 */
export async function launchChromium({ args = [], context: contextOptions = {} } = {}) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...CHROMIUM_ARGS, ...args] });
  const context = await browser.newContext(contextOptions);
  return {
    name: "chromium",
    version: browser.version(),
    newPage: async () => wrap(await context.newPage()),
    close: () => browser.close(),
    raw: context,
  };
}

/**
 * @param {{ args?: string[], prefs?: Record<string, unknown>, acceptInsecureCerts?: boolean }} [options]
 * @returns {Promise<Browser>}
 */
export async function launchFirefox({ args = [], prefs = {}, acceptInsecureCerts = false } = {}) {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    acceptInsecureCerts,
    args,
    extraPrefsFirefox: { ...FIREFOX_PREFS, ...prefs },
  });
  return {
    name: "firefox",
    version: (await browser.version()).replace(/^firefox\//i, ""),
    newPage: async () => wrap(await browser.newPage()),
    close: () => browser.close(),
    raw: browser,
  };
}

/** Both drivers agree on these four names, and differ in what they resolve with. @returns {Page} */
function wrap(/** @type {any} */ page) {
  return {
    goto: async (url) => void (await page.goto(url, { waitUntil: "load" })),
    evaluate: (fn, arg) => page.evaluate(fn, arg),
    onConsole(cb) {
      page.on("console", (message) => cb(message.text(), message.type().replace(/^warning$/, "warn")));
      page.on("pageerror", (error) => cb(String(error?.message ?? error), "pageerror"));
    },
    close: () => page.close(),
    raw: page,
  };
}
