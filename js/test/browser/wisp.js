// Targets for clients of Wisp, and those clients: the library of the protocol's authors as npm has it, unchanged, in Node and in pages.

import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import { client, extensions } from "@mercuryworkshop/wisp-js/client";
import { converse } from "./wisp-client.js";

const require = createRequire(import.meta.url);
const FILE = require.resolve("@mercuryworkshop/wisp-js/client").replace(/\.cjs$/, ".mjs");

/** The library's. */
export const VERSION = JSON.parse(readFileSync(new URL("../package.json", `file://${FILE}`), "utf8")).version;

const sha256 = (/** @type {Buffer} */ bytes) => createHash("sha256").update(bytes).digest("hex");

/** Servers of HTTP and of datagrams, and a port that nobody has. @param {{ bytes: number, streams: number }} amounts */
export async function startTargets(amounts) {
  const stored = randomBytes(amounts.bytes);
  const http = createHttpServer((request, response) => {
    const [, what, length] = (request.url ?? "").split("/");
    if (what === "hello") return response.end("hello through Wisp");
    if (what === "bytes") return response.end(stored.subarray(0, Number(length)));
    const hash = createHash("sha256");
    request.on("data", (data) => hash.update(data)).on("end", () => response.end(hash.digest("hex")));
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  const udp = createSocket("udp4", (message, { port, address }) => udp.send(message, port, address));
  await new Promise((resolve) => udp.bind(0, "127.0.0.1", () => resolve(undefined)));
  // A client's own port: nobody listens there for as long as it is connected.
  const holder = net.connect({ port: /** @type {net.AddressInfo} */ (http.address()).port, host: "127.0.0.1" });
  await once(holder, "connect");
  const { port } = /** @type {net.AddressInfo} */ (http.address());
  const closed = /** @type {number} */ (holder.localPort);
  const targets = { host: "127.0.0.1", port, closed, udp: udp.address().port, forbidden: 9, ...amounts };
  return {
    targets,
    allowed: [`tcp://127.0.0.1:${port}`, `tcp://127.0.0.1:${closed}`, `udp://127.0.0.1:${targets.udp}`],
    expected: { bytes: stored.length, hash: sha256(stored) },
    stop: () => (holder.destroy(), udp.close(), http.close(), http.closeAllConnections()),
  };
}

/** In Node, where the token of `dev` is a password (v2). @param {string} url @param {string} token @param {any} targets */
export function inNode(url, token, targets) {
  const { PasswordAuthExtension, UDPExtension, MOTDExtension } = extensions;
  const wisp_extensions = [
    new UDPExtension({ client_config: {} }),
    new MOTDExtension({ client_config: {} }),
    new PasswordAuthExtension({ client_config: { username: "dev", password: token } }),
  ];
  return converse(client, url, { wisp_version: 2, wisp_extensions }, targets);
}

/** In a page, whose origin is let in. @param {any} browser @param {string} site @param {string} url @param {object} options @param {any} targets */
export async function inPage(browser, site, url, options, targets) {
  const page = await browser.newPage();
  try {
    await page.goto(`${site}/wisp`);
    const texts = [readFileSync(FILE, "utf8"), readFileSync(new URL("wisp-client.js", import.meta.url), "utf8")];
    return await page.evaluate(
      async (/** @type {any} */ { texts, url, options, targets }) => {
        const load = (/** @type {string} */ text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
        const [{ client }, { converse }] = await Promise.all(texts.map(load));
        return converse(client, url, options, targets);
      },
      { texts, url, options, targets },
    );
  } finally {
    await page.close();
  }
}
