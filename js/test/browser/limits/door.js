// Limits of the front door: heads, connections, and how long anybody may take.

import { once } from "node:events";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { CLOSE, data, DETACH, FIN, hello, WELCOME } from "../wire.js";
import { connect, helloJson, said } from "../by-hand.js";
import { accept, afterTime, visitOn, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */

/** A request whose head has exactly so many bytes. @param {number} bytes */
function sized(bytes) {
  const [start, end] = ["GET /.well-known/pageport HTTP/1.1\r\nhost: localhost\r\nx: ", "\r\n\r\n"];
  return start + "y".repeat(bytes - start.length - end.length) + end;
}

/** A request with so many fields. @param {number} count */
const fielded = (count) =>
  `GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\n${"X-Y: z\r\n".repeat(count - 1)}\r\n`;

/** @param {Rig} rig @param {string} request */
async function asked(rig, request) {
  const peer = await rig.connect();
  peer.send(request);
  return peer.answer();
}

/** A request that is answered, and whose body comes in pieces behind these pauses. @param {Rig} rig @param {number[]} pauses */
async function piecewise(rig, pauses) {
  const page = await rig.page();
  const { name } = await page.ask(1, { listen: "http" });
  const peer = await rig.connect();
  peer.send(`POST / HTTP/1.1\r\nHost: ${name}.localhost\r\nContent-Length: ${pauses.length}\r\n\r\n`);
  await visitOn(page, 2);
  for (const pause of pauses) {
    await wait(pause);
    peer.send("x");
  }
  page.send(data(2, accept(page, 2, { ok: true, status: 204, headers: [] }), "", FIN));
  return peer;
}

/** A section with a certificate that is good for a test. */
function certified() {
  const place = mkdtempSync(join(tmpdir(), "pageport-tls-"));
  process.once("exit", () => rmSync(place, { recursive: true, force: true }));
  const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(place, name));
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key, "-out", cert];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", ["req", "-x509", ...made, ...subject], { stdio: "ignore" });
  return `[tls]\ncert = ${JSON.stringify(cert)}\nkey = ${JSON.stringify(key)}`;
}

/** @type {Case[]} */
export const DOOR = [
  {
    limit: "header_bytes",
    n: "1KiB",
    expected: ["200", "431 ERR_HEADERS_TOO_LARGE"],
    run: async (rig) => [await asked(rig, sized(1024)), await asked(rig, sized(1025))],
  },
  {
    limit: "headers",
    n: 8,
    expected: ["200", "431 ERR_HEADERS_TOO_LARGE"],
    run: async (rig) => [await asked(rig, fielded(8)), await asked(rig, fielded(9))],
  },
  {
    limit: "header_timeout",
    n: "800ms",
    expected: ["200", "ended"],
    async run(rig) {
      const begin = performance.now();
      const [intime, late] = [await rig.connect(), await rig.connect()];
      for (const peer of [intime, late]) peer.send("GET /.well-known/pageport HTTP/1.1\r\n");
      await wait(300);
      intime.send("Host: localhost\r\n\r\n");
      return [await intime.answer(), await afterTime(800, late.answer(), begin)];
    },
  },
  {
    limit: "body_timeout",
    n: "800ms",
    expected: ["204", "408 ERR_BODY_TIMEOUT"],
    async run(rig) {
      const peer = await piecewise(rig, [300, 300, 300, 300]);
      const page = await rig.page();
      const { name } = await page.ask(1, { listen: "http" });
      const still = await rig.connect();
      const begin = performance.now();
      still.send(`POST / HTTP/1.1\r\nHost: ${name}.localhost\r\nContent-Length: 2\r\n\r\nx`);
      await visitOn(page, 2);
      return [await peer.answer(), await afterTime(800, still.answer(), begin)];
    },
  },
  {
    limit: "linger",
    // A tenth of it without a byte ends it, too: so long this process must not be kept from sending.
    n: "5s",
    expected: ["404, read on", "ended"],
    async run(rig) {
      const peer = await rig.connect();
      const begin = performance.now();
      peer.send("POST /@nobody-here/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n");
      const status = (await peer.answer()).slice(0, 3);
      const sending = setInterval(() => !peer.ended && peer.send("x"), 20);
      const ending = peer.until(() => peer.ended && "ended").then((how) => how ?? "silence");
      await wait(2_500);
      const at = peer.ended ? "ended" : "read on";
      const beyond = await afterTime(5_000, ending, begin);
      clearInterval(sending);
      return [`${status}, ${at}`, beyond];
    },
  },
  {
    limit: "tls_timeout",
    n: "800ms",
    expected: ["handshake done", "ended"],
    get config() {
      return certified();
    },
    async run(rig) {
      const begin = performance.now();
      const late = await rig.connect();
      // The beginning of a ClientHello.
      late.send(Buffer.from("1603010200", "hex"));
      const good = tls.connect({ host: "127.0.0.1", port: rig.gateway.port, servername: "localhost", rejectUnauthorized: false });
      await once(good, "secureConnect");
      good.destroy();
      const ending = late.until(() => late.ended && "ended").then((how) => how ?? "silence");
      return ["handshake done", await afterTime(800, ending, begin)];
    },
  },
  {
    limit: "hello_timeout",
    n: "800ms",
    expected: ["WELCOME", "DETACH ERR_ATTACH_TIMEOUT"],
    async run(rig) {
      const begin = performance.now();
      const [intime, late] = [await connect(rig.world, "bytes"), await connect(rig.world, "bytes")];
      const ending = late.next([WELCOME, CLOSE, DETACH]).then(said);
      await wait(300);
      intime.send(hello(helloJson()));
      const at = said(await intime.next([WELCOME, CLOSE, DETACH]));
      const beyond = await afterTime(800, ending, begin);
      intime.drop(), late.drop();
      return [at, beyond];
    },
  },
  {
    limit: "connections",
    n: 3,
    expected: ["200", "503 ERR_CONNECTION_LIMIT"],
    async run(rig) {
      const peers = [];
      for (let count = 0; count < 3; count++) peers.push(await rig.connect());
      const request = "GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\n\r\n";
      // Whoever has been answered has been counted.
      for (const peer of peers) peer.send(request);
      const at = [];
      for (const peer of peers) at.push(await peer.answer());
      const one = await rig.connect();
      one.send(request);
      return [at.every((answer) => answer === "200") ? "200" : `${at}`, await one.answer()];
    },
  },
];
