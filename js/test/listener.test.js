/** A page that listens, against a gateway in memory: visitors come as heads, and speak RFC 6455 by hand. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { configure, session, WebSocketListener } from "../pageport/index.js";
import * as wire from "../pageport/wire.js";
import { Network, next, until, Visitor } from "./session-network.js";
import { frame, unframe } from "./ws-wire.js";

let gateways = 0;
/** @type {string[]} */
const used = [];

/** A listener that listens. @param {Network} network @param {object} [init] */
async function listen(network, init) {
  const listener = begin(network, init);
  await next(listener, "listening");
  return listener;
}

/** @param {Network} network @param {object} [init] */
function begin(network, init) {
  configure({ WebSocket: network.WebSocket });
  const gateway = `http://listener-${++gateways}.test`;
  used.push(gateway);
  return new WebSocketListener({ gateway, ...init });
}

afterEach(() => used.splice(0).forEach((gateway) => session({ gateway }).close()));

test("it opens, listens, and says where", async () => {
  const network = new Network();
  const listener = begin(network);
  assert.equal(listener.readyState, WebSocketListener.OPENING);
  assert.equal(listener.url, "");
  await next(listener, "listening");
  assert.equal(listener.readyState, listener.LISTENING);
  assert.equal(listener.url, "ws://name1.gw.test/");
  assert.equal(listener.pathUrl, "ws://gw.test/@name1/");
  assert.deepEqual([WebSocketListener.OPENING, WebSocketListener.LISTENING, WebSocketListener.CLOSED], [0, 1, 2]);
});

test("a visitor is accepted, speaks and is heard", async () => {
  const network = new Network();
  const listener = await listen(network);
  /** @type {any} */
  let connected;
  listener.onconnection = (event) => {
    connected = event;
    event.socket.onmessage = ({ data }) => event.socket.send(`you said ${data}`);
  };
  const visitor = network.visit({ headers: [["origin", "https://app.test"], ["x-a", "1"], ["x-a", "2"]] });
  assert.deepEqual(await visitor.reply(), { ok: true, status: 101, headers: [] });
  await visitor.write(frame(1, "hello"));
  const [{ opcode, text }] = unframe(await visitor.read());
  assert.deepEqual([opcode, text], [1, "you said hello"]);
  const { request, socket } = connected;
  assert.deepEqual([request.url, request.method, request.origin, request.peer], ["ws://name.gw.test/chat?a=1", "GET", "https://app.test", "p1"]);
  assert.equal(request.headers.get("x-a"), "1, 2");
  assert.equal(socket.url, "ws://name.gw.test/chat?a=1");
  assert.equal(socket.protocol, "");
});

test("the close of a visitor closes the stream on both sides, and nothing is left", async () => {
  const network = new Network();
  const listener = await listen(network);
  const connection = next(listener, "connection");
  const visitor = network.visit();
  await visitor.reply();
  const { socket } = await connection;
  const closed = next(socket, "close");
  await visitor.write(frame(8, [0x03, 0xe8]));
  assert.equal(unframe(await visitor.read())[0].opcode, 8);
  assert.equal(await visitor.read(), undefined);
  visitor.end();
  const { code, wasClean } = await closed;
  assert.deepEqual([code, wasClean], [1000, true]);
  const { core } = session({ gateway: used[0] });
  await until(() => core.streams.size === 1 && network.core.streams.size === 1);
});

test("the first subprotocol offered that the listener named is chosen", async () => {
  const network = new Network();
  await listen(network, { protocols: ["chat", "echo"] });
  const offer = (/** @type {string} */ value) => network.visit({ headers: [["sec-websocket-protocol", value]] }).reply();
  assert.deepEqual((await offer("news, echo, chat")).headers, [["sec-websocket-protocol", "echo"]]);
  assert.deepEqual((await offer("news")).headers, []);
});

test("connecting may choose, and may not choose what nobody offered", async () => {
  const network = new Network();
  const listener = await listen(network, { protocol: "chat" });
  /** @type {any[]} */
  const errors = [];
  listener.onconnecting = (event) => {
    try {
      event.accept({ protocol: "never offered" });
    } catch (error) {
      errors.push(error.code);
    }
    event.accept({ protocol: "b" });
    for (const again of [() => event.accept(), () => event.reject()]) {
      try {
        again();
      } catch (error) {
        errors.push(error.code);
      }
    }
  };
  const { headers } = await network.visit({ headers: [["sec-websocket-protocol", "a,b"]] }).reply();
  assert.deepEqual(headers, [["sec-websocket-protocol", "b"]]);
  assert.deepEqual(errors, ["ERR_INVALID_ARGUMENT", "ERR_INVALID_STATE", "ERR_INVALID_STATE"]);
});

