/** The drop-in `WebSocket`, against the npm package ws, through a gateway in memory. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { WebSocketServer } from "ws";
import { configure, install, session, uninstall, WebSocket } from "../pageport/index.js";
import { SocketInterface } from "../pageport/ws-interface.js";
import { connect } from "../pageport/ws-socket.js";
import { ConnectNetwork } from "./connect-network.js";
import { connection, frame } from "./ws-wire.js";

let gateways = 0;
/** @type {(() => void)[]} */
const cleanup = [];
afterEach(() => cleanup.splice(0).forEach((end) => end()));

/** @param {import("ws").ServerOptions} [options] */
async function start(options) {
  const network = new ConnectNetwork();
  const gateway = `http://gateway-ws-${++gateways}.test`;
  configure({ gateway, WebSocket: network.WebSocket });
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, ...options });
  await once(server, "listening");
  cleanup.push(() => (session().close(), server.close(), server.clients.forEach((peer) => peer.terminate())));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { network, server, url: `ws://127.0.0.1:${port}/chat?a=1` };
}

/** What a socket fires, in order. @param {WebSocket} socket */
function logOf(socket) {
  /** @type {any[]} */
  const log = [];
  socket.onopen = () => log.push("open");
  socket.onmessage = ({ data }) => log.push(data);
  socket.onerror = () => log.push("error");
  socket.onclose = ({ code, reason, wasClean }) => log.push({ code, reason, wasClean });
  return log;
}

test("connects, talks both ways and closes cleanly", async () => {
  const { server, network, url } = await start({ handleProtocols: (offer) => [...offer][1] });
  server.on("connection", (peer) => peer.on("message", (data, binary) => peer.send(binary ? data : `${data}`)));
  const socket = new WebSocket(url, ["a", "b"]);
  const log = logOf(socket);
  assert.deepEqual([socket.readyState, socket.url, socket.protocol, socket.bufferedAmount], [0, url, "", 0]);
  assert.throws(() => socket.send("x"), { name: "InvalidStateError" });
  await once(socket, "open");
  assert.deepEqual([socket.readyState, socket.protocol], [1, "b"]);
  assert.deepEqual(network.asked, [{ connect: url, protocols: ["a", "b"] }]);
  socket.binaryType = "arraybuffer";
  socket.send("grüße");
  socket.send(new Uint8Array([1, 2, 3]).subarray(1));
  assert.equal(socket.bufferedAmount, 9);
  await once(socket, "message");
  const [{ data }] = await once(socket, "message");
  assert.deepEqual([...new Uint8Array(data)], [2, 3]);
  socket.close(3000, "done");
  await once(socket, "close");
  assert.deepEqual(log.at(-1), { code: 3000, reason: "done", wasClean: true });
  assert.deepEqual([socket.bufferedAmount, socket.readyState], [0, 3]);
});

test("constructor: URLs and protocols of the standard", async () => {
  const { network } = await start();
  for (const [url, protocols] of /** @type {[any, any?][]} */ ([
    ["ftp://x/"], ["ws://x/#f"], ["ws://x/#"], ["not a url"], ["ws://a b/"], ["page:x#f"],
    ["ws://x/", ""], ["ws://x/", ["a", "a"]], ["ws://x/", "a b"], ["ws://x/", [""]], ["ws://x/", "ü"], ["ws://x/", {}],
  ])) {
    assert.throws(() => new WebSocket(url, protocols), { name: "SyntaxError" }, `${url} ${protocols}`);
  }
  assert.throws(() => new /** @type {any} */ (WebSocket)(), TypeError);
  assert.throws(() => new WebSocket("ws://x/", [/** @type {any} */ (Symbol())]), TypeError);
  for (const [url, seen] of [["HTTP://X:80/a", "ws://x/a"], ["https://x", "wss://x/"], ["page:name/a?b", "page:name/a?b"]]) {
    const socket = new WebSocket(url);
    assert.equal(socket.url, seen);
    socket.close();
    await once(socket, "close");
  }
  assert.deepEqual(network.asked, []);
});

