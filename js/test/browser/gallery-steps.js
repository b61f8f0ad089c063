// What a person does in the gallery, for tests in either browser: open, click, type, look. It looks at what the pages
// show and never inside them, and it waits for what is shown, never for time to pass.

import { once } from "node:events";
import { createServer } from "node:http";

/** @typedef {import("./driver.js").Page} Page @typedef {import("./driver.js").Browser} Browser */

/**
 * Resolves with the text of an element once it matches a pattern, or is a number that is large enough.
 * @param {Page} page @param {string} selector @param {RegExp | number} want
 * @returns {Promise<string>}
 */
export function until(page, selector, want) {
  const pattern = want instanceof RegExp ? want.source : undefined;
  return page.evaluate(
    ({ selector, pattern, least, ms }) =>
      new Promise((resolve, reject) => {
        const text = () => document.querySelector(selector)?.textContent.trim() ?? "";
        const settled = () => (pattern ? new RegExp(pattern).test(text()) : Number(text().replaceAll(",", "")) >= least);
        const observer = new MutationObserver(() => settled() && end(resolve, text()));
        const timer = setTimeout(
          () => end(reject, new Error(`${selector} says "${text()}", not ${pattern ?? `at least ${least}`}`)),
          ms,
        );
        const end = (how, value) => (observer.disconnect(), clearTimeout(timer), how(value));
        observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
        if (settled()) end(resolve, text());
      }),
    { selector, pattern, least: Number(want), ms: 20_000 },
  );
}

/** @param {Page} page @param {string} selector @returns {Promise<string>} */
export function text(page, selector) {
  return page.evaluate((selector) => document.querySelector(selector)?.textContent.trim(), selector);
}

/** @param {Page} page @param {string} selector */
export async function click(page, selector) {
  await page.raw.bringToFront();
  await page.raw.click(selector);
}

/** @param {Page} page @param {string} words typed where the focus is */
export async function enter(page, words) {
  await page.raw.keyboard.type(words);
  await page.raw.keyboard.press("Enter");
}

/** Puts something into a field, in place of what stands in it. @param {Page} page @param {string} selector @param {string} words */
export async function fill(page, selector, words) {
  await page.raw.bringToFront();
  const field = await page.raw.$(selector);
  await field.evaluate((element) => element.select());
  await page.raw.keyboard.press("Backspace");
  await field.type(words);
}

/** Picks files in a file picker. @param {Page} page @param {string} selector of the input @param {string[]} paths */
export async function pick(page, selector, paths) {
  const input = await page.raw.$(selector);
  // Playwright and Puppeteer call it by different names.
  await (input.setInputFiles ? input.setInputFiles(paths) : input.uploadFile(...paths));
}

/** A page whose errors end up in `errors`, at a path of the gateway. @param {Browser} browser @param {string} url */
export async function open(browser, url) {
  const page = await browser.newPage();
  const errors = [];
  page.onConsole((words, type) => ["error", "pageerror"].includes(type) && errors.push(words));
  const requests = recordRequests(page);
  await page.goto(url);
  return { page, errors, requests };
}

/** Every request that the page makes from now on; WebSockets only where the driver tells. @param {Page} page */
export function recordRequests(page) {
  /** @type {string[]} */
  const urls = [];
  page.raw.on("request", (request) => urls.push(request.url()));
  page.raw.on("websocket", (socket) => urls.push(socket.url()));
  return urls;
}

/** Those of `urls` that leave the gateway: another host than its own or one below `localhost`, or another port. */
export function leaving(urls, gateway) {
  return urls.filter((url) => {
    // Firefox reports fonts of its own that it carries in itself.
    if (url.startsWith("data:")) return false;
    const { hostname, port } = new URL(url);
    return !(hostname === gateway.host || /^([a-z0-9-]+\.)?localhost$/.test(hostname)) || Number(port) !== gateway.port;
  });
}

/** The echo page, listening. @param {Browser} browser @param {{ url: string }} gateway */
export async function openEcho(browser, gateway) {
  const opened = await open(browser, `${gateway.url}/echo/`);
  await until(opened.page, "#state", /^Listening$/);
  return { ...opened, url: await text(opened.page, "#url"), pathUrl: await text(opened.page, "#path-url") };
}

/** The host's page of a chat, open. @param {Browser} browser @param {{ url: string }} gateway */
export async function openChat(browser, gateway) {
  const opened = await open(browser, `${gateway.url}/chat/`);
  await until(opened.page, "#state", /^Open$/);
  return { ...opened, invite: await text(opened.page, "#invite") };
}

/** A guest of a chat, inside. @param {Browser} browser @param {string} invite @param {string} name */
export async function visitChat(browser, invite, name) {
  const opened = await open(browser, invite);
  await click(opened.page, "#name");
  await enter(opened.page, name);
  await until(opened.page, "#state", /^Connected as /);
  return opened;
}

/** Lets somebody say something with the keyboard, wherever the page is. @param {Page} page @param {string} words */
export async function say(page, words) {
  await click(page, "#text");
  await enter(page, words);
}

/**
 * Presses Tab until an element has the focus.
 * @param {Page} page @param {string} selector
 * @returns {Promise<string[]>} the stops on the way that did not show that they had the focus
 */
export async function tabTo(page, selector) {
  await page.raw.bringToFront();
  const unseen = [];
  for (let stops = 0; stops < 60; stops++) {
    await page.raw.keyboard.press("Tab");
    const { arrived, shown, what } = await page.evaluate((selector) => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return {
        arrived: element.matches(selector),
        shown: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        what: `${element.localName}#${element.id}`,
      };
    }, selector);
    if (!shown) unseen.push(what);
    if (arrived) return unseen;
  }
  throw new Error(`60 presses of Tab did not reach ${selector}`);
}

/** Serves one page on a port of its own: another origin than the gateway's. @param {string} html */
export async function foreignSite(html = "<!doctype html><html lang=en><title>Elsewhere</title><main>Elsewhere</main>") {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(request.url === "/" ? html : "");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/`, origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** Sends messages through the browser's own WebSocket and returns what comes back, in order. @param {Page} page */
export function echoes(page, url, protocols = []) {
  return page.evaluate(
    ({ url, protocols }) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url, protocols);
        const sent = ["plain", "ünï → 🌍", "", new Uint8Array(70_000).map((_, i) => i * 7)];
        const back = [];
        socket.binaryType = "arraybuffer";
        socket.onopen = () => sent.forEach((message) => socket.send(message));
        socket.onclose = ({ code }) => reject(new Error(`closed with ${code} after ${back.length} echoes`));
        socket.onmessage = ({ data }) => {
          back.push(data);
          if (back.length < sent.length) return;
          const same = back.map((message, i) =>
            typeof message === "string"
              ? message === sent[i]
              : message.byteLength === sent[i].length && new Uint8Array(message).every((byte, at) => byte === sent[i][at]),
          );
          socket.onclose = null;
          socket.close();
          resolve({ same, protocol: socket.protocol });
        };
      }),
    { url, protocols },
  );
}
