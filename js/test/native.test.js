/** Native streams of the carrier `webtransport`, against a gateway in memory: what they carry, and what becomes of it when they are stopped. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, test } from "node:test";
import { reply } from "../pageport/core.js";
import { configure, session } from "../pageport/index.js";
import { progress } from "../pageport/receive.js";
import { ints } from "../pageport/varint.js";
import * as wire from "../pageport/wire.js";
import { NativeNetwork } from "./native-network.js";
import { Random } from "./random.js";
import { until } from "./session-network.js";

/** PAGEPORT_SEEDS=200 looks further. */
const SEEDS = Number(process.env.PAGEPORT_SEEDS ?? 10);

let gateways = 0;
/** @type {(() => void)[]} */
const begun = [];
afterEach(() => begun.splice(0).forEach((end) => end()));
after(() => configure({ carriers: undefined }));

const attached = (/** @type {import("../pageport/session.js").Session} */ one) => until(() => one.core.carrier?.phase === wire.ATTACHED);

/** How much of its only stream has left on this carrier. @param {import("../pageport/session.js").Session} one */
const sent = (one) => [...one.core.streams.values()][0]?.sent;

/** A session that WebTransport carries. */
async function begin() {
  const network = new NativeNetwork();
  globalThis.WebTransport = network.WebTransport;
  configure({ carriers: ["webtransport"] });
  const one = session({ gateway: `http://native-${++gateways}.test` });
  begun.push(() => one.close());
  await attached(one);
  assert.equal(one.carrier, "webtransport");
  return { network, one };
}

/** A stream to somebody who reads everything. @param {NativeNetwork} network @param {import("../pageport/session.js").Session} one */
async function upload(network, one) {
  /** @type {Promise<Buffer> | undefined} */
  let arrived;
  network.onstream = (stream) => {
    // A window that is no obstacle.
    stream.window = 2 << 20;
    progress(network.core, stream);
    reply(network.core, stream, { ok: true });
    arrived = network.drain(stream);
  };
  const { writable } = await one.createBidirectionalStream({ connect: "reader" });
  await until(() => arrived && [...one.core.streams.values()][0].limit > 1 << 20);
  return { writer: writable.getWriter(), arrived: /** @type {Promise<Buffer>} */ (arrived) };
}

test("large bodies go by native streams, both ways", async () => {
  const { network, one } = await begin();
  const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
  const body = randomBytes(600_000);
  const writer = writable.getWriter();
  writer.write(body).then(() => writer.close());
  const back = Buffer.from(await new Response(readable).arrayBuffer());
  assert.ok(back.equals(body));
  assert.ok(network.connections[0].lanes.length);
});

test("a native stream that breaks on a carrier that was left changes nothing on the next one", async () => {
  const { network, one } = await begin();
  network.isHolding = true;
  const { writer, arrived } = await upload(network, one);
  const body = randomBytes(1_500_000);
  const written = writer.write(body).then(() => writer.close());
  const lane = async () => {
    const { lanes } = network.connections[network.connections.length - 1];
    await until(() => lanes[0]?.written);
    return lanes[0];
  };
  const first = await lane();
  one.abortCarrier();
  await until(() => network.connections.length === 2);
  await attached(one);
  const second = await lane();
  // The first carrier is gone for good only now: its native stream breaks.
  first.stop();
  await new Promise((resolve) => setImmediate(resolve));
  network.isHolding = false;
  second.go();
  await written;
  assert.ok((await arrived).equals(body));
  assert.equal(one.core.ended, -1);
});

for (const rest of [0, 100_000]) {
  test(`a native stream that is refused after ${rest ? "a part" : "all"} was written: what did not arrive goes as frames`, async () => {
    const { network, one } = await begin();
    network.accepts = false;
    const { writer, arrived } = await upload(network, one);
    const body = randomBytes(600_000);
    await writer.write(body.subarray(rest));
    const { lanes } = network.connections[0];
    // All of it is on its way, and no write waits.
    await until(() => sent(one) > 500_000 - rest && lanes[0]?.passed > 100_000 && lanes[0].passed === lanes[0].written);
    lanes[0].refuse();
    await new Promise((resolve) => setImmediate(resolve));
    if (rest) await writer.write(body.subarray(0, rest));
    await writer.close();
    assert.ok((await arrived).equals(Buffer.concat([body.subarray(rest), body.subarray(0, rest)])));
    assert.equal(lanes.length, 1);
  });
}

