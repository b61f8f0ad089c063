// One suite of what an application uses (streams, ends, backpressure, listeners, transfers), to be run on each carrier, for the tests and
// for the proof. It must never know which carrier it runs on.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { buffer, text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { metric } from "./http2.js";
import { dial, talk, TcpPage } from "./tcp.js";

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string[]} carriers what the page may use
 * @property {string} carrier what its session must say
 * @property {boolean} [tls] whether the gateway speaks TLS, and with it HTTP/2
 */

/** @type {Row[]} */
export const ROWS = [
  { name: "webtransport", carriers: ["webtransport"], carrier: "webtransport" },
  { name: "websocket over HTTP/1.1", carriers: ["websocket"], carrier: "websocket" },
  { name: "websocket over HTTP/2", carriers: ["websocket"], carrier: "websocket", tls: true },
  { name: "http streaming", carriers: ["http"], carrier: "http" },
  { name: "http polling", carriers: ["http-poll"], carrier: "http" },
  { name: "http over HTTP/2", carriers: ["http"], carrier: "http", tls: true },
];

/** A page that is carried in one way, and whoever visits it. */
export class CarriedPage extends TcpPage {
  /** @param {import("./driver.js").Browser} browser @param {{ local: string }} site @param {import("./gateway.js").Gateway} gateway @param {Row} row */
  static async carried(browser, site, gateway, row) {
    const page = new CarriedPage(await browser.newPage(), gateway.url);
    page.row = row;
    page.admin = gateway.admin;
    await page.page.goto(`${site.local}/carried`);
    page.before = await metric(gateway.admin, "pageport_http2_websockets_total");
    await page.ask("begin", { gateway: gateway.url, carriers: row.carriers });
    return page;
  }

  /** @param {string} name @param {unknown} [argument] @returns {Promise<any>} */
  ask(name, argument) {
    return this.page.evaluate(async ([name, argument]) => (await import(/** @type {any} */ ("/pages/carrier.js")))[name](argument), [name, argument]);
  }

  /** That it is really carried as the row says; in words. */
  async carriage() {
    const { carrier, changes, ups, downs, protocol } = await this.ask("state");
    const { row } = this;
    assert.equal(carrier, row.carrier);
    // A page attaches anew for the nonce of a claim, always in the same way.
    for (const change of changes) assert.ok([`null ${carrier} attached`, `${carrier} null aborted`].includes(change), change);
    const sockets = (await metric(this.admin, "pageport_http2_websockets_total")) - this.before;
    assert.equal(sockets > 0, carrier === "websocket" && Boolean(row.tls));
    if (carrier !== "http") return sockets ? "a stream of HTTP/2" : carrier;
    assert.equal(protocol, row.tls ? "h2" : "http/1.1");
    // Streaming answers last long, others as long as there is nothing to say.
    assert.ok(row.carriers[0] === "http" ? downs < ups / 2 : downs > 10, `${downs} answers, ${ups} uploads`);
    return `${protocol}, ${ups} up, ${downs} down`;
  }
}

