/** What pages use of a session, against a gateway in memory. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, test } from "node:test";
import { configure, PageportError, session } from "../pageport/index.js";
import * as wire from "../pageport/wire.js";
import { Network, next, until } from "./session-network.js";

let gateways = 0;
/** @type {import("../pageport/session.js").Session[]} */
const begun = [];

/** A session of its own. @param {Network} network */
function begin(network) {
  configure({ WebSocket: network.WebSocket });
  const one = session({ gateway: `http://gateway-${++gateways}.test` });
  begun.push(one);
  return one;
}

afterEach(() => begun.splice(0).forEach((one) => one.close()));

test("a session opens, says so, and is the only one of its gateway", async () => {
  const network = new Network();
  const one = begin(network);
  assert.equal(one.readyState, "connecting");
  assert.equal(one.carrier, null);
  assert.equal(session({ gateway: `${one.gateway}/some/page` }), one);
  let calls = 0;
  one.oncarrierchange = () => calls++;
  await next(one, "carrierchange");
  assert.equal(one.readyState, "open");
  assert.equal(one.carrier, "websocket");
  assert.equal(calls, 1);
  assert.equal(network.last.url, `${one.gateway.replace("http", "ws")}/link`);
  assert.equal(network.last.protocol, "pageport.v1");
  assert.equal(network.last.binaryType, "arraybuffer");
});

test("a credential travels in HELLO and nowhere else", async () => {
  const network = new Network();
  configure({ credential: "secret token" });
  const one = begin(network);
  configure({ credential: undefined });
  await next(one, "carrierchange");
  assert.equal(network.core.hellos[0].credential, "secret token");
  assert.ok(!network.last.url.includes("secret"));
});

test("a stream carries bytes both ways and ends on each side alone", async () => {
  const one = begin(new Network());
  const { id, readable, writable, reply } = await one.createBidirectionalStream({ connect: "echo" });
  assert.equal(id, 1);
  assert.deepEqual(await reply, { ok: true });
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode("hello "));
  await writer.write(new TextEncoder().encode("there").buffer);
  await writer.close();
  assert.equal(await text(readable), "hello there");
});

test("a refusal rejects the reply with its code", async () => {
  const one = begin(new Network());
  const { reply, readable } = await one.createBidirectionalStream({ connect: "nowhere" });
  await assert.rejects(reply, (error) => error instanceof PageportError && error.code === "ERR_UNSUPPORTED" && error.message === "no such kind" && error.hint !== "");
  assert.equal(await text(readable), "");
});

test("a reply that never comes is a failure, not a silence", async () => {
  const network = new Network();
  network.onstream = (stream) => {
    stream.notify = () => {};
    network.say([wire.RESET, stream.id, 70_000, 0]);
  };
  const { reply, readable } = await begin(network).createBidirectionalStream({});
  await assert.rejects(reply, { code: "ERR_70000" });
  await assert.rejects(text(readable), { code: "ERR_70000" });
});

test("a reader with a buffer of its own gets the bytes in it", async () => {
  const { readable, writable } = await begin(new Network()).createBidirectionalStream({ connect: "echo" });
  const writer = writable.getWriter();
  writer.write(new TextEncoder().encode("abcdef"));
  writer.close();
  const reader = readable.getReader({ mode: "byob" });
  let all = "";
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(4));
    if (done) break;
    assert.ok(value.length <= 4);
    all += new TextDecoder().decode(value);
  }
  assert.equal(all, "abcdef");
});

test("a write waits until the session has accepted it, and no longer", async () => {
  const network = new Network();
  /** @type {import("../pageport/stream.js").Stream | undefined} */
  let far;
  network.onstream = (stream) => {
    far = stream;
    stream.notify = () => {};
  };
  const { writable } = await begin(network).createBidirectionalStream({ slow: true });
  const writer = writable.getWriter();
  await writer.write(new Uint8Array(60_000));
  let isAccepted = false;
  const write = writer.write(new Uint8Array(60_000)).then(() => (isAccepted = true));
  await until(() => far && far.in.end - far.in.start > 65_000);
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isAccepted, false);
  assert.ok(far.in.end - far.in.start <= 65_536);
  const rest = network.drain(far);
  await write;
  await writer.close();
  assert.equal((await rest).length, 120_000);
});

test("nothing is consumed that nobody reads", async () => {
  const network = new Network();
  const one = begin(network);
  const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
  const writer = writable.getWriter();
  const write = writer.write(new Uint8Array(500_000)).then(() => writer.close());
  await until(() => one.core.streams.get(1)?.in.end > 65_000);
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  const { in: span, granted } = one.core.streams.get(1);
  assert.ok(span.end - span.start <= 65_536 && granted - span.start <= 65_536);
  assert.equal((await bytes(readable)).length, 500_000);
  await write;
});

