/** The `http` carrier against a gateway in memory, and through proxies of every kind. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, afterEach, test } from "node:test";
import { configure, session } from "../pageport/index.js";
import { HttpCarrier } from "../pageport/http.js";
import { Memory } from "../pageport/memory.js";
import { HttpGateway } from "./http-gateway.js";
import { Network, next, until } from "./session-network.js";
import { ATTACHED } from "../pageport/wire.js";

/** @type {(() => void)[]} */
const begun = [];
afterEach(() => begun.splice(0).forEach((end) => end()));
after(() => configure({ carriers: undefined, WebSocket: undefined }));

/** A session that is attached over `http`. @param {(gateway: HttpGateway) => void} [prepare] @param {("http" | "http-poll")} [kind] */
async function begin(prepare, kind = "http") {
  const network = new Network();
  const gateway = await HttpGateway.start(network);
  prepare?.(gateway);
  configure({ carriers: [kind], WebSocket: network.WebSocket });
  const one = session({ gateway: gateway.url });
  begun.push(() => one.close(), () => gateway.close());
  await until(() => one.core.carrier?.phase === ATTACHED);
  assert.equal(one.carrier, "http");
  return { network, gateway, one };
}

/** Sends bytes to an echo and back. @param {import("../pageport/session.js").Session} one @param {number} bytes @param {(sent: number) => void} [during] */
async function echo(one, bytes, during) {
  const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
  const [sent, got] = [createHash("sha256"), createHash("sha256")];
  const writing = (async () => {
    const writer = writable.getWriter();
    for (let at = 0; at < bytes; at += 20_000) {
      const chunk = randomBytes(Math.min(20_000, bytes - at));
      sent.update(chunk);
      await writer.write(chunk);
      during?.(at);
    }
    await writer.close();
  })();
  for await (const chunk of readable) got.update(chunk);
  await writing;
  assert.equal(got.digest("hex"), sent.digest("hex"));
}

test("streaming: one request hangs and brings everything", async () => {
  const { gateway, one } = await begin();
  await echo(one, 400_000);
  assert.equal(gateway.asked.down[0], 1);
  assert.deepEqual(gateway.asked.down.slice(1), [0, 0]);
  assert.equal(gateway.mostHanging, 1);
});

test("an answer that has grown long is followed by the next", async () => {
  const { gateway, one } = await begin();
  await echo(one, 3_000_000);
  assert.ok(gateway.asked.down[0] >= 3, `${gateway.asked.down[0]} requests`);
});

test("an answer that has hung long is followed by the next", async () => {
  const { gateway, one } = await begin((gateway) => (gateway.hangs = 50));
  await until(() => gateway.asked.down[0] > 4);
  await echo(one, 100_000);
  assert.equal(one.readyState, "open");
});

test("polling, when it is asked for: every answer ends", async () => {
  const { gateway, one } = await begin(undefined, "http-poll");
  await echo(one, 200_000);
  assert.equal(gateway.asked.down[0], 0);
  assert.ok(gateway.asked.down[1] > 3);
});

test("a proxy that holds answers back is found out, and polling goes through it", async () => {
  const start = performance.now();
  const { gateway, one } = await begin((gateway) => (gateway.isBuffering = true));
  assert.ok(performance.now() - start < 3000);
  await echo(one, 200_000);
  assert.equal(gateway.asked.down[0], 1);
  assert.ok(gateway.asked.down[1] > 3);
});

for (const [name, answer] of [["break", 0], ["are refused by a proxy", 502]]) {
  test(`requests that ${name} now and then are made again, and nothing is lost or doubled`, async () => {
    const { gateway, one } = await begin();
    let requests = 0;
    gateway.meddle = () => (++requests % 5 ? undefined : answer);
    // How many that takes depends on how much goes into each.
    do await echo(one, 600_000);
    while (requests <= 20);
    assert.equal(gateway.network.core.attaches, 1);
  });
}