/** What is seen of each; it throws where that is not what has to be. @type {Record<string, (page: CarriedPage, bytes: number) => Promise<string>>} */
export const SUITE = {
  async streams(page) {
    const place = await page.serve("echo");
    const words = Array.from({ length: 50 }, (_, i) => `visitor ${i}`);
    assert.deepEqual(await Promise.all(words.map((word) => talk(place, word))), words);
    return "50 at once";
  },
  async "half-close"(page) {
    assert.equal(await talk(await page.serve("count"), "x".repeat(100_000)), "100000 bytes\n");
    const place = await page.serve("first");
    const socket = await dial(place);
    socket.setEncoding("utf8").write("before");
    await once(socket, "data");
    await once(socket, "end");
    socket.end(" and behind");
    const { ends, heard } = await page.ends(place, 1);
    assert.deepEqual([ends, heard], [["closed"], "before and behind".length]);
    return "either side first";
  },
  async reset(page) {
    // Only whoever has the beginning can see that it breaks off: a reset overtakes what has not arrived.
    const tear = () => page.ask("tear");
    const torn = await visit(`${await page.ask("site", page.gateway)}torn`, undefined, tear).then(({ body }) => `whole: ${body}`, ({ code }) => code);
    assert.equal(torn, "ECONNRESET");
    const other = await page.serve("echo");
    const visitor = await dial(other);
    visitor.write("hello");
    await once(visitor, "data");
    visitor.resetAndDestroy();
    assert.deepEqual((await page.ends(other, 1)).ends, ["ERR_VISITOR_GONE"]);
    return "by either side";
  },
  async stop(page) {
    const place = await page.serve("goodbye");
    const socket = await dial(place);
    socket.on("error", () => {}).write(randomBytes(1 << 20));
    assert.equal((await text(socket)).length, "goodbye ".length * 50_000);
    assert.deepEqual((await page.ends(place, 1)).ends, ["closed"]);
    socket.destroy();
    return "400,000 bytes said";
  },
  async backpressure(page) {
    const socket = await dial(await page.serve("deaf"));
    let taken = 0;
    const chunk = Buffer.alloc(65_536);
    while (socket.write(chunk, () => (taken += chunk.length)) || (await Promise.race([once(socket, "drain"), rest(500)])));
    assert.ok(taken < 32 << 20, `${taken} bytes were taken`);
    assert.equal(await talk(await page.serve("echo"), "hello"), "hello");
    socket.destroy();
    return `stood still at ${(taken / 2 ** 20).toFixed(1)} MiB`;
  },
  async listeners(page) {
    const socket = new WebSocket(await page.ask("echo", page.gateway), { rejectUnauthorized: false });
    await once(socket, "open");
    for (const message of ["hello", "", "grüß dich", randomBytes(200_000)]) {
      const back = once(socket, "message");
      socket.send(message);
      const [data, isBinary] = await back;
      assert.ok(typeof message === "string" ? !isBinary && `${data}` === message : message.equals(data));
    }
    socket.send("bye");
    const [code, reason] = await once(socket, "close");
    assert.deepEqual([code, `${reason}`], [4000, "as you wish"]);
    const { status, body } = await visit(`${await page.ask("site", page.gateway)}nowhere`);
    assert.deepEqual([status, `${body}`], [404, "you asked for /nowhere"]);
    return "websocket, http, tcp";
  },
  async transfers(page, bytes) {
    const data = randomBytes(bytes);
    const digest = createHash("sha256").update(data).digest("hex");
    const site = await page.ask("site", page.gateway);
    const up = await visit(`${site}hash`, data);
    assert.equal(`${up.body}`, digest);
    const down = await visit(`${site}bytes?n=${bytes}`);
    assert.equal(down.body.length, bytes);
    assert.equal(createHash("sha256").update(down.body).digest("hex"), down.headers["x-sha256"]);
    const socket = await dial(await page.serve("echo"));
    socket.end(data);
    const hash = createHash("sha256");
    for await (const chunk of socket) hash.update(chunk);
    assert.equal(hash.digest("hex"), digest);
    return `4 x ${bytes / 2 ** 20} MiB`;
  },
};

/**
 * A visit by name.
 * @param {string} url
 * @param {Buffer} [upload]
 * @param {() => Promise<unknown>} [begun] what happens once the answer has begun
 * @returns {Promise<{ status: number, headers: Record<string, any>, body: Buffer }>}
 */
async function visit(url, upload, begun) {
  const { protocol, port, pathname, search, host } = new URL(url);
  const request = (protocol === "https:" ? requestHttps : requestHttp)({
    host: "127.0.0.1",
    port,
    path: pathname + search,
    method: upload ? "POST" : "GET",
    headers: { host, ...(upload && { "content-length": upload.length }) },
    rejectUnauthorized: false,
    agent: false,
  }).end(upload);
  const [response] = await once(request, "response");
  const [body] = await Promise.all([buffer(response), begun?.()]);
  return { status: response.statusCode, headers: response.headers, body };
}

/** False, after a while. @param {number} ms @returns {Promise<false>} */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms, false));
