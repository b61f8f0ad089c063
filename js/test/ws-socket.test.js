import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { CLOSE_TIMEOUT, MAX_PONGS, WRITE_SIZE } from "../pageport/ws-numbers.js";
import { ListenerSocket } from "../pageport/ws-socket.js";
import { bytes, closePayload, connection, frame, Visitor } from "./ws-wire.js";

const URL = "wss://name.gw.example/chat";

/** @type {(() => void)[]} */
const cleanup = [];
afterEach(() => cleanup.splice(0).forEach((reset) => reset()));

/** A socket, the visitor at its other end, and what the socket has fired so far. */
function open(init = {}) {
  const wire = connection();
  cleanup.push(wire.near.reset);
  const socket = new ListenerSocket(wire.near, { url: URL, ...init });
  socket.binaryType = "arraybuffer";
  const log = [];
  socket.onopen = () => log.push("open");
  socket.onmessage = ({ data }) => log.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
  socket.onerror = () => log.push("error");
  socket.onclose = ({ code, reason, wasClean }) => log.push({ code, reason, wasClean });
  return { socket, log, wire, visitor: new Visitor(wire.far), closed: once(socket, "close") };
}

/** Until all that can happen without a timer or the network has happened. */
const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test("it has the WebSocket interface", async () => {
  const { socket } = open({ protocol: "chat.v1" });
  assert.deepEqual(
    [socket.url, socket.protocol, socket.extensions, socket.readyState, socket.bufferedAmount, socket.binaryType],
    [URL, "chat.v1", "", 1, 0, "arraybuffer"],
  );
  assert.equal(new ListenerSocket(connection().near, { url: URL }).protocol, "");
  for (const of of [ListenerSocket, socket]) {
    assert.deepEqual([of.CONNECTING, of.OPEN, of.CLOSING, of.CLOSED], [0, 1, 2, 3]);
    assert.throws(() => (of.OPEN = 7), TypeError);
  }
  assert.ok(socket instanceof EventTarget);
  for (const name of ["url", "protocol", "extensions", "readyState", "bufferedAmount"]) {
    assert.throws(() => (socket[name] = "x"), TypeError, name);
  }
  socket.binaryType = "text";
  assert.equal(socket.binaryType, "arraybuffer", "unknown values are ignored");
});

test("on* attributes: a function or null, called with the socket as this, in the place where the first was set", async () => {
  const wire = connection();
  const socket = new ListenerSocket(wire.near, { url: URL });
  for (const name of ["onopen", "onmessage", "onerror", "onclose"]) {
    assert.equal(socket[name], null);
    socket[name] = 5;
    assert.equal(socket[name], null);
  }
  const calls = [];
  socket.onmessage = () => assert.fail("was replaced");
  socket.addEventListener("message", () => calls.push("listener"));
  const handler = function (event) {
    calls.push(this === socket && event.type);
  };
  socket.onmessage = handler;
  assert.equal(socket.onmessage, handler);
  const visitor = new Visitor(wire.far);
  await visitor.send(frame(1, "x"));
  await settled();
  socket.onmessage = null;
  await visitor.send(frame(1, "x"));
  await settled();
  assert.deepEqual(calls, ["message", "listener", "listener"]);
});

test("messages come as events with data and origin, binary as the chosen type", async () => {
  const { socket, visitor } = open();
  visitor.send(frame(1, "grüße"));
  let [event] = await once(socket, "message");
  assert.ok(event instanceof MessageEvent);
  assert.deepEqual([event.data, event.origin], ["grüße", "wss://name.gw.example"]);
  visitor.send(frame(2, [1, 2, 3]));
  [event] = await once(socket, "message");
  assert.ok(event.data instanceof ArrayBuffer);
  assert.deepEqual([...new Uint8Array(event.data)], [1, 2, 3]);
  socket.binaryType = "blob";
  visitor.send(frame(2, [4, 5]));
  [event] = await once(socket, "message");
  assert.ok(event.data instanceof Blob);
  assert.deepEqual([...new Uint8Array(await event.data.arrayBuffer())], [4, 5]);
  assert.equal(new ListenerSocket(connection().near, { url: URL }).binaryType, "blob");
});