test("an answer to an upload that gets lost: the upload is made again, and not taken again", async () => {
  const { gateway, one, network } = await begin();
  const heard = network.heard.length;
  const { take } = network;
  let losses = 0;
  network.take = (socket, bytes) => {
    take.call(network, socket, bytes);
    if (losses++ < 2) gateway.cut();
  };
  await echo(one, 50_000);
  assert.ok(network.heard.length > heard && losses > 2);
  assert.equal(network.core.attaches, 1);
});

for (const status of [404, 409]) {
  test(`a gateway that answers ${status} has lost the carrier: the session attaches anew`, async () => {
    const { gateway, one, network } = await begin();
    let left = 1;
    gateway.meddle = () => (left-- > 0 ? status : undefined);
    gateway.cut();
    await until(() => network.core.attaches === 2);
    await echo(one, 50_000);
  });
}

test("a gateway that is gone is a loss within two seconds", async () => {
  const { gateway, one } = await begin();
  const start = performance.now();
  gateway.close();
  await next(one, "carrierchange");
  assert.equal(one.readyState, "suspended");
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
});

test("a carrier that is aborted hangs nowhere", async () => {
  const { gateway, one } = await begin();
  one.abortCarrier();
  assert.equal((await next(one, "carrierchange")).reason, "aborted");
  assert.equal((await next(one, "carrierchange")).reason, "attached");
  await until(() => gateway.hanging === 1);
  await echo(one, 10_000);
});

test("nothing is in a URL, and no request needs to be asked for first", async (t) => {
  const asked = t.mock.method(globalThis, "fetch");
  const { one } = await begin();
  await echo(one, 10_000);
  const links = asked.mock.calls.map(({ arguments: [url, init] }) => [new URL(url), init]).filter(([url]) => url.pathname.startsWith("/link"));
  assert.deepEqual([...new Set(links.map(([url]) => url.pathname + url.search))].sort(), ["/link/down", "/link/up"]);
  for (const [, { method, headers }] of links) assert.deepEqual([method, headers], ["POST", undefined]);
});

/** Where tabs share what they leave hanging: locks that one gets when this says so. @param {import("node:test").TestContext} t @param {() => Promise<unknown>} given */
function withLocks(t, given) {
  const had = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const locks = { request: async (/** @type {string} */ _name, /** @type {object} */ _options, /** @type {(lock: any) => unknown} */ got) => got(await given()) };
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks } });
  t.after(() => (had ? Object.defineProperty(globalThis, "navigator", had) : Reflect.deleteProperty(globalThis, "navigator")));
}

test("a tab that has to ask again and again keeps nothing of each time", async (t) => {
  withLocks(t, async () => null);
  /** @type {Map<EventTarget, number>} */
  const kept = new Map();
  for (const [method, change] of /** @type {const} */ ([["addEventListener", 1], ["removeEventListener", -1]])) {
    const original = EventTarget.prototype[method];
    t.mock.method(EventTarget.prototype, method, function (/** @type {any[]} */ ...args) {
      // By whom, behind the mock: what fetch does is its own affair.
      if (/pageport.http\.js/.test(`${new Error().stack?.split("\n")[3]}`)) kept.set(this, (kept.get(this) ?? 0) + change);
      return original.apply(this, /** @type {any} */ (args));
    });
  }
  const { gateway, one } = await begin();
  await echo(one, 1_500_000);
  assert.ok(gateway.asked.down[2] > 10, `${gateway.asked.down}`);
  assert.ok(kept.size && Math.max(...kept.values()) < 5, `${[...kept.values()]}`);
});

test("a carrier that is closed while it waits for its turn to hang asks nothing", async (t) => {
  let give = () => {};
  const given = new Promise((resolve) => (give = () => resolve(null)));
  withLocks(t, () => given);
  const gateway = await HttpGateway.start(new Network());
  begun.push(() => gateway.close());
  const asked = t.mock.method(globalThis, "fetch");
  const carrier = new HttpCarrier(gateway.url, new Memory(gateway.url), false, () => {}, () => {});
  carrier.close();
  give();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(asked.mock.calls.filter(({ arguments: [url] }) => url.startsWith(gateway.url)), []);
});
