// Browsers as people run them, pages that come and go, and a visitor who would notice: it numbers its messages and
// wants each of them back once and in order, on the connection that it has.

import { once } from "node:events";
import puppeteer from "puppeteer-core";
import { WebSocket } from "ws";

/** @typedef {ReturnType<typeof import("./pages/steady.js").state>} State */

/** What drivers switch off so that tests run evenly, and what this is all about. */
const THROTTLING = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/**
 * Chromium whose hidden tabs are hidden and slow.
 * @param {number} [grace] after so many seconds a hidden tab's timers run once a minute; by default after 5 minutes
 */
export async function launchThrottledChromium(grace) {
  return puppeteer.launch({
    executablePath: "/usr/bin/chromium",
    headless: true,
    ignoreDefaultArgs: THROTTLING,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(grace ? [`--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/${grace}`] : []),
    ],
  });
}

/**
 * A page that listens, and how to ask it.
 * @param {any} browser puppeteer's
 * @param {{ local: string }} site
 * @param {string} gateway the URL that the page uses, perhaps a relay's
 * @param {string} [carrier] the only kind that it may use
 */
export async function openSteady(browser, site, gateway, carrier) {
  const page = await browser.newPage();
  await page.goto(`${site.local}/steady`);
  const addresses = await page.evaluate(
    async (where) => (await import(/** @type {any} */ ("/pages/steady.js"))).listen(where),
    [gateway, carrier],
  );
  return {
    page,
    ...addresses,
    /** @returns {Promise<State>} */
    state: () => page.evaluate(async () => (await import(/** @type {any} */ ("/pages/steady.js"))).state()),
    /** Whether this stands in its diary, at the latest after `ms`. @returns {Promise<boolean>} */
    noted: (/** @type {string} */ what, /** @type {number} */ ms) =>
      page.evaluate(
        async (what, ms) => (await import(/** @type {any} */ ("/pages/steady.js"))).noted(what, ms),
        what,
        ms,
      ),
    /**
     * Whether the session is attached and has begun to listen so often, at the latest after `ms`.
     * @returns {Promise<boolean>}
     */
    attached: (/** @type {number} */ ms, times = 1) =>
      page.evaluate(
        async (ms, times) => (await import(/** @type {any} */ ("/pages/steady.js"))).attached(ms, times),
        ms,
        times,
      ),
  };
}

/** Puts another tab in front of everything. */
export async function cover(browser, site) {
  const page = await browser.newPage();
  await page.goto(`${site.other}/cover`);
  await page.bringToFront();
  return page;
}

/**
 * Away to another page and, once `meanwhile` is over, back. Whether the page itself came back, or only its address, is for
 * its diary to say; puppeteer hears nothing of a page that Firefox brings back whole, and would wait for ever.
 * @param {any} page puppeteer's @param {{ other: string }} site @param {() => Promise<unknown>} meanwhile
 */
export async function awayAndBack(page, site, meanwhile) {
  await page.goto(`${site.other}/elsewhere`);
  await meanwhile();
  await page.goBack({ timeout: 3_000 }).catch((error) => {
    if (error.name !== "TimeoutError") throw error;
  });
}

/** @param {any} page puppeteer's, in Chromium @returns {Promise<(state: "frozen" | "active") => Promise<void>>} */
export async function freezer(page) {
  const cdp = await page.createCDPSession();
  return (state) => cdp.send("Page.setWebLifecycleState", { state });
}

/** Sends a numbered message every so often and checks the echoes. */
export class SteadyVisitor {
  sent = 0;
  echoed = 0;
  wrong = 0;
  /** The longest that an echo took, in milliseconds. */
  slowest = 0;
  /** How its connection ended, if it has. @type {{ code: number, at: number } | undefined} */
  closed;
  #socket;
  #timer;
  #waiting = new Set();
  #sentAt = [];
  #start = performance.now();

  /** @param {WebSocket} socket that is open @param {number} every milliseconds */
  constructor(socket, every) {
    this.#socket = socket;
    this.#timer = setInterval(() => this.send(), every);
    socket.on("message", (data) => this.#check(String(data)));
    socket.on("error", () => {});
    socket.on("close", (code) => {
      clearInterval(this.#timer);
      this.closed = { code, at: performance.now() - this.#start };
      this.#look();
    });
  }

  /** @param {string} pathUrl of a listener @param {number} [every] */
  static async come(pathUrl, every = 250) {
    const socket = new WebSocket(pathUrl.replace("localhost", "127.0.0.1"), { perMessageDeflate: false });
    await once(socket, "open");
    return new SteadyVisitor(socket, every);
  }

  send() {
    this.#sentAt.push(performance.now());
    this.#socket.send(`message ${++this.sent}`);
    this.#look();
  }

  /** Sends nothing more and waits for what is missing. @param {number} [ms] at most */
  async settle(ms = 30_000) {
    clearInterval(this.#timer);
    if (!this.closed) this.send();
    await this.until(() => this.closed || this.echoed === this.sent, ms);
    return this.facts();
  }

  facts() {
    const { sent, echoed, wrong, slowest, closed } = this;
    return { sent, echoed, wrong, slowest: Math.round(slowest), closed: closed ? `${closed.code}` : "no" };
  }

  /** @param {() => unknown} find @param {number} ms @returns {Promise<boolean>} whether it came true in time */
  until(find, ms) {
    return new Promise((resolve) => {
      const settle = (value) => (clearTimeout(timer), this.#waiting.delete(look), resolve(value));
      const look = () => find() && settle(true);
      const timer = setTimeout(settle, ms, false);
      this.#waiting.add(look);
      look();
    });
  }

  leave() {
    clearInterval(this.#timer);
    this.#socket.terminate();
  }

  #check(text) {
    if (text === `message ${this.echoed + 1}`) {
      this.slowest = Math.max(this.slowest, performance.now() - this.#sentAt[this.echoed]);
      this.echoed++;
    } else {
      this.wrong++;
    }
    this.#look();
  }

  #look() {
    for (const look of [...this.#waiting]) look();
  }
}