test("abort reaches the peer although a write waits for credit", async () => {
  const network = new Network();
  /** @type {import("../pageport/stream.js").Stream | undefined} */
  let far;
  network.onstream = (stream) => {
    far = stream;
    stream.notify = () => {};
  };
  const { writable } = await begin(network).createBidirectionalStream({});
  const writer = writable.getWriter();
  const write = writer.write(new Uint8Array(1_000_000));
  await until(() => far?.in.end > 4096);
  writer.abort(70_001);
  await assert.rejects(write);
  await until(() => far.failed >= 0);
  assert.equal(far.failed, 70_001);
});

test("cancel stops the peer, reset ends both directions", async () => {
  const network = new Network();
  /** @type {import("../pageport/stream.js").Stream[]} */
  const far = [];
  network.onstream = (stream) => {
    far.push(stream);
    stream.notify = () => {};
  };
  const one = begin(network);
  const first = await one.createBidirectionalStream({});
  const second = await one.createBidirectionalStream({});
  await until(() => far.length === 2);
  await first.readable.cancel(new PageportError("ERR_VISITOR_GONE"));
  await until(() => far[0].reset >= 0);
  assert.equal(far[0].reset, 70);
  second.reset(70_002);
  second.reset(70_003);
  await until(() => far[1].reset >= 0 && far[1].failed >= 0);
  assert.deepEqual([far[1].reset, far[1].failed], [70_002, 70_002]);
  await assert.rejects(second.readable.getReader().read(), { code: "ERR_70002" });
  await assert.rejects(second.writable.getWriter().write(new Uint8Array(1)), { code: "ERR_70002" });
  await assert.rejects(second.reply, { code: "ERR_70002" });
});

test("a number that is no code says no more than that it was aborted, and costs no session", async () => {
  const network = new Network();
  /** @type {import("../pageport/stream.js").Stream[]} */
  const far = [];
  network.onstream = (stream) => {
    far.push(stream);
    stream.notify = () => {};
  };
  const one = begin(network);
  const reasons = [2 ** 32, -1, 1.5, NaN, Infinity, 2 ** 32 - 1, 0];
  for (const reason of reasons) (await one.createBidirectionalStream({})).writable.abort(reason);
  await until(() => far.length === reasons.length && far.every(({ failed }) => failed >= 0));
  assert.deepEqual(far.map(({ failed }) => failed), [64, 64, 64, 64, 64, 2 ** 32 - 1, 0]);
  assert.equal(one.readyState, "open");
});

test("a transfer survives cuts with every byte in place", async () => {
  const network = new Network();
  const one = begin(network);
  const sent = createHash("sha256");
  const got = createHash("sha256");
  const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
  const states = new Set();
  one.addEventListener("carrierchange", () => states.add(one.readyState));
  const writing = (async () => {
    const writer = writable.getWriter();
    for (let i = 0; i < 200; i++) {
      const chunk = new Uint8Array(1 + ((i * 7919) % 20_000)).fill(i);
      sent.update(chunk);
      await writer.write(chunk);
      // A cut while it is cut already would be none.
      if (i % 23 === 0 || i % 37 === 0) await until(() => one.readyState === "open");
      if (i % 23 === 0) one.abortCarrier();
      if (i % 37 === 0) network.cut();
    }
    await writer.close();
  })();
  for await (const chunk of readable) got.update(chunk);
  await writing;
  assert.equal(got.digest("hex"), sent.digest("hex"));
  assert.deepEqual([...states].sort(), ["open", "suspended"]);
  assert.ok(network.core.attaches > 8, `${network.core.attaches} attaches`);
});

test("a chunk may be changed as soon as its write has settled", async () => {
  const network = new Network();
  const one = begin(network);
  const { readable, writable, reply } = await one.createBidirectionalStream({ connect: "echo" });
  await reply;
  const writer = writable.getWriter();
  const chunk = new Uint8Array(30_000).fill(1);
  one.abortCarrier();
  await writer.write(chunk);
  chunk.fill(2);
  await writer.close();
  assert.ok((await bytes(readable)).every((byte) => byte === 1));
});