test("a visitor is refused with a status and a reason", async () => {
  const network = new Network();
  const listener = await listen(network);
  listener.onconnection = () => assert.fail("it was refused");
  listener.onconnecting = ({ request, reject }) => {
    assert.throws(() => reject(399), { code: "ERR_INVALID_ARGUMENT" });
    assert.throws(() => reject(600), { code: "ERR_INVALID_ARGUMENT" });
    if (request.url.endsWith("plain")) reject();
    else if (request.url.endsWith("steers")) reject(403, "\u001b[2Jgone\u0085\n");
    else reject(429, "😀".repeat(600));
  };
  const visitor = network.visit();
  assert.deepEqual(await visitor.reply(), { error: "ERR_REJECTED", status: 429, message: "😀".repeat(512) });
  assert.equal(await visitor.read(), undefined);
  await until(() => visitor.stream.reset === 69);
  assert.deepEqual(await network.visit({ url: "ws://a/plain" }).reply(), { error: "ERR_REJECTED", status: 403, message: "" });
  assert.equal((await network.visit({ url: "ws://a/steers" }).reply()).message, " [2Jgone  ", "no control characters leave");
});

test("preventDefault leaves the answer for later", async () => {
  const network = new Network();
  const listener = await listen(network);
  /** @type {any} */
  let event;
  listener.onconnecting = (it) => {
    event = it;
    event.preventDefault();
  };
  const visitor = network.visit();
  await until(() => event);
  await network.roundTrip();
  assert.equal(visitor.stream.head, undefined);
  event.accept();
  assert.equal((await visitor.reply()).status, 101);
});

test("an answer to a visitor who has left does nothing", async () => {
  const network = new Network();
  const listener = await listen(network);
  listener.onconnection = () => assert.fail("nobody is there");
  /** @type {any} */
  let event;
  listener.onconnecting = (it) => (event = it).preventDefault();
  const visitor = network.visit();
  await until(() => event);
  network.say([wire.RESET, visitor.stream.id, 70, visitor.stream.out.end], [wire.STOP, visitor.stream.id, 70]);
  const { core } = session({ gateway: used[0] });
  await until(() => core.streams.get(visitor.stream.id)?.reset === 70 || !core.streams.has(visitor.stream.id));
  event.accept();
  await network.roundTrip();
});

test("connections can be pulled", async () => {
  const network = new Network();
  const listener = await listen(network);
  const peers = [];
  setTimeout(() => ["a", "b", "c"].map((peer) => network.visit({ peer })));
  for await (const { socket, request } of listener) {
    peers.push(request.peer);
    socket.close();
    if (peers.length === 3) listener.close();
  }
  assert.deepEqual(peers, ["a", "b", "c"]);
});

test("who pulls too slowly keeps 256 waiting, the next gets 503", async () => {
  const network = new Network();
  const listener = await listen(network);
  const iterator = listener[Symbol.asyncIterator]();
  const first = iterator.next();
  const visitors = Array.from({ length: 300 }, () => network.visit());
  const replies = await Promise.all(visitors.map((visitor) => visitor.reply()));
  await first;
  assert.equal(replies.filter(({ ok }) => ok).length, 257);
  assert.equal(replies.filter(({ status }) => status === 503).length, 43);
  // Whoever stops pulling serves nobody: those who still wait are sent away.
  await iterator.return?.(undefined);
  const last = visitors[256];
  assert.equal(unframe(await last.read())[0].opcode, 8);
  assert.equal((await network.visit().reply()).status, 101);
});

test("close ends the listener, and leaves those who are connected alone", async () => {
  const network = new Network();
  const listener = await listen(network);
  listener.onconnection = ({ socket }) => (socket.onmessage = () => socket.send("still here"));
  const visitor = network.visit();
  await visitor.reply();
  const closed = next(listener, "close");
  listener.close();
  listener.close();
  await closed;
  assert.equal(listener.readyState, WebSocketListener.CLOSED);
  await visitor.write(frame(1, "?"));
  assert.equal(unframe(await visitor.read())[0].text, "still here");
  assert.equal((await network.visit().reply()).error, "ERR_LISTENER_UNKNOWN");
  await until(() => network.core.streams.get(1)?.final < Infinity || !network.core.streams.has(1));
});

test("a signal closes it, also one that was aborted before", async () => {
  const controller = new AbortController();
  const listener = await listen(new Network(), { signal: controller.signal });
  const closed = next(listener, "close");
  controller.abort();
  await closed;
  assert.equal(begin(new Network(), { signal: controller.signal }).readyState, WebSocketListener.CLOSED);
});

test("after a lost session it says why, and listens again under a new name", async () => {
  const network = new Network();
  const listener = await listen(network);
  /** @type {string[]} */
  const codes = [];
  listener.onerror = ({ error }) => codes.push(error.code);
  network.names = 5;
  network.restart();
  await next(listener, "error");
  assert.equal(listener.readyState, WebSocketListener.OPENING);
  await next(listener, "listening");
  assert.deepEqual(codes, ["ERR_SESSION_LOST"]);
  assert.equal(listener.url, "ws://name6.gw.test/");
  assert.equal((await network.visit().reply()).status, 101);
  assert.equal((await network.visit({ listener: "name1" }).reply()).error, "ERR_LISTENER_UNKNOWN");
});

