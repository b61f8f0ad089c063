/** How a session comes back: after failures, and with the life of its page. Node has no such events, so this file brings its own. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { configure, session } from "../pageport/index.js";
import { SETTLED } from "../pageport/limits.js";
import * as wire from "../pageport/wire.js";
import { Network, next, until } from "./session-network.js";

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.document = /** @type {any} */ ({ hidden: false });

let gateways = 0;
/** @type {import("../pageport/session.js").Session[]} */
const begun = [];

/** A session that is attached. @param {Network} network */
async function begin(network) {
  configure({ WebSocket: network.WebSocket });
  const one = session({ gateway: `http://life-${++gateways}.test` });
  begun.push(one);
  await until(() => one.core.carrier?.phase === wire.ATTACHED && one.choice);
  return one;
}

afterEach(() => begun.splice(0).forEach((one) => one.close()));

/** @param {string} type @param {object} [fields] */
const fire = (type, fields) => page.dispatchEvent(Object.assign(new Event(type), fields));

test("the first retry comes at once", async () => {
  const network = new Network();
  const one = await begin(network);
  // It has lived long enough to count as a success.
  await new Promise((resolve) => setTimeout(resolve, SETTLED + 50));
  network.cut();
  await next(one, "carrierchange");
  assert.equal(one.readyState, "suspended");
  assert.equal(network.sockets.length, 2);
  await next(one, "carrierchange");
  assert.equal(one.readyState, "open");
});

test("pauses grow, with jitter, and an event of the page ends them", async (t) => {
  const network = new Network();
  const one = await begin(network);
  const random = t.mock.method(Math, "random", () => 0.5);
  const timers = t.mock.method(globalThis, "setTimeout");
  network.isUp = false;
  network.cut();
  const pauses = () => timers.mock.calls.map(({ arguments: [, ms] }) => Math.round(ms)).filter((ms) => ms > 50 && ms < 5000);
  await until(() => pauses().length === 3);
  assert.deepEqual(pauses(), [125, 250, 500]);
  assert.equal(network.sockets.length, 4);
  timers.mock.restore();
  random.mock.restore();
  network.isUp = true;
  fire("online");
  await until(() => network.sockets.length === 5);
  await next(one, "carrierchange");
  assert.equal(one.readyState, "open");
});

for (const type of ["online", "visibilitychange", "pageshow", "resume"]) {
  test(`${type} makes the page ask whether its carrier still works`, async () => {
    const network = new Network();
    const one = await begin(network);
    fire(type);
    await until(() => network.count(wire.PING) === 1);
    await until(() => one.core.carrier?.pinged === -1);
    assert.equal(network.sockets.length, 1);
  });
}

test("a hidden page does not ask", async () => {
  const network = new Network();
  await begin(network);
  document.hidden = true;
  fire("visibilitychange");
  document.hidden = false;
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(network.count(wire.PING), 0);
});

test("a carrier that does not answer is replaced after five seconds", async () => {
  const network = new Network();
  const one = await begin(network);
  network.isDeaf = true;
  fire("online");
  await until(() => network.count(wire.PING) === 1);
  const pinged = performance.now();
  await next(one, "carrierchange");
  const took = performance.now() - pinged;
  assert.equal(one.readyState, "suspended");
  assert.ok(took > 4900, `${took} ms`);
  network.isDeaf = false;
  await next(one, "carrierchange");
  assert.equal(one.readyState, "open");
});

test("pagehide ends the session, unless the page is kept; a request says so too, as the carrier may be gone", async (t) => {
  const network = new Network();
  const one = await begin(network);
  const asked = t.mock.method(globalThis, "fetch", async () => new Response());
  const { session, secret } = one.core;
  fire("pagehide", { persisted: false });
  assert.equal(one.readyState, "closed");
  await one.closed;
  await until(() => network.count(wire.CLOSE) === 1);
  const { calls } = asked.mock;
  assert.equal(calls.length, 1);
  const [url, { method, keepalive, mode, body }] = /** @type {any} */ (calls[0].arguments);
  assert.deepEqual([url, method, keepalive, mode], [`${one.gateway}/link/close`, "POST", true, "no-cors"]);
  assert.deepEqual(JSON.parse(body), { session, secret });
});

for (const [sleep, wake, fields] of [["freeze", "resume", {}], ["pagehide", "pageshow", { persisted: true }]]) {
  test(`${sleep} lets go of the carrier, ${wake} brings it back`, async (t) => {
    const network = new Network();
    const one = await begin(network);
    const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
    const timers = t.mock.method(globalThis, "setTimeout");
    fire(sleep, fields);
    assert.equal(one.readyState, "suspended");
    await until(() => network.last.readyState === 3);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(network.sockets.length, 1, "a sleeping page tries nothing");
    assert.equal(timers.mock.callCount(), 0, "nor does it plan to");
    timers.mock.restore();
    fire(wake, fields);
    await until(() => one.readyState === "open");
    const writer = writable.getWriter();
    await writer.write(Uint8Array.of(7));
    assert.deepEqual((await readable.getReader().read()).value, Uint8Array.of(7));
  });
}

test("a session that ended does not react to its page any more", async (t) => {
  const network = new Network();
  const one = await begin(network);
  one.close();
  await one.closed;
  const timers = t.mock.method(globalThis, "setTimeout");
  fire("online");
  fire("pageshow");
  await until(() => network.last.readyState === 3);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([network.sockets.length, timers.mock.callCount()], [1, 0]);
});