test("a lost session fails its streams and ends, when nobody listens", async () => {
  const network = new Network();
  const one = begin(network);
  const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
  await writable.getWriter().write(new Uint8Array(10));
  network.restart();
  await assert.rejects(one.closed, { code: "ERR_SESSION_LOST" });
  assert.equal(one.readyState, "closed");
  await assert.rejects(text(readable), { code: "ERR_SESSION_LOST" });
  await assert.rejects(one.createBidirectionalStream({}), { code: "ERR_SESSION_LOST" });
  const another = session({ gateway: one.gateway });
  begun.push(another);
  assert.notEqual(another, one);
  await next(another, "carrierchange");
  assert.equal(another.readyState, "open");
});

test("close says so, and fails what is open", async () => {
  const network = new Network();
  const one = begin(network);
  const { readable } = await one.createBidirectionalStream({ connect: "echo" });
  one.close();
  await one.closed;
  assert.equal(one.readyState, "closed");
  await assert.rejects(text(readable), { code: "ERR_SESSION_CLOSED" });
  await until(() => network.count(wire.CLOSE));
  one.close();
});

test("a gateway that refuses for good is not asked again", async () => {
  const network = new Network();
  network.core.take = () => {};
  const one = begin(network);
  await until(() => network.count(wire.HELLO));
  network.say([wire.CLOSE, 100, ""]);
  await assert.rejects(one.closed, { code: "ERR_CREDENTIAL_INVALID" });
  await assert.rejects(one.createBidirectionalStream({}), { code: "ERR_CREDENTIAL_INVALID" });
  assert.equal(network.sockets.length, 1);
});

test("a gateway that is no address ends the session at once", async () => {
  assert.throws(() => session({ gateway: "file:///tmp/page" }), { code: "ERR_INVALID_ARGUMENT" });
  const network = new Network();
  network.WebSocket = /** @type {any} */ (
    class {
      constructor() {
        throw new SyntaxError("not here");
      }
    }
  );
  await assert.rejects(begin(network).closed, { code: "ERR_GATEWAY_UNREACHABLE" });
});

test("datagrams go both ways, and old ones make room", async () => {
  const network = new Network();
  const one = begin(network);
  await next(one, "carrierchange");
  const writer = one.datagrams.writable.getWriter();
  for (let flow = 0; flow < 70; flow++) await writer.write({ flow, bytes: Uint8Array.of(flow) });
  await writer.write({ flow: 99, bytes: new Uint8Array(1201) });
  await until(() => network.core.arrived.length);
  assert.ok(network.core.arrived.every(({ bytes }) => bytes.length === 1));
  for (let flow = 0; flow < 70; flow++) network.say([wire.DATAGRAM, flow, Uint8Array.of(flow)]);
  await until(() => one.core.arrived.length === 64);
  const { value } = await one.datagrams.readable.getReader().read();
  assert.deepEqual(value, { flow: 6, bytes: Uint8Array.of(6) });
});

test("datagrams end with their session", async () => {
  const one = begin(new Network());
  await next(one, "carrierchange");
  const reader = one.datagrams.readable.getReader();
  const waiting = reader.read();
  one.close();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  await reader.closed;
});

test("a carrier that is full is not filled further", async () => {
  const network = new Network();
  const one = begin(network);
  await next(one, "carrierchange");
  network.holds = true;
  const writers = [];
  for (let i = 0; i < 40; i++) {
    const { writable } = await one.createBidirectionalStream({ connect: "echo" });
    writers.push(writable.getWriter());
  }
  for (const writer of writers) writer.write(new Uint8Array(60_000)).catch(() => {});
  // With room it would answer at once.
  network.say([wire.PING, new Uint8Array(8)]);
  await until(() => one.core.carrier?.pong);
  assert.ok(network.last.bufferedAmount <= 32_768 + 66_560, `${network.last.bufferedAmount}`);
});

test("streams that nobody may open fail at once", async () => {
  const network = new Network({ limits: { streams: 2, initial: 4096, unreceived: 65_536 } });
  const one = begin(network);
  await one.createBidirectionalStream({ connect: "echo" });
  await assert.rejects(one.createBidirectionalStream({ filler: "x".repeat(17_000) }), { code: "ERR_HEAD_TOO_LARGE" });
  const { reply } = await one.createBidirectionalStream({ connect: "echo" });
  await assert.rejects(one.createBidirectionalStream({ connect: "echo" }), { code: "ERR_STREAM_LIMIT" });
  await reply;
  network.say([wire.GOAWAY, 3, 1000, 42, 0, 0]);
  await until(() => one.core.away);
  await assert.rejects(one.createBidirectionalStream({ connect: "echo" }), { code: "ERR_GOING_AWAY" });
});

/** @param {ReadableStream<Uint8Array>} readable */
async function bytes(readable) {
  const chunks = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** @param {ReadableStream<Uint8Array>} readable */
async function text(readable) {
  return (await bytes(readable)).toString();
}
