import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { ListenerSocket } from "../pageport/ws-socket.js";

// Both roles against an implementation that shares nothing with ours, over TCP.

const TEXTS = [0, 1, 125, 126, 127, 4000, 65535, 65536, 300_000].map((size) => "ß".repeat(size >> 1) + "x".repeat(size & 1));
const BINARIES = [0, 1, 125, 126, 127, 4000, 65535, 65536, 300_000].map((size) => randomBytes(size));

test("as a server: echoes whatever the npm package ws sends, in order, and closes cleanly", async (t) => {
  const { port, sockets } = await listen(t);
  const visitor = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  await once(visitor, "open");
  const received = collect(visitor, TEXTS.length + BINARIES.length + 1);
  for (const message of [...TEXTS, ...BINARIES]) visitor.send(message);
  visitor.send("in ", { fin: false });
  visitor.ping("between");
  visitor.send("three ", { fin: false });
  visitor.send("parts");
  const [pong] = await once(visitor, "pong");
  assert.equal(`${pong}`, "between");
  assert.deepEqual(await received, [...TEXTS, ...BINARIES, "in three parts"]);
  visitor.close(4001, "enough");
  const [[code], [atPage]] = await Promise.all([once(visitor, "close"), once(sockets[0], "close")]);
  assert.equal(code, 4001);
  assert.deepEqual([atPage.code, atPage.reason, atPage.wasClean], [4001, "enough", true]);
});

test("as a server: closes first, with a code and a reason", async (t) => {
  const { port, sockets } = await listen(t);
  const visitor = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  const closed = once(visitor, "close");
  await once(visitor, "open");
  visitor.send("is it accepted?");
  await once(visitor, "message");
  const atPage = once(sockets[0], "close");
  sockets[0].close(3333, "bye");
  const [code, reason] = await closed;
  assert.deepEqual([code, `${reason}`], [3333, "bye"]);
  const [event] = await atPage;
  assert.deepEqual([event.code, event.reason, event.wasClean], [3333, "bye", true]);
});

test("as a server: refuses what is too big with 1009, and that code arrives", async (t) => {
  const { port, sockets } = await listen(t, { maxMessage: 1000 });
  const visitor = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  const closed = once(visitor, "close");
  await once(visitor, "open");
  visitor.send(new Uint8Array(1000));
  await once(visitor, "message");
  const atPage = once(sockets[0], "close");
  visitor.send(new Uint8Array(1_000_000));
  const [code] = await closed;
  assert.equal(code, 1009);
  const [event] = await atPage;
  assert.deepEqual([event.code, event.wasClean], [1009, false]);
});

test("as a client: exchanges text and binary with the npm package ws, and closes cleanly", async (t) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => server.close());
  server.on("connection", (peer) => {
    peer.on("message", (data, binary) => peer.send(binary ? data : `${data}`));
    peer.ping();
  });
  await once(server, "listening");
  const socket = await connect(/** @type {net.AddressInfo} */ (server.address()).port);
  const received = collect(socket, TEXTS.length + BINARIES.length);
  for (const message of [...TEXTS, ...BINARIES]) socket.send(message);
  const [peer] = server.clients;
  await once(peer, "pong");
  assert.deepEqual(await received, [...TEXTS, ...BINARIES]);
  socket.close(3001, "done");
  const [[{ code, wasClean }], [atServer, reason]] = await Promise.all([once(socket, "close"), once(peer, "close")]);
  assert.deepEqual([code, wasClean, atServer, `${reason}`], [3001, true, 3001, "done"]);
});

/** Text as strings, binary as Buffers. @param {any} socket @param {number} count @returns {Promise<any[]>} */
function collect(socket, count) {
  socket.binaryType = "arraybuffer";
  return new Promise((resolve) => {
    const messages = [];
    socket.addEventListener("message", ({ data }) => {
      messages.push(typeof data === "string" ? data : Buffer.from(data));
      if (messages.length === count) resolve(messages);
    });
  });
}

/** What a gateway does: the HTTP part of the handshake. Every socket echoes. */
async function listen(t, init = {}) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  const sockets = Object.assign(/** @type {ListenerSocket[]} */ ([]), { server });
  server.on("connection", async (tcp) => {
    const head = await readHead(tcp);
    const [, key] = /sec-websocket-key: (.*)\r\n/i.exec(head);
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    tcp.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const socket = new ListenerSocket(byteStream(tcp), { url: "ws://127.0.0.1/", ...init });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    sockets.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { port: /** @type {net.AddressInfo} */ (server.address()).port, sockets };
}

/** @param {number} port */
async function connect(port) {
  const tcp = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  tcp.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`);
  assert.match(await readHead(tcp), /^HTTP\/1.1 101 /);
  const socket = new ListenerSocket(byteStream(tcp), { url: "ws://127.0.0.1/", client: true });
  await once(socket, "open");
  return socket;
}

/** @param {net.Socket} tcp */
async function readHead(tcp) {
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    const byte = tcp.read(1);
    if (byte) head += byte.toString("latin1");
    else await once(tcp, "readable");
  }
  return head;
}

/** Duplex.toWeb() would hide a FIN until the other direction has ended too. @param {net.Socket} tcp */
function byteStream(tcp) {
  return {
    readable: new ReadableStream({
      start(controller) {
        tcp.on("data", (chunk) => {
          controller.enqueue(chunk);
          if (controller.desiredSize <= 0) tcp.pause();
        });
        tcp.on("end", () => controller.close());
        tcp.on("error", (error) => controller.error(error));
      },
      pull: () => void tcp.resume(),
    }),
    writable: new WritableStream({
      write: (chunk) => new Promise((resolve, reject) => tcp.write(chunk, (error) => (error ? reject(error) : resolve()))),
      close: () => void tcp.end(),
    }),
    reset: () => void tcp.destroy(),
  };
}