test("a native stream that is refused when everything was written, the end too: what did not arrive goes as frames", async () => {
  const { network, one } = await begin();
  network.accepts = false;
  const { writer, arrived } = await upload(network, one);
  const body = randomBytes(600_000);
  await writer.write(body);
  await writer.close();
  const { lanes } = network.connections[0];
  // FIN has left, as a frame.
  await until(() => sent(one) > 600_000 && lanes[0]?.passed > 100_000 && lanes[0].passed === lanes[0].written);
  lanes[0].refuse();
  assert.ok((await arrived).equals(body));
});

test("datagrams that the browser does not take wait where the oldest makes room: 64 of them, and no more", async () => {
  const { network, one } = await begin();
  let go = () => {};
  network.datagramsWait = new Promise((resolve) => (go = () => resolve(undefined)));
  const writer = one.datagrams.writable.getWriter();
  for (let flow = 0; flow < 100; flow++) await writer.write({ flow: 0, bytes: Uint8Array.of(flow) });
  await new Promise((resolve) => setImmediate(resolve));
  go();
  await writer.write({ flow: 0, bytes: Uint8Array.of(100) });
  await until(() => network.datagrams.at(-1)?.[1] === 100);
  const came = network.datagrams.map(([, flow]) => flow);
  // One was with the browser already, and the newest made room for itself.
  assert.deepEqual(came, [0, ...Array.from({ length: 64 }, (_, at) => at + 37)]);
});

test("bytes behind a gap that nobody fills end the session after 30 s in which other things come, and not after a silence", async (t) => {
  const { network, one } = await begin();
  const now = performance.now.bind(performance);
  let later = 0;
  t.mock.method(performance, "now", () => now() + later);
  const { readable } = await one.createBidirectionalStream({ connect: "echo" });
  readable.getReader();
  const behind = await network.connections[0].open();
  await behind.write(Uint8Array.from([...ints(one.core.next - 2, 5000), 1, 2, 3]));
  await network.roundTrip();
  const steps = async (/** @type {number} */ count, /** @type {number} */ ms) => {
    for (; count--; await network.roundTrip()) later += ms;
  };
  // Each of these silences counts as five seconds.
  await steps(4, 39_000);
  assert.equal(one.core.ended, -1);
  await steps(1, 4_900);
  assert.equal(one.core.ended, -1);
  await Promise.all([assert.rejects(one.closed, { code: "ERR_GAP" }), steps(2, 4_900).catch(() => {})]);
});

test("a frame that is too long ends the session, however much of it comes at once", async () => {
  const { network, one } = await begin();
  network.connections[0].arrive(Uint8Array.from([wire.DATA, ...ints(300_000), ...new Uint8Array(300_000)]));
  await assert.rejects(one.closed, { code: "ERR_FRAME_TOO_LARGE" });
});

test("uploads, downloads, cuts and refusals in any order, from one carrier to the next: every byte arrives once", async (t) => {
  // Nobody waits before the next attempt.
  t.mock.method(Math, "random", () => 0);
  let [cuts, stops] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new Random(seed);
    const { network, one } = await begin();
    const bodies = Array.from({ length: 4 }, () => randomBytes(300_000 + random.below(900_000)));
    let left = bodies.length;
    const echoes = bodies.map(async (body) => {
      const { readable, writable } = await one.createBidirectionalStream({ connect: "echo" });
      const writer = writable.getWriter();
      writer.write(body).then(() => writer.close()).catch(() => {});
      const back = Buffer.from(await new Response(readable).arrayBuffer());
      left--;
      return back.equals(body);
    });
    const meddle = async () => {
      for (let most = 20; left && most--; ) {
        for (let turns = random.below(12); turns--; ) await new Promise((resolve) => setImmediate(resolve));
        const lanes = network.connections.flatMap(({ lanes }) => lanes);
        if (random.onceIn(2) && lanes.length) {
          stops++;
          random.pick(lanes).stop();
        } else {
          cuts++;
          one.abortCarrier();
          await attached(one);
        }
      }
    };
    const came = await Promise.all([Promise.all(echoes), meddle()]);
    assert.deepEqual(came[0], bodies.map(() => true), `PAGEPORT_SEEDS=${seed}`);
    one.close();
  }
  console.log(`${SEEDS} seeds, ${cuts} cuts, ${stops} native streams stopped`);
  assert.ok(cuts > SEEDS && stops > SEEDS, "the network was too good");
});