test("handlers attached a few promises later miss nothing, and open comes before the first message", async () => {
  const wire = connection();
  const visitor = new Visitor(wire.far);
  visitor.send(frame(1, "early"));
  async function* listener() {
    yield new ListenerSocket(wire.near, { url: URL });
  }
  const log = [];
  for await (const socket of listener()) {
    socket.onmessage = ({ data }) => log.push(data);
    socket.onopen = () => log.push("open");
    socket.onerror = () => log.push("error");
    assert.deepEqual(log, []);
    await once(socket, "message");
  }
  assert.deepEqual(log, ["open", "early"]);
});

test("send takes strings, buffers, views and Blobs, and anything else as a string", async () => {
  const { socket, visitor } = open();
  const storage = bytes([0, 1, 2, 3, 4, 5, 6, 7]);
  /** @type {any[]} */
  const sent = ["tëxt", "", storage.buffer, storage.subarray(2, 5), new DataView(storage.buffer, 6)];
  sent.push(new Uint16Array(storage.buffer, 2, 1), new Blob(["blob"]), new Blob(), 42, null, undefined, "\ud800");
  for (const data of sent) socket.send(data);
  storage.fill(9);
  socket.close();
  visitor.send(frame(8));
  const { frames } = await visitor.rest();
  for (const { fin, rsv, key } of frames) assert.deepEqual([fin, rsv, key], [true, 0, null]);
  assert.deepEqual(
    frames.map(({ opcode, payload, text }) => [opcode, opcode === 1 ? text : [...payload]]),
    [
      [1, "tëxt"], [1, ""], [2, [0, 1, 2, 3, 4, 5, 6, 7]], [2, [2, 3, 4]], [2, [6, 7]], [2, [2, 3]],
      [2, [...bytes("blob")]], [2, []], [1, "42"], [1, "null"], [1, "undefined"], [1, "\ufffd"], [8, []],
    ],
  );
});

test("small messages of one turn make one write, and at most WRITE_SIZE", async () => {
  const { socket, visitor } = open();
  for (let i = 0; i < 100; i++) socket.send(`message ${i}`);
  assert.deepEqual((await visitor.frames()).map(({ text }) => text), Array.from({ length: 100 }, (_, i) => `message ${i}`));

  for (let i = 0; i < 10; i++) socket.send(new Uint8Array(20_000));
  socket.send(new Uint8Array(200_000));
  socket.send("tail");
  socket.close();
  visitor.send(frame(8));
  const { frames, writes } = await visitor.rest();
  assert.deepEqual(frames.map(({ payload }) => payload.length), [...Array(10).fill(20_000), 200_000, 4, 0]);
  assert.ok(Math.max(...writes) <= WRITE_SIZE, `${writes}`);
  assert.ok(writes.length <= 9, `${writes}`);
});

test("bufferedAmount counts payload, up with send, down with each write, on after the end, never back to zero", async () => {
  const { socket, visitor, closed } = open();
  socket.send("grün");
  assert.equal(socket.bufferedAmount, 5);
  socket.send(new Uint8Array(3));
  socket.send(new Blob(["12"]));
  assert.equal(socket.bufferedAmount, 10);
  await settled();
  assert.equal(socket.bufferedAmount, 10, "nobody has read it yet");
  await visitor.frames();
  await settled();
  assert.equal(socket.bufferedAmount, 0);

  visitor.send(frame(9, "control frames do not count"));
  await settled();
  assert.equal(socket.bufferedAmount, 0);
  await visitor.frames();

  const size = 10 * WRITE_SIZE;
  socket.send(new Uint8Array(size));
  let least = size;
  for (let got = 0; got < size; ) {
    got += (await visitor.reader.read()).value.length;
    await settled();
    assert.ok(socket.bufferedAmount <= least);
    least = socket.bufferedAmount;
    assert.ok(Math.abs(size - got - least) <= WRITE_SIZE + 10, `${least} of ${size} after ${got}`);
  }
  assert.equal(socket.bufferedAmount, 0);

  socket.send("lost");
  visitor.reset();
  await closed;
  assert.equal(socket.bufferedAmount, 4);
  socket.send("more");
  assert.equal(socket.bufferedAmount, 8);
});

