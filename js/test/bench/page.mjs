// A page in Chromium behind the real gateway: how fast it answers requests, and how fast bulk flows between it and a visitor; beside
// the same without a gateway, round by round. The last line is JSON.

import { once } from "node:events";
import http from "node:http";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { chromium } from "./browsers.js";
import { at50, quantile, turned } from "./samples.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, quick: { type: "boolean", default: false } } });
const ROUNDS = Number(values.rounds);
const REQUESTS = values.quick ? 100 : 300;
const PARALLEL = 50;
const PARALLEL_MS = values.quick ? 500 : 2_000;
const BULK = (values.quick ? 16 : 128) << 20;
const MESSAGE = 65_536;
/** What may wait in a sender: enough that it never runs dry. */
const AHEAD = 4 << 20;
const HELLO = "hello from a tab\n";

const [gateway, site] = await Promise.all([startGateway(), startSite()]);
const browser = await chromium();
try {
  const page = await browser.newPage();
  await page.goto(`${site.local}/`);
  const address = await page.evaluate(inPage, { gateway: gateway.url, hello: HELLO, message: MESSAGE, ahead: AHEAD });
  const raw = await rawServers(page);
  const requests = {
    "page, through the gateway": { port: gateway.port, host: new URL(address.http).host },
    "Node's http, no gateway": { port: raw.http, host: "localhost" },
  };
  const bulk = {
    "page, through the gateway": await visit(address.webSocket),
    "raw WebSocket": raw.socket,
  };
  const seen = new Map();
  const note = (name, what, value) => {
    const key = `${name}\n${what}`;
    seen.set(key, [...(seen.get(key) ?? []), value]);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, at] of turned(Object.entries(requests), round)) {
      const times = await oneByOne(at);
      note(name, "p50", at50(times));
      note(name, "p99", quantile(times, 0.99));
      note(name, "rate", await together(at));
    }
    for (const [name, socket] of turned(Object.entries(bulk), round)) {
      note(name, "down", await down(socket));
      note(name, "up", await up(socket));
    }
  }
  const row = (name, ...whats) => ({
    name,
    numbers: whats.map(([what, digits]) => Number(at50(seen.get(`${name}\n${what}`)).toFixed(digits))),
  });
  const result = {
    browser: `Chromium ${browser.version}`,
    node: process.version,
    requests: Object.keys(requests).map((name) => row(name, ["p50", 2], ["p99", 2], ["rate", 0])),
    bulk: Object.keys(bulk).map((name) => row(name, ["down", 0], ["up", 0])),
  };
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
  site.close();
  await gateway.stop();
}
process.exit(0);

/** In the page: it serves, listens, and does what a socket's other end says. */
async function inPage({ gateway, hello, message, ahead }) {
  const { serve, WebSocketListener } = await import(`${gateway}/pageport.js`);
  const piece = new Uint8Array(message);
  const follow = (/** @type {WebSocket} */ socket) => {
    socket.binaryType = "arraybuffer";
    let awaited = 0;
    socket.onmessage = async ({ data }) => {
      if (typeof data !== "string") {
        awaited -= data.byteLength;
        if (awaited === 0) socket.send("done");
        return;
      }
      const [what, count] = data.split(" ");
      if (what === "up") awaited = Number(count);
      else
        for (let sent = 0; sent < Number(count); sent += message) {
          while (socket.bufferedAmount > ahead) await new Promise((resolve) => setTimeout(resolve));
          socket.send(piece);
        }
    };
  };
  Object.assign(globalThis, { follow });
  const site = serve(() => new Response(hello));
  const listener = new WebSocketListener({ gateway });
  listener.onconnection = ({ socket }) => follow(socket);
  const listening = new Promise((resolve, reject) => {
    listener.onlistening = resolve;
    listener.onerror = ({ error }) => reject(error);
  });
  const [{ url }] = await Promise.all([site.opened, listening]);
  return { http: url, webSocket: listener.url };
}

/** The same page, and the same program at the other end, with nothing in between. */
async function rawServers(page) {
  const plain = http.createServer((_, response) => response.end(HELLO));
  await once(plain.listen(0, "127.0.0.1"), "listening");
  const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(sockets, "listening");
  const connected = once(sockets, "connection");
  await page.evaluate((/** @type {number} */ port) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    globalThis.follow(socket);
  }, sockets.address().port);
  const [socket] = await connected;
  socket.binaryType = "nodebuffer";
  return { http: plain.address().port, socket };
}

async function visit(url) {
  const { host, port } = new URL(url);
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { Host: host }, perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

/** Milliseconds of each request, over one connection. */
async function oneByOne(at) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  for (let count = 0; count < REQUESTS; count += 1) {
    const start = performance.now();
    await get(at, agent);
    times.push(performance.now() - start);
  }
  agent.destroy();
  return times;
}

/** Requests a second, so many at once. */
async function together(at) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: PARALLEL });
  const start = performance.now();
  let done = 0;
  const client = async () => {
    while (performance.now() - start < PARALLEL_MS) {
      await get(at, agent);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, client));
  agent.destroy();
  return done / ((performance.now() - start) / 1e3);
}

function get({ port, host }, agent) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: "127.0.0.1", port, path: "/", headers: { Host: host }, agent }, async (response) => {
      let body = "";
      for await (const chunk of response.setEncoding("utf8")) body += chunk;
      if (response.statusCode === 200 && body === HELLO) resolve(undefined);
      else reject(new Error(`${response.statusCode}: ${body.slice(0, 200)}`));
    });
    request.on("error", reject);
  });
}

/** MB/s from the page to the visitor. */
async function down(socket) {
  const start = performance.now();
  let left = BULK;
  await new Promise((resolve) => {
    const take = (data, isBinary) => {
      left -= isBinary ? data.length : 0;
      if (left === 0) resolve(socket.off("message", take));
    };
    socket.on("message", take);
    socket.send(`down ${BULK}`);
  });
  return BULK / 1e3 / (performance.now() - start);
}

/** MB/s from the visitor to the page; the page says when it has everything. */
async function up(socket) {
  const piece = Buffer.alloc(MESSAGE, 7);
  const start = performance.now();
  const done = once(socket, "message");
  socket.send(`up ${BULK}`);
  for (let sent = 0; sent < BULK; sent += MESSAGE) {
    const written = new Promise((resolve) => socket.send(piece, resolve));
    if (socket.bufferedAmount > AHEAD) await written;
  }
  const [answer] = await done;
  if (String(answer) !== "done") throw new Error(`the page said ${answer}`);
  return BULK / 1e3 / (performance.now() - start);
}