test("closed before it is open: CLOSING at once, then error and 1006", async () => {
  const { url } = await start();
  const socket = new WebSocket(url);
  const log = logOf(socket);
  socket.close(1000, "changed my mind");
  assert.equal(socket.readyState, 2);
  socket.send("four");
  assert.equal(socket.bufferedAmount, 4);
  await once(socket, "close");
  assert.deepEqual(log, ["error", { code: 1006, reason: "", wasClean: false }]);
});

test("closed between the handshake and `open`: CLOSING at once, then error and 1006, and the server hears of it", async () => {
  const wire = connection();
  const socket = new (class extends SocketInterface {})("ws://a.test/");
  connect(socket, wire.near, { client: true });
  const log = logOf(/** @type {any} */ (socket));
  socket.close(1000, "changed my mind");
  assert.deepEqual([socket.readyState, log], [2, []]);
  await once(socket, "close");
  assert.deepEqual(log, ["error", { code: 1006, reason: "", wasClean: false }]);
  assert.ok(wire.resets);
});

test("what was sent has left when the answer to it is the end", async () => {
  for (const [answer, ...end] of /** @type {[(to: ReadableStreamDefaultController) => void, ...any[]][]} */ ([
    [(to) => to.enqueue(frame(3, "x", { key: null })), "error", 0, "close", 0],
    [(to) => to.error(new Error("reset")), "error", 0, "close", 0],
    [(to) => to.close(), "close", 0],
  ])) {
    /** @type {any} */
    let controller;
    const readable = new ReadableStream({ start: (its) => void (controller = its) });
    // In the same task, but behind the write.
    const later = async () => {
      for (let i = 0; i < 20; i++) await null;
      answer(controller);
    };
    let asked = 0;
    const writable = new WritableStream({ write: () => void (asked++ || later()) });
    const socket = new SocketInterface("ws://server.test/");
    const log = /** @type {any[]} */ ([]);
    for (const type of ["open", "error", "close"]) socket.addEventListener(type, () => log.push(type, socket.bufferedAmount));
    connect(socket, { readable, writable, reset() {} }, { client: true });
    await once(socket, "open");
    socket.send("go");
    await once(socket, "close");
    assert.deepEqual(log, ["open", 0, ...end]);
  }
});

test("a server that refuses, is not there or chooses what was not offered: error and 1006", async () => {
  const { url } = await start({ verifyClient: () => false });
  const odd = await start({ handleProtocols: () => "other" });
  for (const [target, protocols] of /** @type {[string, any?][]} */ ([[url], [odd.url, "mine"], [odd.url, ["x", "y"]], ["ws://127.0.0.1:1/"]])) {
    const socket = new WebSocket(target, protocols);
    const log = logOf(socket);
    await once(socket, "close");
    assert.deepEqual(log, ["error", { code: 1006, reason: "", wasClean: false }]);
    assert.equal(socket.protocol, "");
  }
});

test("messages that came together have a task each, and what promises do comes between them", async () => {
  const { server, url } = await start();
  server.on("connection", (peer) => (peer.send("1"), peer.send("2"), peer.close(3001)));
  const socket = new WebSocket(url);
  const log = logOf(socket);
  socket.addEventListener("message", async ({ data }) => {
    for (let i = 0; i < 5; i++) await null;
    log.push(`after ${data}`);
  });
  await once(socket, "close");
  assert.deepEqual(log, ["open", "1", "after 1", "2", "after 2", { code: 3001, reason: "", wasClean: true }]);
});

test("a page as the server: by its name, with path and subprotocols", async () => {
  const { network } = await start();
  network.pages.name = () => {};
  const socket = new WebSocket("page:name/chat?x=1");
  await once(socket, "open");
  assert.deepEqual(network.asked, [{ connect: "page:name", url: "/chat?x=1", kind: "websocket", protocols: [] }]);
  socket.close();
});

test("install() makes it the global one, carriers keep the platform's, and there is a way back", async () => {
  const { url } = await start();
  const before = globalThis.WebSocket;
  const native = (globalThis.WebSocket = /** @type {any} */ (class Native {}));
  try {
    assert.equal(install(), native);
    assert.equal(globalThis.WebSocket, WebSocket);
    assert.equal(install(), native);
    const socket = new globalThis.WebSocket(url);
    await once(socket, "open");
    socket.close();
    uninstall();
    assert.equal(globalThis.WebSocket, native);
  } finally {
    globalThis.WebSocket = before;
  }
});