test("a Blob keeps its place among other messages, however long it takes to read", async () => {
  const { socket, visitor } = open();
  const slow = new Blob(["x".repeat(3 * WRITE_SIZE + 5)]);
  const { promise, resolve } = deferred();
  const slice = slow.slice;
  slow.slice = (...range) => {
    const piece = slice.apply(slow, range);
    const read = piece.arrayBuffer.bind(piece);
    return Object.assign(piece, { arrayBuffer: () => promise.then(read) });
  };
  socket.send("before");
  socket.send(slow);
  socket.send("after");
  socket.close(1000);
  visitor.send(frame(8, closePayload(1000)));
  const rest = visitor.rest();
  await settled();
  assert.equal(socket.bufferedAmount, slow.size + 5, "what comes before it need not wait");
  resolve();
  assert.deepEqual(
    (await rest).frames.map(({ opcode, payload }) => [opcode, payload.length]),
    [[1, 6], [2, slow.size], [1, 5], [8, 2]],
  );
});

test("a Blob that cannot be read fails the connection: its frame has begun", async () => {
  const { socket, visitor, log, wire, closed } = open();
  const blob = new Blob(["gone"]);
  const gone = new Blob(["gone"]);
  gone.arrayBuffer = () => Promise.reject(new DOMException("", "NotReadableError"));
  blob.slice = () => gone;
  await once(socket, "open");
  socket.send(blob);
  await closed;
  assert.deepEqual(log, ["open", "error", { code: 1006, reason: "", wasClean: false }]);
  assert.ok(wire.resets > 0);
  await assert.rejects(visitor.reader.read());
});

test("pings are answered in order, with their payload, between messages", async () => {
  const { socket, visitor, log } = open();
  visitor.send(frame(9, "one"), frame(2, [1], { fin: false }), frame(9, ""), frame(0, [2]), frame(10, "unasked"));
  const frames = await visitor.frames();
  assert.deepEqual(frames.map(({ opcode, text }) => [opcode, text]), [[10, "one"], [10, ""]]);
  assert.deepEqual(log, ["open", [1, 2]]);
  assert.equal(socket.readyState, 1);
});

test("a flood of pings queues no more than MAX_PONGS; the newest is always answered", async () => {
  const { socket, visitor } = open();
  socket.send("x");
  await settled();
  // The write of "x" has not been read: everything below has to wait.
  for (let round = 0; round < 10; round++) {
    await visitor.send(...Array.from({ length: 1000 }, (_, i) => frame(9, `${round}:${i}`)));
  }
  await settled();
  assert.equal((await visitor.frames())[0].text, "x");
  const pongs = await visitor.frames();
  assert.equal(pongs.length, MAX_PONGS);
  assert.equal(pongs[0].text, "0:0");
  assert.equal(pongs.at(-1).text, "9:999");
  await visitor.send(frame(9, "again"));
  assert.equal((await visitor.frames())[0].text, "again");
});

test("the visitor closes: code and reason arrive, the code goes back, then FIN, and all is clean", async () => {
  for (const [payload, code, reason, reply] of /** @type {[Uint8Array, number, string, number[]][]} */ ([
    [closePayload(1000, "bye"), 1000, "bye", [3, 232]],
    [closePayload(4999), 4999, "", [19, 135]],
    [bytes(), 1005, "", []],
  ])) {
    const { socket, visitor, log, wire, closed } = open();
    socket.send("queued before");
    await visitor.send(frame(8, payload), frame(1, "too late"));
    assert.equal(socket.readyState, 2);
    socket.send("not sent");
    const { frames } = await visitor.rest();
    assert.deepEqual(frames.map(({ opcode, payload }) => [opcode, ...payload]), [[1, ...bytes("queued before")], [8, ...reply]]);
    await settled();
    assert.deepEqual(log, ["open"], "the visitor's FIN is still missing");
    await visitor.end();
    const [event] = await closed;
    assert.equal(event.type, "close");
    assert.ok(event instanceof Event);
    assert.deepEqual(log, ["open", { code, reason, wasClean: true }]);
    assert.equal(socket.readyState, 3);
    assert.equal(wire.resets, 0);
  }
});