test("a carrier that is lost does not disturb it", async () => {
  const network = new Network();
  const listener = await listen(network);
  listener.onerror = listener.onlistening = () => assert.fail("nothing has happened");
  network.cut();
  const visitor = network.visit();
  assert.equal((await visitor.reply()).status, 101);
  assert.equal(listener.readyState, WebSocketListener.LISTENING);
});

test("a gateway that cannot be reached is an error, and is tried again", async () => {
  const network = new Network();
  network.isUp = false;
  const listener = begin(network);
  const { error } = await next(listener, "error");
  assert.equal(error.code, "ERR_GATEWAY_UNREACHABLE");
  assert.equal(listener.readyState, WebSocketListener.OPENING);
  network.isUp = true;
  await next(listener, "listening");
});

test("a refused listener fails with the reason, and closes", async () => {
  const network = new Network();
  network.onstream = (stream) => {
    const visitor = new Visitor(network, stream);
    visitor.answer({ error: "ERR_LISTENER_LIMIT", message: "enough" });
  };
  const listener = begin(network);
  const { error } = await next(listener, "error");
  assert.deepEqual([error.code, error.message], ["ERR_LISTENER_LIMIT", "enough"]);
  assert.equal(listener.readyState, WebSocketListener.CLOSED);
});

test("where the whole session is refused, the listener closes and nothing is left that nobody hears", async () => {
  const network = new Network();
  network.core.take = () => {};
  const listener = begin(network);
  /** @type {unknown[]} */
  const unheard = [];
  const note = (/** @type {unknown} */ reason) => unheard.push(reason);
  process.on("unhandledRejection", note);
  await until(() => network.count(wire.HELLO));
  network.say([wire.CLOSE, 100, ""]);
  const { error } = await next(listener, "error");
  assert.equal(error.code, "ERR_CREDENTIAL_INVALID");
  assert.equal(listener.readyState, WebSocketListener.CLOSED);
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  assert.deepEqual(unheard, []);
});

test("whoever closes the session on hearing of a loss is neither connected again nor refused", async (t) => {
  t.mock.method(globalThis, "fetch", async () => Response.json({ version: 1, carriers: [], refusal: "ERR_ORIGIN_FORBIDDEN" }));
  const network = new Network();
  network.isUp = false;
  const listener = begin(network);
  const one = session({ gateway: /** @type {string} */ (used.at(-1)) });
  listener.onerror = () => one.close();
  assert.equal(await one.closed, undefined);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(network.sockets.length, 1);
  assert.equal(listener.readyState, WebSocketListener.CLOSED);
});

test("a listener that the gateway ends is closed, with the reason if there is one", async () => {
  const network = new Network();
  const listener = await listen(network);
  network.say([wire.RESET, 1, 71, network.core.streams.get(1)?.out.end]);
  const { error } = await next(listener, "error");
  assert.equal(error.code, "ERR_LISTENER_LIMIT");
  assert.equal(listener.readyState, WebSocketListener.CLOSED);
});

test("heads that break the format cost their stream only", async () => {
  const network = new Network();
  await listen(network);
  for (const [head, code] of /** @type {const} */ ([
    [{ kind: 7 }, 66],
    [{ listener: undefined }, 66],
    [{ headers: [["Upper", "x"]] }, 66],
    [{ headers: [["a", "b\u0001"]] }, 66],
    [{ headers: [["a", " b"]] }, 66],
    [{ headers: "a: b" }, 66],
  ])) {
    const visitor = network.visit(head);
    assert.deepEqual(await visitor.reply(), { failed: code }, JSON.stringify(head));
    await until(() => visitor.stream.reset === code);
  }
  assert.equal((await network.visit({ kind: "carrier-pigeon" }).reply()).error, "ERR_UNSUPPORTED");
  assert.equal((await network.visit({ listener: "nobody" }).reply()).error, "ERR_LISTENER_UNKNOWN");
  for (const kind of ["http", "tcp"]) assert.equal((await network.visit({ kind }).reply()).error, "ERR_LISTENER_UNKNOWN");
  assert.equal((await network.visit().reply()).status, 101);
});

test("two listeners share a session and get their own visitors", async () => {
  const network = new Network();
  const one = await listen(network);
  const two = new WebSocketListener({ gateway: used[0] });
  await next(two, "listening");
  assert.equal(network.sockets.length, 1);
  const [first, second] = [next(one, "connection"), next(two, "connection")];
  network.visit({ listener: "name2", peer: "for two" });
  assert.equal((await second).request.peer, "for two");
  network.visit({ listener: "name1", peer: "for one" });
  assert.equal((await first).request.peer, "for one");
});

test("the session's close closes it without an error", async () => {
  const listener = await listen(new Network());
  listener.onerror = () => assert.fail("nobody did anything wrong");
  const closed = next(listener, "close");
  session({ gateway: used[0] }).close();
  await closed;
  assert.equal(listener.readyState, WebSocketListener.CLOSED);
});
