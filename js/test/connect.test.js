/** Pages that connect to pages, WebSocketStream, and reading piece by piece, through a gateway in memory. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { WebSocketServer } from "ws";
import { byteStream, configure, connect, PageListener, session, WebSocketError, WebSocketStream } from "../pageport/index.js";
import { ConnectNetwork } from "./connect-network.js";
import { streamsOf } from "../pageport/ws-stream.js";
import { next, until } from "./session-network.js";
import { CLOSE_TIMEOUT } from "../pageport/ws-numbers.js";
import { connection, frame, Visitor } from "./ws-wire.js";

let gateways = 0;
/** @type {(() => void)[]} */
const cleanup = [];
afterEach(() => cleanup.splice(0).forEach((end) => end()));

function begin() {
  const network = new ConnectNetwork();
  configure({ gateway: `http://gateway-connect-${++gateways}.test`, WebSocket: network.WebSocket });
  cleanup.push(() => session().close());
  return network;
}

/** @param {(peer: import("ws").WebSocket) => void} [serve] */
async function startServer(serve = (peer) => peer.on("message", (data, binary) => peer.send(data, { binary }))) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", serve);
  await once(server, "listening");
  cleanup.push(() => (server.close(), server.clients.forEach((peer) => peer.terminate())));
  return `ws://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`;
}

test("connect(): a page answers, bytes go both ways, each direction ends on its own", async () => {
  const network = begin();
  network.pages.shop = async (head, { readable, writable }) => {
    const writer = writable.getWriter();
    await writer.write(Buffer.from(`for ${head.url}: `));
    writer.releaseLock();
    await readable.pipeTo(writable);
  };
  const socket = connect(/** @type {any} */ ("Page:shop/cart?id=1"));
  const { readable, writable } = await socket.opened;
  assert.deepEqual(network.asked, [{ connect: "page:shop", url: "/cart?id=1" }]);
  const writer = writable.getWriter();
  await writer.write(Buffer.from("two apples"));
  await writer.close();
  assert.equal(await new Response(readable).text(), "for /cart?id=1: two apples");
  await socket.closed;
});

test("connect(): who is not there, or refuses, is an error with its code; a signal gives up", async () => {
  begin();
  for (const promise of [connect("page:nobody").opened, connect("page:nobody").closed]) await assert.rejects(promise, { code: "ERR_LISTENER_UNKNOWN" });
  for (const target of ["no target", "ws://127.0.0.1/", "page:shop#part"]) await assert.rejects(connect(target).opened, { code: "ERR_INVALID_ARGUMENT" }, target);
  await assert.rejects(connect("page:nobody", { signal: AbortSignal.abort() }).opened, { name: "AbortError" });
});

test("a signal gives up at once, also while no gateway answers", { timeout: 5000 }, async () => {
  const network = begin();
  network.isUp = false;
  for (const isEarly of [true, false]) {
    const life = new AbortController();
    const { signal } = life;
    if (isEarly) life.abort("enough");
    const socket = connect("page:shop", { signal });
    const stream = new WebSocketStream("ws://127.0.0.1:1/", { signal });
    life.abort("enough");
    for (const promise of [socket.opened, socket.closed, socket.close()]) await assert.rejects(promise, (error) => error === "enough");
    for (const promise of [stream.opened, stream.closed]) await assert.rejects(promise, { name: "AbortError" });
  }
});

test("connect(): a signal gives up while the other page has not answered", async () => {
  const network = begin();
  network.onstream = () => {};
  const life = new AbortController();
  const socket = connect("page:shop", { signal: life.signal });
  await until(() => network.core.streams.size);
  life.abort("enough");
  await assert.rejects(socket.opened, (error) => error === "enough");
});

test("PageListener: pages come as events and to an iterator, and may be refused", async () => {
  const network = begin();
  const listener = new PageListener();
  assert.equal(listener.readyState, PageListener.OPENING);
  await next(listener, "listening");
  const visit = () => network.visit({ kind: "page", url: "page:name1/a?b", headers: [["origin", "https://app.test"]], method: undefined });
  listener.onconnecting = (event) => event.request.url.endsWith("b") || event.reject(404, "no such page");
  const connections = listener[Symbol.asyncIterator]();
  const coming = connections.next();
  const visitor = visit();
  assert.deepEqual(await visitor.reply(), { ok: true });
  const { stream, request } = (await coming).value;
  assert.deepEqual([request.url, request.origin, request.peer], ["page:name1/a?b", "https://app.test", "p1"]);
  await visitor.write(Buffer.from("hello"));
  const io = await byteStream(stream);
  assert.equal(Buffer.from(await io.read()).toString(), "hello");
  await io.write("welcome");
  assert.equal(Buffer.from(await visitor.read()).toString(), "welcome");
  io.release();
  visitor.end();
  await stream.close();
  const refused = network.visit({ kind: "page", url: "page:name1/other", headers: [], method: undefined });
  assert.deepEqual(await refused.reply(), { error: "ERR_REJECTED", status: 404, message: "no such page" });
  listener.close();
  assert.equal((await connections.next()).done, true);
});