test("the page closes: no message after that, and the code is the visitor's answer", async () => {
  const { socket, visitor, log, closed } = open();
  await once(socket, "open");
  socket.send("last");
  socket.close(3456, "grüße");
  assert.equal(socket.readyState, 2);
  socket.close(1000);
  assert.deepEqual((await visitor.frames()).map(({ opcode, payload }) => [opcode, ...payload]), [
    [1, ...bytes("last")],
    [8, ...closePayload(3456, "grüße")],
  ]);
  await visitor.send(frame(1, "crossed"), frame(9, "too"), frame(8, closePayload(4321, "ok")));
  assert.deepEqual((await visitor.rest()).frames, []);
  await visitor.end();
  await closed;
  assert.deepEqual(log, ["open", { code: 4321, reason: "ok", wasClean: true }]);
});

test("close() takes the codes and reasons of the standard", async () => {
  const { socket, visitor } = open();
  for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000, 65536, NaN, null, "x"]) {
    assert.throws(() => socket.close(/** @type {any} */ (code)), { name: "InvalidAccessError" }, `${code}`);
  }
  assert.throws(() => socket.close(1000, "ü".repeat(62)), { name: "SyntaxError" });
  assert.throws(() => socket.close(undefined, "x".repeat(124)), { name: "SyntaxError" });
  assert.throws(() => socket.close(1, "x".repeat(124)), (error) => error instanceof DOMException && error.name === "InvalidAccessError");
  assert.equal(socket.readyState, 1);
  socket.close(1000, "ü".repeat(61) + "x");
  assert.equal((await visitor.frames())[0].payload.length, 125);
  assert.throws(() => socket.close(7), { name: "InvalidAccessError" }, "also when it is closing already");

  /** @type {[any[], number[]][]} */
  const forms = [
    [[], []], [[undefined], []], [[undefined, ""], []], [[undefined, "x"], [3, 232, 120]],
    [[1000], [3, 232]], [["3000"], [11, 184]], [[4999, 5], [19, 135, 53]],
  ];
  for (const [form, payload] of forms) {
    const { socket, visitor } = open();
    socket.close(...form);
    assert.deepEqual([...(await visitor.frames())[0].payload], payload, `close(${form})`);
  }
});

test("a violation sends Close with its code, then error and close with that code", async () => {
  for (const [data, code, options] of /** @type {[Uint8Array, number, {}?][]} */ ([
    [frame(1, "x", { key: null }), 1002],
    [frame(1, [0xff]), 1007],
    [frame(2, new Uint8Array(11)), 1009, { maxMessage: 10 }],
    [frame(2, [], { fin: false, length: 1 }).subarray(0, 6), 1008, { maxFragments: 0 }],
    [frame(8, closePayload(1005)), 1002],
  ])) {
    const { socket, visitor, log, wire, closed } = open(options);
    socket.send("queued before");
    await visitor.send(frame(1, "good"), data, frame(1, "late"));
    await visitor.send(frame(1, "later"));
    assert.equal(socket.readyState, 2);
    const { frames } = await visitor.rest();
    assert.equal(frames[0].text, "queued before");
    assert.deepEqual([frames[1].opcode, ...frames[1].payload.subarray(0, 2)], [8, code >> 8, code & 255]);
    assert.equal(frames.length, 2);
    await visitor.end();
    await closed;
    const good = code === 1008 ? [] : ["good"];
    const reason = Buffer.from(frames[1].payload.subarray(2)).toString();
    assert.deepEqual(log, ["open", ...good, "error", { code, reason, wasClean: false }]);
    assert.equal(wire.resets, 0);
  }
});

