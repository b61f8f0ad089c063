/** A page that takes TCP connections, against a gateway in memory: visitors come as heads, and then there are only bytes. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { configure, session, TCPServerSocket } from "../pageport/index.js";
import { stop } from "../pageport/receive.js";
import { reset } from "../pageport/send.js";
import { Names } from "./names-gateway.js";
import { Network, until } from "./session-network.js";

let gateways = 0;
/** @type {string[]} */
const used = [];
const text = (/** @type {Uint8Array | undefined} */ bytes) => bytes && new TextDecoder().decode(bytes);
const encode = (/** @type {string} */ words) => new TextEncoder().encode(words);

/** A server that has opened, and how to connect to it. @param {object} [options] */
async function world(options) {
  const network = new Network();
  configure({ WebSocket: network.WebSocket });
  const gateway = `http://tcp-${++gateways}.test`;
  used.push(gateway);
  const names = new Names(network, gateway);
  const server = new TCPServerSocket("0.0.0.0", { gateway, ...options });
  const { readable, localAddress, localPort } = await server.opened;
  const visit = (peer = "p1") => network.visit({ kind: "tcp", listener: `:${localPort}`, peer });
  return { network, names, gateway, server, readable, localAddress, localPort, visit };
}

/** The next connection, opened. @param {ReadableStream<import("../pageport/tcp-visit.js").AcceptedTCPSocket>} readable */
async function take(readable) {
  const reader = readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const socket = /** @type {import("../pageport/tcp-visit.js").AcceptedTCPSocket} */ (value);
  return { socket, ...(await socket.opened) };
}

