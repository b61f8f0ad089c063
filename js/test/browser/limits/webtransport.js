// Limits of WebTransport, pressed by Chromium: Node has none.

import { once } from "node:events";
import { createServer } from "node:http";
import { get } from "node:https";
import { json } from "node:stream/consumers";
import { helloJson } from "../by-hand.js";
import { launchChromium } from "../driver.js";
import { hello, resume } from "../wire.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */

/** QUIC needs a certificate; the page comes from an origin that may attach. */
const CONFIG = `
[tls]
dev = true
[link]
origins = ["http://localhost:PORT"]
`;

/** A page, and what it has to know to open sessions. @param {Rig} rig */
async function open(rig) {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><link rel=icon href=data:,>"));
  await once(server.listen(rig.ports, "127.0.0.1"), "listening");
  const browser = await launchChromium();
  rig.ending(() => (browser.close(), server.close()));
  const page = await browser.newPage();
  await page.goto(`http://localhost:${rig.ports}/`);
  const [response] = await once(get({ host: "127.0.0.1", port: rig.gateway.port, path: "/.well-known/pageport", headers: { host: "localhost" }, rejectUnauthorized: false }), "response");
  const { carriers } = /** @type {any} */ (await json(response));
  const { hashes } = carriers.find((/** @type {any} */ { kind }) => kind === "webtransport");
  return { page, how: { url: `https://localhost:${rig.gateway.port}/link`, hash: [...Buffer.from(hashes[0], "base64url")] } };
}

/** @type {Case[]} */
export const WEBTRANSPORT = [
  {
    limit: "webtransport_connections",
    n: 2,
    config: CONFIG,
    expected: ["open open", "refused"],
    async run(rig) {
      const { page, how } = await open(rig);
      const [one, two, three] = await page.evaluate(async ({ url, hash }) => {
        const options = { serverCertificateHashes: [{ algorithm: "sha-256", value: Uint8Array.from(hash) }] };
        const seen = [];
        for (let at = 0; at < 3; at++) {
          const session = new WebTransport(url, options);
          // Kept: what nobody holds may be closed.
          (/** @type {any} */ (globalThis).kept ??= []).push(session);
          session.closed.catch(() => {});
          seen.push(
            await session.ready.then(
              () => "open",
              () => "refused",
            ),
          );
        }
        return seen;
      }, how);
      return [`${one} ${two}`, three];
    },
  },
  {
    limit: "webtransport_streams",
    n: 8,
    config: CONFIG,
    expected: ["8 open", "no more"],
    async run(rig) {
      const { page, how } = await open(rig);
      const frames = { hello: [...hello(helloJson({}))], resume: [...resume()] };
      const count = await page.evaluate(
        async ({ url, hash, hello, resume }) => {
          const session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: "sha-256", value: Uint8Array.from(hash) }] });
          (/** @type {any} */ (globalThis).kept ??= []).push(session);
          await session.ready;
          const { readable, writable } = await session.createBidirectionalStream();
          const writer = writable.getWriter();
          await writer.write(Uint8Array.from(hello));
          await readable.getReader().read();
          await writer.write(Uint8Array.from(resume));
          let count = 0;
          const late = new Promise((resolve) => setTimeout(resolve, 3_000, "late"));
          // Browsers wait for the gateway's leave, which comes with the session, or say at once that they have none.
          const none = () => new Promise((resolve) => setTimeout(resolve, 50, "none"));
          const open = () => session.createUnidirectionalStream().catch(none);
          for (let got; (got = await Promise.race([open(), late])) !== "late"; ) if (got !== "none") count++;
          return count;
        },
        { ...how, ...frames },
      );
      return count === 9 ? ["8 open", "open"] : [`${count} open`, "no more"];
    },
  },
];
