// A gateway with names that last, issuers and tokens, on a port that it keeps over restarts; and tabs that listen by name.

import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { Claimant } from "./claimant.js";
import { startGateway } from "./gateway.js";

/** A gateway as an operator would configure it. */
export class Rig {
  token = randomBytes(16).toString("hex");
  issuer = new Claimant();
  place = mkdtempSync(join(tmpdir(), "pageport-names-"));
  port = 0;

  /** @param {{ data: boolean, origins: string[] }} options whether names last */
  static async start(options) {
    const rig = new Rig();
    rig.options = options;
    await rig.begin();
    return rig;
  }

  /** Starts it, where it was before. */
  async begin() {
    const { data, origins } = this.options;
    const config = `
listen = ["127.0.0.1:${this.port}"]
admin = "127.0.0.1:0"
${data ? `data = ${JSON.stringify(join(this.place, "data"))}` : ""}
[link]
origins = ${JSON.stringify(origins)}
[limits]
drain = "1s"
[[token]]
name = "test"
sha256 = "${createHash("sha256").update(this.token).digest("hex")}"
may = ["listen"]
[[issuer]]
name = "shop"
key = "${this.issuer.public.toString("base64url")}"
may = ["listen"]
kinds = ["websocket"]
names = ["app-*"]
listeners = 1
`;
    this.gateway = await startGateway({ config });
    this.port = this.gateway.port;
    this.url = this.gateway.url;
    /** For pages made by hand. */
    this.world = { url: this.url, origin: origins[0], token: this.token, name: "", helloTimeout: 10_000 };
  }

  async stop() {
    await this.gateway.stop();
    rmSync(this.place, { recursive: true, force: true });
  }
}

/** A tab that can listen by name, as often as it is told to. */
export class Tab {
  /** @param {import("./driver.js").Browser} browser @param {{ local: string }} site @param {string} gateway */
  static async open(browser, site, gateway) {
    const tab = new Tab();
    Object.assign(tab, { page: await browser.newPage(), home: `${site.local}/named`, gateway });
    await tab.load();
    return tab;
  }

  /** Opens its page, again; or another one. */
  load = (path = "") => this.page.goto(`${this.home}${path}`);

  reload = () => this.page.raw.reload();

  /** What became of a listener first. @param {object} [init] @returns {Promise<{ number: number, url: string, pathUrl: string, port?: number, diary: string[] }>} */
  listen = (init) => this.#call("listen", { gateway: this.gateway, init });

  /** @param {number} number of a listener @param {number} count how many lines there must be */
  noted = (number, count) => this.#call("noted", { number, count });

  /** @param {number} number of a listener */
  end = (number) => this.#call("close", number);

  /** Closes a listener before it can listen, and listens under another name: which are held then. @param {string[]} names */
  hurry = (names) => this.#call("hurry", { gateway: this.gateway, names });

  /** What a copy of this tab begins with. @returns {Promise<Record<string, string>>} */
  memory = () => this.page.evaluate(() => ({ ...sessionStorage }));

  /** @param {Record<string, string>} memory of another tab */
  remember = (memory) => this.page.evaluate((memory) => void Object.assign(sessionStorage, memory), memory);

  /** Tells this load of the page from others. @returns {Promise<string>} */
  id = () => this.#call("name");

  close = () => this.page.close();

  #call(name, arg) {
    return this.page.evaluate(
      async ([name, arg]) => (await import(/** @type {any} */ ("/pages/named.js")))[name](arg),
      [name, arg],
    );
  }
}

/** What a fresh visitor hears: the answer, or why there is none. @param {string} url */
export function visit(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.on("open", () => socket.send("hello"));
    socket.on("message", (data) => (resolve(`${data}`), socket.terminate()));
    socket.on("unexpected-response", (_, { statusCode, headers }) => {
      resolve(`${statusCode} ${headers["pageport-error"]}`);
      socket.terminate();
    });
    socket.on("error", ({ message }) => resolve(message));
    socket.on("close", () => resolve("closed"));
  });
}

/** Visits until the answer is this one: how many milliseconds that took, `Infinity` when it never is. @param {string} url @param {(heard: string) => boolean} wanted */
export async function until(url, wanted, patience = 20_000) {
  const begin = performance.now();
  while (performance.now() - begin < patience) {
    if (wanted(await visit(url))) return Math.round(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return Infinity;
}
