/** Which carrier a session uses: what opens first, what failed, what is better, and what is forced. Streams must not notice. */

import assert from "node:assert/strict";
import { after, afterEach, beforeEach, test } from "node:test";
import { configure, session } from "../pageport/index.js";
import { ATTACHED } from "../pageport/wire.js";
import { HttpGateway } from "./http-gateway.js";
import { Network, next, until } from "./session-network.js";

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);

/** What a browser remembers. @type {Record<string, string>} */
let stored = {};
beforeEach(() => {
  stored = {};
  globalThis.localStorage = /** @type {any} */ (stored);
});

/** @type {(() => void)[]} */
const begun = [];
afterEach(() => {
  begun.splice(0).forEach((end) => end());
  configure({ carriers: undefined });
});
after(() => configure({ WebSocket: undefined }));

/** A session that tries, and everything that happened to its carrier. @param {(network: Network, gateway: HttpGateway) => void} [prepare] @param {HttpGateway} [known] */
async function begin(prepare, known) {
  const network = known?.network ?? new Network();
  const gateway = known ?? (await HttpGateway.start(network));
  prepare?.(network, gateway);
  configure({ WebSocket: network.WebSocket });
  const one = session({ gateway: gateway.url });
  /** @type {string[]} */
  const seen = [];
  one.oncarrierchange = ({ previous, carrier, reason }) => seen.push(`${previous} ${carrier} ${reason}`);
  begun.push(() => one.close());
  if (!known) begun.push(() => gateway.close());
  return { network, gateway, one, seen };
}

const attached = (/** @type {import("../pageport/session.js").Session} */ one) => until(() => one.core.carrier?.phase === ATTACHED && !one.core.candidate);

/** Says something to an echo, again and again, on one stream. @param {import("../pageport/session.js").Session} one */
async function talk(one) {
  const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
  const [writer, reader] = [writable.getWriter(), readable.getReader({ mode: "byob" })];
  return async (/** @type {number} */ byte) => {
    await writer.write(new Uint8Array(5000).fill(byte));
    for (let left = 5000; left; ) {
      const { value } = await reader.read(new Uint8Array(left));
      assert.ok(value.every((each) => each === byte));
      left -= value.length;
    }
  };
}

test("a WebSocket that comes is all it takes", async () => {
  const { one, gateway, seen } = await begin();
  await attached(one);
  await until(() => one.carriers.length);
  assert.equal(one.carrier, "websocket");
  assert.deepEqual(seen, ["null websocket attached"]);
  assert.deepEqual(one.carriers, [
    { carrier: "webtransport", state: "unsupported" },
    { carrier: "websocket", state: "active" },
    { carrier: "http", state: "ready" },
  ]);
  assert.deepEqual(gateway.asked, { down: [0, 0, 0], up: 0 });
});

test("a page that may not attach is told why, and does not go on trying", async () => {
  const { one, gateway } = await begin((network, gateway) => {
    network.isUp = false;
    gateway.refusal = "ERR_ORIGIN_FORBIDDEN";
  });
  await assert.rejects(one.closed, { code: "ERR_ORIGIN_FORBIDDEN" });
  await assert.rejects(one.createBidirectionalStream({}), { code: "ERR_ORIGIN_FORBIDDEN" });
  assert.deepEqual(gateway.asked, { down: [0, 0, 0], up: 0 });
});

test("what is said of pages like this one ends no session that is there", async () => {
  const { one, seen } = await begin((_, gateway) => (gateway.refusal = "ERR_ORIGIN_FORBIDDEN"));
  await attached(one);
  await until(() => one.carriers.length);
  one.abortCarrier();
  await until(() => seen.length === 3);
  assert.deepEqual(seen.slice(1), ["websocket null aborted", "null websocket attached"]);
});

test("a refusal that is not known, or not for good, is none", async () => {
  for (const refusal of ["ERR_OF_TOMORROW", "ERR_INTERNAL"]) {
    const { one } = await begin((network, gateway) => {
      network.isUp = false;
      gateway.refusal = refusal;
    });
    await attached(one);
    assert.equal(one.carrier, "http");
  }
});

test("a WebSocket that served is not blamed when it is cut", async () => {
  const { one, seen } = await begin();
  await attached(one);
  await until(() => one.carriers.length);
  one.abortCarrier();
  await until(() => seen.length === 3);
  assert.deepEqual(seen.slice(1), ["websocket null aborted", "null websocket attached"]);
});

