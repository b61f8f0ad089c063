// Pages that listen by name, seen from outside: for the tests of names and for their proof.

import { WebSocket } from "ws";

/** @typedef {{ number: number, url: string, pathUrl: string, port?: number, diary: string[] }} Named */

export class NamedPage {
  /** @param {import("./driver.js").Page} page @param {string} gateway */
  constructor(page, gateway) {
    this.page = page;
    this.gateway = gateway;
  }

  /** @param {import("./driver.js").Browser} browser @param {string} site an origin @param {string} gateway */
  static async open(browser, site, gateway) {
    const page = new NamedPage(await browser.newPage(), gateway);
    await page.page.goto(`${site}/named`);
    return page;
  }

  /** What became of a new listener first. @param {object} [init] @returns {Promise<Named>} */
  listen(init) {
    return this.#call("listen", { gateway: this.gateway, init });
  }

  /** @param {Named} named @param {number} count of entries in its diary @param {number} [ms] @returns {Promise<string[]>} */
  noted({ number }, count, ms) {
    return this.#call("noted", { number, count, ms });
  }

  /** @param {Named} named */
  close({ number }) {
    return this.#call("close", number);
  }

  /** What tells this page from all others. @returns {Promise<string>} */
  id() {
    return this.#call("name");
  }

  reload() {
    return this.page.raw.reload();
  }

  /** What a copy of this tab begins with. @returns {Promise<[string, string][]>} */
  memory() {
    return this.page.evaluate(() => Object.entries(sessionStorage));
  }

  /** @param {[string, string][]} memory */
  remember(memory) {
    return this.page.evaluate((memory) => memory.forEach(([key, value]) => sessionStorage.setItem(key, value)), memory);
  }

  #call(name, argument) {
    return this.page.evaluate(async ([name, argument]) => (await import(/** @type {any} */ ("/pages/named.js")))[name](argument), [name, argument]);
  }
}

/** Who answers there: the id of a page, or why nobody does. @param {string} pathUrl @returns {Promise<string>} */
export function whoAnswers(pathUrl) {
  const socket = new WebSocket(pathUrl, { handshakeTimeout: 5_000 });
  return new Promise((resolve) => {
    const settle = (/** @type {string} */ what) => (resolve(what), socket.terminate());
    socket.on("open", () => socket.send("hello"));
    socket.on("message", (data) => settle(/^(\w+) heard hello$/.exec(`${data}`)?.[1] ?? `${data}`));
    socket.on("unexpected-response", (_, response) => settle(`${response.headers["pageport-error"]}`));
    socket.on("error", ({ message }) => settle(message));
  });
}

/** Asks until a page answers there. @param {string} pathUrl @param {string} id @param {number} ms @returns {Promise<number>} how long it took; Infinity if it never did */
export async function answersWithin(pathUrl, id, ms) {
  for (const start = performance.now(); performance.now() - start < ms; ) {
    if ((await whoAnswers(pathUrl)) === id) return performance.now() - start;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Infinity;
}