/** @param {ReadableStream<Uint8Array>} readable */
async function all(readable) {
  const chunks = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

afterEach(() => used.splice(0).forEach((gateway) => session({ gateway }).close()));

test("it opens at a public port, and says where", async () => {
  const { names, localAddress, localPort } = await world();
  assert.deepEqual([localAddress, localPort], ["gw.test", 7101]);
  assert.deepEqual(names.heads, [{ listen: "tcp", port: 0 }]);
  assert.equal((await world({ localPort: 7180 })).localPort, 7180);
});

test("a connection is accepted when somebody takes it, and says who it is", async () => {
  const { network, readable, visit, localPort } = await world();
  const visitor = visit("peer of one");
  await network.roundTrip();
  assert.equal(visitor.stream.head, undefined);
  const { remoteAddress, remotePort, localAddress, ...rest } = await take(readable);
  assert.deepEqual(await visitor.reply(), { ok: true });
  assert.deepEqual([remoteAddress, remotePort, localAddress, rest.localPort], ["peer of one", 0, "gw.test", localPort]);
});

test("bytes go both ways, and each direction ends on its own", async () => {
  const { readable, visit } = await world();
  const visitor = visit();
  const connection = await take(readable);
  await visitor.write("question");
  visitor.end();
  assert.equal(await all(connection.readable), "question");
  const writer = connection.writable.getWriter();
  await writer.write(encode("answer"));
  assert.equal(text(await visitor.read()), "answer");
  await writer.write(encode(" and more"));
  await writer.close();
  assert.equal(text(await visitor.read()), " and more");
  assert.equal(await visitor.read(), undefined);
  assert.ok(visitor.stream.failed < 0);
  await connection.socket.closed;
});

test("the page may end first", async () => {
  const { readable, visit } = await world();
  const visitor = visit();
  const connection = await take(readable);
  await connection.writable.close();
  assert.equal(await visitor.read(), undefined);
  await visitor.write("still here");
  visitor.end();
  assert.equal(await all(connection.readable), "still here");
  await connection.socket.closed;
});

test("who does not read makes the visitor wait", async () => {
  const { network, readable, visit } = await world();
  const visitor = visit();
  const connection = await take(readable);
  let written = 0;
  const writing = visitor.write(new Uint8Array(3 << 20)).then(() => (written = 1));
  await network.still(() => visitor.stream.out.end);
  assert.equal(written, 0);
  assert.ok(visitor.stream.out.end < 200_000, `${visitor.stream.out.end} bytes were taken`);
  const reader = connection.readable.getReader();
  for (let got = 0; got < 3 << 20; ) got += (await reader.read()).value?.length ?? NaN;
  await writing;
});

test("close ends both directions, and what was written arrives", async () => {
  const { readable, visit } = await world();
  const visitor = visit();
  const { socket, writable } = await take(readable);
  await visitor.write("nobody reads this");
  const writer = writable.getWriter();
  writer.write(encode("goodbye"));
  writer.releaseLock();
  const closed = socket.close();
  assert.equal(text(await visitor.read()), "goodbye");
  assert.equal(await visitor.read(), undefined);
  assert.ok(visitor.stream.failed < 0, "it was reset");
  await until(() => visitor.stream.reset >= 0);
  await closed;
});

test("close of what somebody reads or writes is refused", async () => {
  const { server, readable, visit } = await world();
  visit();
  const connection = await take(readable);
  for (const lock of [() => connection.readable.getReader(), () => connection.writable.getWriter()]) {
    const held = lock();
    await assert.rejects(connection.socket.close(), { name: "InvalidStateError" });
    held.releaseLock();
  }
  const reader = readable.getReader();
  await assert.rejects(server.close(), { name: "InvalidStateError" });
  reader.releaseLock();
  await server.close();
  await server.closed;
});

test("a visitor that breaks off is an error on all sides", async () => {
  const { network, readable, visit } = await world();
  const visitor = visit();
  const { socket, ...streams } = await take(readable);
  const reader = streams.readable.getReader();
  const writer = streams.writable.getWriter();
  writer.closed.catch(() => {});
  stop(network.core, visitor.stream, 70);
  reset(network.core, visitor.stream, 70);
  network.flush();
  for (const promise of [reader.read(), writer.closed, socket.closed]) await assert.rejects(promise, { code: "ERR_VISITOR_GONE" });
});

test("a page that aborts resets, and never ends in order", async () => {
  const { readable, visit } = await world();
  const visitor = visit();
  const { socket, writable } = await take(readable);
  await writable.abort(70_001);
  assert.equal(await visitor.read(), undefined);
  assert.equal(visitor.stream.failed, 70_001);
  await assert.rejects(socket.closed, { code: "ERR_70001" });
});

test("a backlog's worth of connections waits, the next are refused", async () => {
  const { readable, visit } = await world({ backlog: 2 });
  const visitors = [visit("a"), visit("b"), visit("c")];
  assert.equal((await visitors[2].reply()).error, "ERR_LISTENER_BUSY");
  assert.deepEqual([(await take(readable)).remoteAddress, (await take(readable)).remoteAddress], ["a", "b"]);
  const last = visit("d");
  assert.equal((await take(readable)).remoteAddress, "d");
  assert.deepEqual(await last.reply(), { ok: true });
});

test("who leaves while waiting is never seen", async () => {
  const { network, readable, visit, gateway } = await world({ backlog: 2 });
  const [gone] = [visit("gone"), visit("here")];
  const { core } = session({ gateway });
  await until(() => core.streams.size === 3);
  stop(network.core, gone.stream, 70);
  reset(network.core, gone.stream, 70);
  network.flush();
  await until(() => core.streams.size === 2);
  visit("later");
  assert.deepEqual([(await take(readable)).remoteAddress, (await take(readable)).remoteAddress], ["here", "later"]);
});

test("connections can be iterated; leaving the loop closes the server, and sends away who waits", async () => {
  const { server, readable, visit, network, gateway } = await world();
  const visitors = ["a", "b", "c"].map((peer) => visit(peer));
  await until(() => session({ gateway }).core.streams.size === 4);
  const peers = [];
  for await (const socket of readable) {
    peers.push((await socket.opened).remoteAddress);
    if (peers.length === 2) break;
  }
  assert.deepEqual(peers, ["a", "b"]);
  await server.closed;
  assert.equal((await visitors[2].reply()).error, "ERR_REJECTED");
  await until(() => network.core.streams.get(1)?.final !== Infinity);
});

test("a signal closes it, and ends a loop without an error", async () => {
  const controller = new AbortController();
  const { server, readable } = await world({ signal: controller.signal });
  setTimeout(() => controller.abort());
  for await (const socket of readable) assert.fail(`${socket}`);
  await server.closed;
});

test("before it has opened it cannot be closed but by a signal", async () => {
  const network = new Network();
  network.isUp = false;
  configure({ WebSocket: network.WebSocket });
  used.push("http://tcp-never.test");
  const controller = new AbortController();
  const server = new TCPServerSocket("::", { gateway: "http://tcp-never.test", signal: controller.signal });
  await assert.rejects(server.close(), { name: "InvalidStateError" });
  controller.abort();
  await assert.rejects(server.opened, { code: "ERR_ABORTED" });
  await server.closed;
});

test("options that cannot be are errors at once", () => {
  const gateway = "http://tcp-bad.test";
  for (const options of [{ localPort: 0 }, { backlog: 0 }]) assert.throws(() => new TCPServerSocket("::", { gateway, ...options }), TypeError);
  assert.throws(() => new TCPServerSocket("::", { gateway, localPort: 70_000 }), { code: "ERR_INVALID_ARGUMENT" });
});

test("a port that cannot be had is an error", async () => {
  const { names, gateway } = await world();
  names.taken.add(7150);
  const server = new TCPServerSocket("::", { gateway, localPort: 7150 });
  await assert.rejects(server.opened, { code: "ERR_PORT_UNAVAILABLE" });
  await assert.rejects(server.closed, { code: "ERR_PORT_UNAVAILABLE" });
});

test("after a lost session it listens at the same port again", async () => {
  const { network, names, readable, visit, localPort } = await world();
  visit("before");
  const { socket } = await take(readable);
  network.restart();
  await assert.rejects(socket.closed, { code: "ERR_SESSION_LOST" });
  await until(() => names.heads.length === 2);
  assert.equal(names.heads[1].port, localPort);
  await until(() => network.core.streams.get(1)?.out.end);
  visit("after");
  assert.equal((await take(readable)).remoteAddress, "after");
});

test("where another has the port by then, it is lost with an error", async () => {
  const { network, names, server, readable, localPort } = await world();
  names.taken.add(localPort);
  const closed = assert.rejects(server.closed, { code: "ERR_PORT_UNAVAILABLE" });
  network.restart();
  await closed;
  await assert.rejects(server.close(), { code: "ERR_PORT_UNAVAILABLE" });
  await assert.rejects(readable.getReader().read(), { code: "ERR_PORT_UNAVAILABLE" });
});