test("PageListener: whom nobody takes from the iterator is let go with it", async () => {
  const network = begin();
  const listener = new PageListener();
  await next(listener, "listening");
  const connections = listener[Symbol.asyncIterator]();
  const coming = connections.next();
  const visit = () => network.visit({ kind: "page", url: "page:name1/", headers: [], method: undefined });
  const [, second] = [visit(), visit()];
  const { value } = await coming;
  await second.reply();
  await connections.return?.(undefined);
  await until(() => second.stream.failed >= 0);
  value.stream.reset();
});

test("byteStream(): read(n), readExactly(n) and write(), in the order of the calls", async () => {
  const chunks = ["ab", "cdef", "g", "hijklm"].map((text) => Buffer.from(text));
  const written = [];
  const io = await byteStream({ readable: ReadableStream.from(chunks), writable: new WritableStream({ write: (chunk) => void written.push(Buffer.from(chunk).toString()) }) });
  const pieces = [io.readExactly(3), io.read(2), io.read(9), io.readExactly(5), io.readExactly(0), io.read()];
  assert.deepEqual((await Promise.all(pieces)).map((piece) => Buffer.from(piece).toString()), ["abc", "de", "f", "ghijk", "", "lm"]);
  assert.equal((await io.read(1)).length, 0);
  await assert.rejects(io.readExactly(1), { code: "ERR_STREAM_ENDED" });
  for (const n of [-1, 0.5, 1.5, NaN]) await assert.rejects(io.readExactly(n), RangeError, `${n}`);
  await assert.rejects(io.read(1.5), RangeError);
  await Promise.all([io.write("grün"), io.write(Uint8Array.of(33))]);
  assert.deepEqual(written, ["grün", "!"]);
});

test("byteStream(): what came before a premature end can still be read", async () => {
  const io = await byteStream({ readable: ReadableStream.from([Buffer.from("abc")]), writable: new WritableStream() });
  await assert.rejects(io.readExactly(4), { code: "ERR_STREAM_ENDED" });
  assert.equal(Buffer.from(await io.read()).toString(), "abc");
});

test("WebSocketStream: opened, text and bytes both ways, closed with code and reason", async () => {
  begin();
  const url = await startServer();
  const socket = new WebSocketStream(url);
  assert.equal(socket.url, url);
  const { readable, writable, protocol, extensions } = await socket.opened;
  assert.deepEqual([protocol, extensions], ["", ""]);
  const reader = readable.getReader();
  const writer = writable.getWriter();
  await writer.write("grüße");
  assert.equal((await reader.read()).value, "grüße");
  await writer.write(Uint8Array.of(1, 2));
  assert.deepEqual([...new Uint8Array(/** @type {ArrayBuffer} */ ((await reader.read()).value))], [1, 2]);
  socket.close({ closeCode: 3000, reason: "done" });
  assert.deepEqual(await socket.closed, { closeCode: 3000, reason: "done" });
  assert.deepEqual(await reader.read(), { done: true, value: undefined });
  await assert.rejects(writer.write("late"), { name: "InvalidStateError" });
});

test("WebSocketStream: what the server does shows in closed and in both streams", async () => {
  begin();
  const cases = /** @type {[(peer: any) => void, any][]} */ ([
    [(peer) => peer.close(3001, "bye"), { closeCode: 3001, reason: "bye" }],
    [(peer) => peer.terminate(), 1006],
    [(peer) => peer._socket.write(Buffer.from("f100", "hex")), 1006],
  ]);
  for (const [serve, expected] of cases) {
    const socket = new WebSocketStream(await startServer((peer) => peer.on("message", () => serve(peer))));
    const { readable, writable } = await socket.opened;
    await writable.getWriter().write("go");
    if (typeof expected === "object") {
      assert.deepEqual(await socket.closed, expected);
      assert.equal((await readable.getReader().read()).done, true);
    } else {
      await assert.rejects(socket.closed, { name: "WebSocketError", closeCode: expected });
      await assert.rejects(readable.getReader().read(), { name: "WebSocketError" });
    }
  }
});

/** @param {Error} error */
async function* failing(error) {
  yield "one";
  throw error;
}