test("a stream that ends without a Close frame is 1006, without error, and what was sent still goes out", async () => {
  const { socket, visitor, log, closed } = open();
  await visitor.send(frame(1, "half", { length: 100 }));
  socket.send("answer");
  await visitor.end();
  await settled();
  assert.equal(socket.readyState, 2);
  const { frames } = await visitor.rest();
  assert.deepEqual(frames.map(({ text }) => text), ["answer"]);
  await closed;
  assert.deepEqual(log, ["open", { code: 1006, reason: "", wasClean: false }]);
});

test("a stream that is reset is 1006, without error", async () => {
  const { socket, visitor, log, closed } = open();
  await once(socket, "open");
  socket.send("lost");
  visitor.reset();
  await closed;
  assert.equal(socket.readyState, 3);
  assert.deepEqual(log, ["open", { code: 1006, reason: "", wasClean: false }]);
});

test("a Close frame counts even if writing has failed before it", async () => {
  const wire = connection();
  const socket = new ListenerSocket(
    { ...wire.near, writable: new WritableStream({ write: () => Promise.reject(new Error("stopped")) }) },
    { url: URL },
  );
  const closed = once(socket, "close");
  const visitor = new Visitor(wire.far);
  socket.send("into the void");
  await settled();
  socket.send("more");
  assert.equal(socket.readyState, 1);
  await visitor.send(frame(8, closePayload(1001)));
  await visitor.end();
  const [{ code, wasClean }] = await closed;
  assert.deepEqual([code, wasClean], [1001, false]);
});

test("a closing handshake that nobody answers ends with a reset after CLOSE_TIMEOUT", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, visitor, log, wire, closed } = open();
  await once(socket, "open");
  socket.close(1000);
  await visitor.frames();
  await settled();
  t.mock.timers.tick(CLOSE_TIMEOUT - 1);
  assert.deepEqual([socket.readyState, wire.resets], [2, 0]);
  t.mock.timers.tick(1);
  await closed;
  assert.ok(wire.resets > 0);
  assert.deepEqual(log, ["open", { code: 1006, reason: "", wasClean: false }]);
});

test("a visitor that closes but never ends its stream is cut off after CLOSE_TIMEOUT, cleanly", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { visitor, log, wire, closed } = open();
  await visitor.send(frame(8, closePayload(1000)));
  await visitor.rest();
  await settled();
  t.mock.timers.tick(CLOSE_TIMEOUT);
  await closed;
  assert.ok(wire.resets > 0);
  assert.deepEqual(log, ["open", { code: 1000, reason: "", wasClean: true }]);
});

test("a visitor that breaks the rules and goes on sending is cut off after CLOSE_TIMEOUT", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { visitor, wire, closed } = open();
  await visitor.send(frame(3));
  await visitor.rest();
  for (let i = 0; i < 10; i++) {
    t.mock.timers.tick(CLOSE_TIMEOUT / 10 - 1);
    await visitor.send(new Uint8Array(100));
    await settled();
  }
  assert.equal(wire.resets, 0);
  t.mock.timers.tick(10);
  const [{ code }] = await closed;
  assert.equal(code, 1002);
  assert.ok(wire.resets > 0);
});

test("what was sent before close() has its time, as long as the visitor goes on reading", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, visitor, wire } = open();
  socket.send(new Uint8Array(10 * WRITE_SIZE));
  socket.close();
  for (let got = 0; got < 10 * WRITE_SIZE; ) {
    t.mock.timers.tick(CLOSE_TIMEOUT - 1);
    await settled();
    got += (await visitor.reader.read()).value.length;
    await settled();
  }
  assert.equal(wire.resets, 0);
  t.mock.timers.tick(CLOSE_TIMEOUT);
  assert.ok(wire.resets > 0);
});

