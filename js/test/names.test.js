/** Names and ports that belong to a key, against a gateway in memory that verifies. What takes a browser is in browser/. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { configure, serve, session, WebSocketListener } from "../pageport/index.js";
import { Listening } from "../pageport/listening.js";
import * as wire from "../pageport/wire.js";
import { Names } from "./names-gateway.js";
import { Network, next, until } from "./session-network.js";

let gateways = 0;
/** @type {string[]} */
const used = [];
const newKey = async () => /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));

/** A gateway, and what listens there with one key. */
async function world() {
  const network = new Network();
  configure({ WebSocket: network.WebSocket });
  const gateway = `http://names-${++gateways}.test`;
  used.push(gateway);
  const key = await newKey();
  const names = new Names(network, gateway);
  /** @param {object} [init] */
  const begin = (init) => new WebSocketListener({ gateway, key, ...init });
  /** @param {object} [init] */
  const listen = async (init) => {
    const listener = begin(init);
    await next(listener, "listening");
    return listener;
  };
  return { network, names, gateway, key, begin, listen };
}

/** What a listener fails with. @param {EventTarget} listener */
const failure = async (listener) => (await next(listener, "error")).error.code;

afterEach(() => used.splice(0).forEach((gateway) => session({ gateway }).close()));

test("a chosen name is claimed", async () => {
  const { names, listen } = await world();
  const listener = await listen({ name: "shop" });
  assert.equal(listener.url, "ws://shop.gw.test/");
  const [{ name, claim }] = names.heads;
  assert.equal(name, "shop");
  assert.deepEqual(Object.keys(claim ?? {}).sort(), ["key", "signature"]);
});

test("what the session has proven needs no second claim, whoever is first", async () => {
  const { names, gateway, key, begin } = await world();
  const listener = begin({ name: "shop" });
  const site = serve(() => new Response(), { gateway, key, name: "shop" });
  await Promise.all([next(listener, "listening"), site.opened]);
  assert.deepEqual(names.heads.map(({ listen, claim }) => [listen, Boolean(claim)]), [["websocket", true], ["http", false]]);
});

test("what the session has lost since is claimed again", async () => {
  const { names, listen } = await world();
  await listen({ name: "shop" });
  names.refusals.push("ERR_CLAIM_REQUIRED", "ERR_CLAIM_STALE");
  await listen({ name: "shop" });
  assert.deepEqual(names.heads.map(({ claim }) => Boolean(claim)), [true, false, true, true]);
});

test("a nonce that is of no use any more is replaced by attaching anew", async () => {
  const { network, names, gateway, listen } = await world();
  names.refusals.push("ERR_CLAIM_STALE");
  await listen({ name: "shop" });
  assert.equal(network.sockets.length, 2);
  assert.equal(names.heads.length, 2);
  assert.notEqual(names.heads[0].claim?.signature, names.heads[1].claim?.signature);
  assert.equal(session({ gateway }).readyState, "open");
});

test("a gateway that never takes a nonce is not asked for ever", async () => {
  const { names, begin } = await world();
  names.refusals.push(..."STALE ".repeat(20).trim().split(" ").map((word) => `ERR_CLAIM_${word}`));
  const listener = begin({ name: "shop" });
  assert.equal(await failure(listener), "ERR_CLAIM_STALE");
  assert.equal(listener.readyState, listener.CLOSED);
  assert.equal(names.heads.length, 3);
});

test("after a lost session the name is claimed again, with the nonce of the new one", async () => {
  const { network, names, listen } = await world();
  const listener = await listen({ name: "shop" });
  const failed = failure(listener);
  network.restart();
  assert.equal(await failed, "ERR_SESSION_LOST");
  await next(listener, "listening");
  assert.equal(listener.url, "ws://shop.gw.test/");
  assert.ok(names.heads[1].claim);
});

test("a random name stays the same through sessions, and is another one for each listener", async () => {
  const { network, names, listen } = await world();
  const [one, two] = [await listen(), await listen()];
  const urls = [one.url, two.url];
  assert.match(urls[0], /^ws:\/\/(?=[a-z]*\d)[a-z2-7]{13}\.gw/);
  assert.notEqual(urls[0], urls[1]);
  const again = Promise.all([next(one, "listening"), next(two, "listening")]);
  network.restart();
  await again;
  assert.deepEqual([one.url, two.url], urls);
  assert.equal(names.owners.size, 2);
});

test("a name that somebody else has is an error, and is not asked for again", async () => {
  const { names, begin } = await world();
  names.owners.set("shop", "somebody else");
  const listener = begin({ name: "shop" });
  assert.equal(await failure(listener), "ERR_NAME_TAKEN");
  assert.equal(listener.readyState, listener.CLOSED);
  assert.equal(names.heads.length, 1);
});