test("where WebSockets are refused, requests carry the session at once", async () => {
  const start = performance.now();
  const { one } = await begin((network) => (network.isUp = false));
  await attached(one);
  assert.ok(performance.now() - start < 1000, `${performance.now() - start} ms`);
  assert.equal(one.carrier, "http");
  assert.equal(one.carriers[1].state, "failed");
  await (await talk(one))(7);
});

test("where WebSockets are swallowed, requests carry the session after a second and a half", async () => {
  const start = performance.now();
  const { one, network } = await begin((network) => (network.isHole = true));
  await attached(one);
  const took = performance.now() - start;
  assert.ok(took > 1400 && took < 2500, `${took} ms`);
  assert.equal(one.carrier, "http");
  // Another is tried while requests carry it: it might have been slow only.
  assert.equal(network.count(0), 1);
});

test("a session moves up once a better carrier works, and down when that is lost; its streams do not notice", async () => {
  const { one, network, seen } = await begin((network) => (network.isUp = false));
  await attached(one);
  const say = await talk(one);
  await say(1);
  network.isUp = true;
  page.dispatchEvent(new Event("online"));
  await until(() => one.carrier === "websocket");
  await say(2);
  network.isUp = false;
  network.sockets.filter(({ url }) => url).forEach((socket) => socket.break());
  await until(() => one.carrier === "http");
  await say(3);
  assert.deepEqual(seen, ["null http attached", "http websocket moved", "websocket null lost", "null http attached"]);
});

test("a better carrier that fails costs nothing, and is left alone for a while", async () => {
  const { one, network, seen } = await begin((network) => (network.isUp = false));
  await attached(one);
  const say = await talk(one);
  const sockets = network.sockets.length;
  page.dispatchEvent(new Event("online"));
  await until(() => network.sockets.length > sockets);
  await say(1);
  await until(() => one.carriers[1].state === "failed");
  await say(2);
  assert.equal(network.sockets.filter(({ url }) => url).length, 3);
  assert.deepEqual(seen, ["null http attached"]);
});

test("a better carrier that opens and then says nothing costs nothing", async () => {
  const { one, network, seen } = await begin((network) => (network.isUp = false));
  await attached(one);
  const say = await talk(one);
  network.isUp = true;
  const { take } = network;
  let greeted = 0;
  network.take = (socket, bytes) => (socket.url ? greeted++ : take.call(network, socket, bytes));
  page.dispatchEvent(new Event("online"));
  await until(() => greeted);
  await say(1);
  assert.ok(one.core.candidate);
  one.core.candidate.heard -= 10_000;
  await say(2);
  await until(() => !one.core.candidate && one.carriers[1].state === "failed");
  assert.deepEqual(seen, ["null http attached"]);
});

test("a better carrier that opens while another one attaches is used once that has come about", async () => {
  const known = await begin((network) => (network.isUp = false));
  await attached(known.one);
  known.one.close();
  await known.one.closed;
  known.network.restart();
  // Requests were the best the last time; their HELLO is answered late, and WebSockets open slowly.
  const { network, one, seen } = await begin((network) => (network.isHole = true), known.gateway);
  const { take } = network;
  /** @type {(() => void)[]} */
  const held = [];
  network.take = (socket, bytes) => (socket.url ? take.call(network, socket, bytes) : void held.push(() => take.call(network, socket, bytes)));
  await until(() => held.length && network.last.url);
  network.last.readyState = 1;
  network.last.onopen?.({ type: "open" });
  network.take = take;
  await new Promise((resolve) => setImmediate(resolve));
  held.forEach((give) => give());
  await until(() => one.carrier === "websocket");
  assert.deepEqual(seen, ["null http attached", "http websocket moved"]);
  assert.equal(one.carriers[1].state, "active");
});

test("what is forced is used at once, up and down, and streams do not notice", async () => {
  const { one, seen } = await begin();
  await attached(one);
  const say = await talk(one);
  const ways = /** @type {const} */ (["http-poll", "websocket", "http", "http-poll", "http", "websocket"]);
  let byte = 0;
  for (const way of ways) {
    const { key } = one.core.carrier;
    configure({ carriers: [way] });
    await say(++byte);
    await until(() => one.core.carrier?.key !== key);
    await attached(one);
    assert.ok(way.startsWith(`${one.carrier}`));
    await say(++byte);
  }
  const moved = ways.map((way, i) => `${(ways[i - 1] ?? "websocket").slice(0, 4)} ${way.slice(0, 4)} moved`);
  assert.deepEqual(seen.slice(1).map((line) => line.replace(/(http|webs)\w*/g, "$1")), moved);
});