test("WebSocketStream: a stream that is aborted or cancelled with an error says its code", async () => {
  begin();
  const url = await startServer();
  const ends = /** @type {[(streams: any) => unknown, object][]} */ ([
    [({ writable }) => writable.getWriter().abort(new WebSocketError("no", { closeCode: 3005, reason: "why" })), { closeCode: 3005, reason: "why" }],
    [({ writable }) => writable.getWriter().abort("plain"), { closeCode: 1005, reason: "" }],
    // What the streams of a connection that was lost are piped with.
    ...[1006, 1005, 1015, 1001].map((closeCode) => [
      (/** @type {any} */ { writable }) => ReadableStream.from(failing(Object.assign(new WebSocketError("lost"), { closeCode, reason: "gone" }))).pipeTo(writable).catch(() => {}),
      { closeCode: 1005, reason: "" },
    ]),
    [({ readable }) => readable.cancel(new WebSocketError("no", { closeCode: 3006 })), { closeCode: 3006, reason: "" }],
    [({ writable }) => writable.getWriter().close(), { closeCode: 1005, reason: "" }],
  ]);
  for (const [end, expected] of ends) {
    const socket = new WebSocketStream(url);
    end(await socket.opened);
    assert.deepEqual(await socket.closed, expected);
  }
});

test("WebSocketStream: abort() closes behind a write that nobody takes, and resets when that does not help", async (t) => {
  const wire = connection();
  const timers = t.mock.method(globalThis, "setTimeout");
  const { opened, closed } = streamsOf(wire.near, "", {});
  const { writable } = await opened;
  const writer = writable.getWriter();
  writer.write(new Uint8Array(200_000)).catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  const aborting = writer.abort(new WebSocketError("no", { closeCode: 3005 }));
  await new Promise((resolve) => setImmediate(resolve));
  const [watch] = timers.mock.calls.map(({ arguments: [patience, ms] }) => ({ patience, ms })).filter(({ ms }) => ms === CLOSE_TIMEOUT);
  assert.ok(watch, "nothing ends it");
  watch.patience();
  await aborting;
  await assert.rejects(closed, { name: "WebSocketError", closeCode: 1006 });
  assert.ok(wire.resets);
});

test("WebSocketStream: closed between the handshake and `opened`: both come about", { timeout: 5000 }, async (t) => {
  begin();
  const { setImmediate } = globalThis;
  let closed = 0;
  t.mock.method(globalThis, "setImmediate", (/** @type {() => void} */ task) => {
    // The task in which the connection is going to open.
    if (/ws-connection/.test(`${new Error().stack}`) && !closed++) socket.close({ closeCode: 3000 });
    return setImmediate(task);
  });
  const socket = new WebSocketStream(await startServer());
  await socket.opened;
  assert.deepEqual(await socket.closed, { closeCode: 3000, reason: "" });
  assert.ok(closed);
});

test("WebSocketStream: not opened, closed early, aborted, and arguments that cannot be", async () => {
  begin();
  const url = await startServer();
  const refused = new WebSocketStream("ws://127.0.0.1:1/");
  await assert.rejects(refused.opened, { name: "WebSocketError", closeCode: null });
  await assert.rejects(refused.closed, { name: "WebSocketError", closeCode: 1006 });
  const early = new WebSocketStream(url);
  early.close();
  await assert.rejects(early.opened, { name: "WebSocketError" });
  const aborted = new WebSocketStream(url, { signal: AbortSignal.abort() });
  await assert.rejects(aborted.opened, { name: "AbortError" });
  await assert.rejects(aborted.closed, { name: "AbortError" });
  for (const [target, options] of /** @type {[string, any?][]} */ ([["ws://x/#a"], ["ws://x/", { protocols: ["a", "a"] }]])) {
    assert.throws(() => new WebSocketStream(target, options), { name: "SyntaxError" });
  }
  assert.throws(() => early.close({ closeCode: 1001 }), { name: "InvalidAccessError" });
  assert.throws(() => early.close({ reason: "x".repeat(124) }), { name: "SyntaxError" });
});

test("WebSocketStream: a reader that waits holds the server back", async () => {
  const wire = connection();
  const { readable } = await streamsOf(wire.near, "", {}).opened;
  const server = new Visitor(wire.far);
  let taken = 0;
  const sent = Array.from({ length: 20 }, (_, i) => server.send(frame(1, `${i}`, { key: null })).then(() => taken++));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(taken <= 3, `${taken} were taken`);
  const reader = readable.getReader();
  for (let i = 0; i < 20; i++) assert.equal((await reader.read()).value, `${i}`);
  await Promise.all(sent);
});