test("a name that was taken over closes its listener, which stays away", async () => {
  const { network, names, listen } = await world();
  const listener = await listen({ name: "shop" });
  const failed = failure(listener);
  network.say([wire.RESET, 1, 77, network.core.streams.get(1)?.out.end]);
  assert.equal(await failed, "ERR_NAME_REPLACED");
  assert.equal(listener.readyState, listener.CLOSED);
  network.restart();
  await listen({ name: "other" });
  assert.deepEqual(names.heads.map(({ name }) => name), ["shop", "other"]);
});

test("without a key there is no chosen name, and a random one belongs to the session", async () => {
  const { network, names, gateway } = await world();
  const named = new WebSocketListener({ gateway, name: "shop" });
  assert.equal(await failure(named), "ERR_INSECURE_CONTEXT");
  assert.equal(named.readyState, named.CLOSED);
  assert.equal(network.sockets.length, 1);
  const listener = new WebSocketListener({ gateway });
  await next(listener, "listening");
  assert.deepEqual(names.heads, [{ listen: "websocket" }]);
});

test("a key that cannot sign is an error of its own", async () => {
  const { begin } = await world();
  const other = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  for (const key of [other, { publicKey: (await newKey()).publicKey }, {}, "a string"]) {
    const listener = begin({ name: "shop", key });
    assert.equal(await failure(listener), "ERR_INVALID_ARGUMENT");
    assert.equal(listener.readyState, listener.CLOSED);
  }
});

test("a part of the module that does not come is asked for again when a carrier has come again", async () => {
  const { network, gateway } = await world();
  /** @type {any[]} */
  const told = [];
  let calls = 0;
  const load = async () => (++calls > 1 ? () => {} : Promise.reject(new TypeError("it did not come")));
  const listening = new Listening({ gateway }, { kind: "websocket", load, failed: (error) => told.push(error), closed: () => assert.fail("it was closed") });
  await until(() => told.length);
  assert.deepEqual([told[0].code, told[0].message], ["ERR_GATEWAY_UNREACHABLE", "TypeError: it did not come"]);
  network.cut();
  await listening.opened;
  assert.deepEqual([calls, told.length], [2, 1]);
  listening.session.listeners.delete(listening);
});

test("a port of its own", async () => {
  const { names, listen, begin } = await world();
  const any = await listen({ port: 0 });
  assert.deepEqual([any.port, any.url, any.pathUrl], [7101, "ws://gw.test:7101/", ""]);
  assert.deepEqual([names.heads[0].port, Boolean(names.heads[0].claim)], [0, true]);
  assert.equal((await listen({ port: 7150 })).port, 7150);
  names.taken.add(7151);
  assert.equal(await failure(begin({ port: 7151 })), "ERR_PORT_UNAVAILABLE");
});

test("two who want any port get one each, and attach anew for the second claim", async () => {
  const { network, begin } = await world();
  const listeners = [begin({ port: 0 }), begin({ port: 0 })];
  await Promise.all(listeners.map((listener) => next(listener, "listening")));
  assert.notEqual(listeners[0].port, listeners[1].port);
  assert.equal(network.sockets.length, 2);
});

test("a port stays the same through sessions; where it cannot, another takes its place", async () => {
  const { network, names, listen } = await world();
  const listener = await listen({ port: 0 });
  const { port } = listener;
  network.restart();
  await next(listener, "listening");
  assert.equal(listener.port, port);
  names.taken.add(Number(port));
  network.restart();
  await next(listener, "listening");
  assert.deepEqual(names.heads.slice(1).map((head) => head.port), [port, port, 0]);
  assert.notEqual(listener.port, port);
});

test("visitors at a port are told from those at a name", async () => {
  const { network, listen } = await world();
  const [named, ported] = [await listen({ name: "shop" }), await listen({ port: 7150 })];
  const [at, by] = [next(ported, "connection"), next(named, "connection")];
  network.visit({ listener: ":7150", peer: "at the port" });
  network.visit({ listener: "shop", peer: "by name" });
  assert.equal((await at).request.peer, "at the port");
  assert.equal((await by).request.peer, "by name");
});

test("a port that cannot be, or a port and a name, is an error at once", async () => {
  const { begin } = await world();
  for (const init of [{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { port: NaN }, { port: 7100, name: "shop" }])
    assert.throws(() => begin(init), { code: "ERR_INVALID_ARGUMENT" });
});

test("who closes while a claim is made never listens, and holds nobody up", async () => {
  const { names, begin, listen } = await world();
  const listener = begin({ name: "shop" });
  listener.onlistening = () => assert.fail("it was closed");
  listener.onerror = ({ error }) => assert.fail(error);
  await until(() => session({ gateway: used[0] }).readyState === "open");
  listener.close();
  await listen({ name: "shop" });
  assert.equal(names.heads.length, 1, "nobody asked for the one that was closed");
});