test("what is forced and does not work is waited for, on what there is", async () => {
  const { one, network } = await begin((network) => (network.isUp = false));
  await attached(one);
  const say = await talk(one);
  configure({ carriers: ["websocket"] });
  await say(1);
  assert.equal(one.carrier, "http");
  network.isUp = true;
  await until(() => one.carrier === "websocket");
  await say(2);
});

test("what is forced while nothing carries the session is tried at once", async () => {
  configure({ carriers: ["websocket"] });
  const { one, network } = await begin((network) => (network.isHole = true));
  await until(() => network.sockets.length);
  configure({ carriers: ["http"] });
  const start = performance.now();
  await attached(one);
  assert.ok(performance.now() - start < 1000);
  assert.equal(one.carrier, "http");
});

test("what is forbidden while the first carrier is being opened does not get its turn", async () => {
  const { one, gateway } = await begin((network) => (network.isHole = true));
  await until(() => one.choice);
  configure({ carriers: ["websocket"] });
  await new Promise((resolve) => setTimeout(resolve, 1700));
  assert.deepEqual([one.readyState, gateway.asked.down], ["connecting", [0, 0, 0]]);
});

test("a session that ends while the gateway is asked for its carriers opens none", async (t) => {
  const { fetch } = globalThis;
  let answer = () => {};
  const asked = t.mock.method(globalThis, "fetch", async (/** @type {[string]} */ ...args) => {
    await new Promise((resolve) => (answer = () => resolve(undefined)));
    return fetch(...args);
  });
  configure({ carriers: ["http"] });
  const { one, gateway } = await begin();
  await until(() => asked.mock.callCount() === 1);
  one.close();
  await one.closed;
  answer();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([one.choice, asked.mock.callCount(), gateway.asked.down], [undefined, 1, [0, 0, 0]]);
});

test("the next page begins with what was the best, and does not try what failed", async () => {
  const first = await begin((network) => (network.isUp = false));
  await attached(first.one);
  first.one.close();
  await first.one.closed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  first.network.restart();
  const before = first.network.sockets.filter(({ url }) => url).length;
  const start = performance.now();
  const second = await begin(undefined, first.gateway);
  await attached(second.one);
  assert.ok(performance.now() - start < 1000);
  assert.equal(second.one.carrier, "http");
  assert.equal(first.network.sockets.filter(({ url }) => url).length, before);
});

test("whatever else is stored in its place is no memory", async () => {
  for (const rubbish of ["", "{", "null", '{"best":7,"failed":9}', '{"best":"http","failed":{"http":"yesterday","websocket":1e99}}']) {
    const { one } = await begin((network, gateway) => (stored[`pageport carriers ${gateway.url}`] = rubbish));
    await attached(one);
    await (await talk(one))(1);
    one.close();
  }
});

test("a page that falls asleep while a better carrier is tried lets go of both, and blames none", async () => {
  const { one, network } = await begin((network) => (network.isUp = false));
  await attached(one);
  network.isUp = true;
  const { take } = network;
  network.take = (socket, bytes) => (socket.url ? undefined : take.call(network, socket, bytes));
  page.dispatchEvent(new Event("online"));
  await until(() => one.core.candidate?.opened);
  page.dispatchEvent(new Event("freeze"));
  assert.deepEqual([one.core.carrier, one.core.candidate, one.readyState], [undefined, undefined, "suspended"]);
  assert.equal(one.carriers[1].state, "ready");
  await until(() => network.last.readyState === 3);
  network.take = take;
  page.dispatchEvent(new Event("resume"));
  await attached(one);
});

test("a sleeping page opens nothing, and a page that wakes begins anew", async () => {
  const { one, network } = await begin((network) => (network.isHole = true));
  await until(() => one.choice);
  page.dispatchEvent(Object.assign(new Event("freeze")));
  const { length } = network.sockets;
  await new Promise((resolve) => setTimeout(resolve, 1700));
  assert.equal(network.sockets.length, length);
  assert.equal(one.readyState, "connecting");
  page.dispatchEvent(Object.assign(new Event("resume")));
  await attached(one);
  assert.equal(one.carrier, "http");
});
