// Pages that are TCP servers, and ordinary clients of them: for the tests and for the proof.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { buffer, text } from "node:stream/consumers";

/** @typedef {{ host: string, port: number, error?: string }} Place */

export class TcpPage {
  /** @param {import("./driver.js").Page} page @param {string} gateway */
  constructor(page, gateway) {
    this.page = page;
    this.gateway = gateway;
  }

  /** @param {import("./driver.js").Browser} browser @param {{ local: string }} site @param {string} gateway */
  static async open(browser, site, gateway) {
    const page = new TcpPage(await browser.newPage(), gateway);
    await page.page.goto(`${site.local}/tcp`);
    return page;
  }

  /** @param {string} role see pages/tcp-server.js @param {object} [options] @returns {Promise<Place>} */
  serve(role, options) {
    return this.#call("open", { gateway: this.gateway, role, options });
  }

  /** How the connections of a server ended, once there are so many. @param {Place} place @param {number} count @returns {Promise<{ ends: string[], heard: number }>} */
  ends({ port }, count) {
    return this.#call("ends", { port, count });
  }

  /** Why a server has closed, once it has. @param {Place} place @returns {Promise<string>} */
  lost({ port }) {
    return this.#call("lost", port);
  }

  /** @param {Place} place */
  close({ port }) {
    return this.#call("close", port);
  }

  #call(name, argument) {
    return this.page.evaluate(async ([name, argument]) => (await import(/** @type {any} */ ("/pages/tcp-server.js")))[name](argument), [name, argument]);
  }
}

/** A connection, of which each direction ends on its own. @param {Place} place */
export async function dial({ host, port }) {
  const socket = connect({ host, port, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** Once nobody listens there any more: a page that closes has not told the gateway yet. @param {Place} place */
export async function refused({ host, port }) {
  for (let code; code !== "ECONNREFUSED"; ) {
    const socket = connect({ host, port });
    code = await once(socket, "connect").then(() => "", (error) => error.code);
    socket.on("error", () => {}).destroy();
  }
}

/**
 * Says something, and tells how the connection ended: FIN, or the code of an error. It reads one byte at a time: a read that does not fill its buffer,
 * and a hang-up beside it, are an end to libuv, also where a reset lies behind the bytes.
 * @param {Place} place
 * @param {number} stall how long nothing here runs, in milliseconds, so that all comes at once
 * @returns {Promise<{ heard: number, end: string }>}
 */
export function endOf({ host, port }, stall) {
  return new Promise((resolve) => {
    let heard = 0;
    const onread = { buffer: Buffer.alloc(1), callback: (/** @type {number} */ bytes) => ((heard += bytes), true) };
    const socket = connect({ host, port, onread });
    const ended = (/** @type {string} */ end) => (resolve({ heard, end }), socket.destroy());
    socket.on("end", () => ended("FIN")).on("error", ({ code }) => ended(code));
    socket.on("connect", () => {
      socket.write("anything");
      setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stall), 1);
    });
  });
}

/** Sends all, ends, and hears all; or why not. @param {Place} place @param {string | Uint8Array} data */
export async function talk(place, data) {
  const socket = await dial(place);
  socket.end(data);
  return text(socket).catch(({ code }) => /** @type {string} */ (code));
}

/**
 * What a program says, and how it ended.
 * @param {string} command
 * @param {string[]} args
 * @param {string | Uint8Array} [input]
 * @param {"text" | "buffer"} [as] what its output is to be
 */
export async function run(command, args, input, as = "text") {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => {}).end(input);
  const exited = once(child, "exit");
  const [out, err] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
  return { out: /** @type {any} */ (as === "text" ? `${out}` : out), err, code: (await exited)[0] };
}