test("close() inside a handler stops the messages of the same chunk", async () => {
  const { socket, visitor, log } = open();
  socket.addEventListener("message", () => socket.close());
  await visitor.send(frame(1, "one"), frame(1, "two"));
  await settled();
  assert.deepEqual(log, ["open", "one"]);
});

test("close() before open: no open event", async () => {
  const { socket, visitor, log, closed } = open();
  socket.close();
  await visitor.send(frame(8));
  await visitor.end();
  await visitor.rest();
  await closed;
  assert.deepEqual(log, [{ code: 1005, reason: "", wasClean: true }]);
});

test("the client's role: masks with a fresh key each, expects no masks, and leaves the end to the server", async () => {
  const { socket, visitor, log, closed } = open({ client: true });
  assert.equal(socket.readyState, 0);
  await once(socket, "open");
  const sent = bytes("x".repeat(100));
  socket.send(sent);
  socket.send("x".repeat(100));
  socket.send(new Blob(["x".repeat(2 * WRITE_SIZE + 3)]));
  await visitor.send(frame(9, "ping", { key: null }), frame(1, "hello", { key: null }));
  await once(socket, "message");
  socket.close(1000);
  await visitor.send(frame(8, closePayload(1000), { key: null }));
  await visitor.end();
  const { frames } = await visitor.rest();
  await closed;
  assert.deepEqual(frames.map(({ opcode, payload }) => [opcode, payload.length]), [
    [2, 100], [1, 100], [2, 2 * WRITE_SIZE + 3], [10, 4], [8, 2],
  ]);
  for (const { text } of frames.slice(0, 3)) assert.match(text, /^x+$/);
  assert.equal(new Set(frames.map(({ key }) => key.join())).size, frames.length);
  assert.deepEqual(sent, bytes("x".repeat(100)), "the page's own bytes stay as they were");
  assert.deepEqual(log, ["open", "hello", { code: 1000, reason: "", wasClean: true }]);

  const masked = open({ client: true });
  await masked.visitor.send(frame(1, "x"));
  await masked.visitor.end();
  assert.equal((await masked.visitor.rest()).frames[0].payload[1], 1002 & 255);
});

test("client and server talk to each other", async () => {
  const { near, far } = connection();
  const server = new ListenerSocket(near, { url: URL });
  const client = new ListenerSocket(far, { url: URL, client: true });
  server.binaryType = client.binaryType = "arraybuffer";
  await once(client, "open");
  server.onmessage = ({ data }) => server.send(data);
  const large = crypto.getRandomValues(new Uint8Array(60_000)).buffer;
  const sizes = [0, 1, 125, 126, 127, 65535, 65536, 200_000];
  const messages = [...sizes.map((size) => "ü".repeat(size / 2)), ...sizes.map((size) => new Uint8Array(size).fill(size).buffer), large];
  const received = [];
  client.onmessage = ({ data }) => {
    received.push(data);
    if (received.length === messages.length) client.close(1000, "done");
  };
  for (const message of messages) client.send(message);
  const [[atClient], [atServer]] = await Promise.all([once(client, "close"), once(server, "close")]);
  assert.deepEqual(received, messages);
  assert.deepEqual([atClient.code, atClient.reason, atClient.wasClean], [1000, "", true]);
  assert.deepEqual([atServer.code, atServer.reason, atServer.wasClean], [1000, "done", true]);
  assert.deepEqual([client.bufferedAmount, server.bufferedAmount], [0, 0]);
});

test("a page that does not read keeps the visitor waiting, and nothing is lost", async () => {
  const { socket, visitor } = open();
  let got = 0;
  socket.onmessage = ({ data }) => (got += data.byteLength);
  const writes = Array.from({ length: 50 }, () => visitor.send(frame(2, new Uint8Array(60_000))));
  await Promise.all(writes);
  assert.equal(got, 50 * 60_000);
});

function deferred() {
  /** @type {(value?: unknown) => void} */
  let resolve = () => {};
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
