/** What a gateway may not do, each with its documented code (spec/errors.md): from outside, message by message. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { attach, end, lose, probe, receive, tick, timeout } from "../pageport/attach.js";
import { nameOf } from "../pageport/codes.js";
import { Core, open } from "../pageport/core.js";
import { decode, join } from "../pageport/frames.js";
import { finish, reset } from "../pageport/send.js";
import { write } from "../pageport/stream-io.js";
import { stop } from "../pageport/receive.js";
import { transmit } from "../pageport/transmit.js";
import * as wire from "../pageport/wire.js";
import { frame, json, message, prefix } from "./session-frames.js";
import { NONCE, SECRET, SESSION } from "./session-gateway.js";

/** @typedef {import("../pageport/frames.js").Frame} Frame */

const LIMITS = { streams: 4, initial: 4096, unreceived: 65_536 };
const WELCOME = { version: 1, session: SESSION, secret: SECRET, nonce: NONCE, lease: 150, limits: LIMITS, features: [] };
const bytes = (/** @type {number} */ length) => new Uint8Array(length);
const head = prefix({ kind: "websocket" });

/** A page, and a gateway that says what the test says. */
class Page {
  now = 0;
  /** @type {Frame[]} */
  sent = [];

  /** @param {object} [limits] */
  constructor(limits) {
    this.core = new Core({ limits: { ...LIMITS, streams: 3, ...limits } });
  }

  attach(key = "first") {
    lose(this.core);
    return this.candidate(key);
  }

  /** An attempt on another carrier, while what is attached goes on. */
  candidate(key = "second") {
    attach(this.core, key, this.now);
    this.flush();
    return this;
  }

  /** @param {object} [more] */
  welcome(more) {
    return this.hear([wire.WELCOME, json({ ...WELCOME, ...more })]);
  }

  attached() {
    return this.attach().welcome().hear([wire.RESUME, 1, 0, []]);
  }

  /** @param {...Frame} frames */
  hear(...frames) {
    return this.hearBytes(message(...frames));
  }

  /** @param {Uint8Array} bytes */
  hearBytes(bytes, key = this.core.carrier?.key) {
    receive(this.core, key, bytes, this.now);
    this.flush();
    return this;
  }

  flush() {
    this.sent = [];
    for (const carrier of [this.core.carrier, this.core.candidate]) {
      for (let bytes; carrier && (bytes = transmit(this.core, this.now, 100_000, carrier)); ) this.sent.push(...decode(bytes));
    }
  }

  /** @param {object} [head] */
  open(head = {}) {
    const stream = open(this.core, head, this.now);
    this.flush();
    return stream;
  }

  /** The session ended with this code, and said so. @param {string} code */
  ended(code, isTold = true) {
    assert.equal(this.core.ended < 0 ? "alive" : nameOf(this.core.ended), code);
    assert.deepEqual(this.sent, isTold ? [[wire.CLOSE, this.core.ended, ""]] : []);
    assert.equal(this.core.streams.size, 0);
  }

  /** Only this stream ended with this code. @param {number} id @param {string} code */
  streamEnded(id, code) {
    assert.equal(this.core.ended, -1);
    const signals = this.sent.filter(([type, stream]) => stream === id && (type === wire.RESET || type === wire.STOP));
    assert.deepEqual(signals.map(([type, , number]) => [type, nameOf(number)]).sort(), [[wire.RESET, code], [wire.STOP, code]]);
  }
}

const page = () => new Page().attached();

/** @type {Record<string, [code: string, ...frames: Frame[]]>} */
const VIOLATIONS = {
  "DATA beyond the limit": ["ERR_FLOW_CONTROL", [wire.DATA, 2, 0, 0, head], [wire.DATA, 2, head.length, 0, bytes(65_536 + 1 - head.length)]],
  "DATA with a gap": ["ERR_GAP", [wire.DATA, 2, 1, 0, bytes(1)]],
  "DATA for a stream of ours that was never opened": ["ERR_STREAM_ID", [wire.DATA, 1, 0, 0, bytes(1)]],
  "ACK for a stream of ours that was never opened": ["ERR_STREAM_ID", [wire.ACK, [[3, 0, 0]]]],
  "RESET for a stream of ours that was never opened": ["ERR_STREAM_ID", [wire.RESET, 1, 64, 0]],
  "STOP for a stream of ours that was never opened": ["ERR_STREAM_ID", [wire.STOP, 1, 64]],
  "one stream too many": ["ERR_STREAM_LIMIT", [wire.DATA, 8, 0, 0, bytes(1)]],
  "a far too high stream id": ["ERR_STREAM_LIMIT", [wire.ACK, [[2 ** 52, 0, 0]]]],
  "bytes behind a FIN": ["ERR_FINAL_OFFSET", [wire.DATA, 2, 0, 0, head], [wire.DATA, 2, head.length, wire.FIN, bytes(2)], [wire.DATA, 2, head.length, 0, bytes(3)]],
  "a FIN before what was received": ["ERR_FINAL_OFFSET", [wire.DATA, 2, 0, 0, head], [wire.DATA, 2, 0, wire.FIN, bytes(2)]],
  "a second FIN elsewhere": ["ERR_FINAL_OFFSET", [wire.DATA, 2, 0, wire.FIN, head], [wire.DATA, 2, 0, wire.FIN, head.subarray(1)]],
  "a RESET before what was received": ["ERR_FINAL_OFFSET", [wire.DATA, 2, 0, 0, head], [wire.RESET, 2, 64, 3]],
  "a RESET behind a FIN, elsewhere": ["ERR_FINAL_OFFSET", [wire.DATA, 2, 0, wire.FIN, head], [wire.RESET, 2, 64, head.length + 1]],
  "an ACK for what was never written": ["ERR_ACK_INVALID", [wire.ACK, [[2, 1, 0]]]],
  "HELLO to a page": ["ERR_ATTACH_ORDER", [wire.HELLO, json({})]],
  "a second WELCOME": ["ERR_ATTACH_ORDER", [wire.WELCOME, json(WELCOME)]],
  "RESUME behind its end": ["ERR_ATTACH_ORDER", [wire.RESUME, 1, 0, []]],
};

for (const [name, [code, ...frames]] of Object.entries(VIOLATIONS)) {
  test(`${name}: ${code}`, () => page().hear(...frames).ended(code));
}

test("what may not come before the end of RESUME: ERR_ATTACH_ORDER", () => {
  const early = /** @type {Frame[]} */ ([
    [wire.DATA, 2, 0, 0, bytes(1)],
    [wire.ACK, [[2, 0, 0]]],
    [wire.RESET, 2, 64, 0],
    [wire.STOP, 2, 64],
    [wire.GOAWAY, 0, 0, 0, 0, 0],
    [wire.DATAGRAM, 0, bytes(1)],
    [wire.WELCOME, json(WELCOME)],
  ]);
  for (const one of early) new Page().attach().welcome().hear(one).ended("ERR_ATTACH_ORDER");
  const may = new Page().attach().welcome().hear([wire.PING, bytes(8)]);
  assert.deepEqual(may.sent, [[wire.PONG, bytes(8)]]);
  may.hear([wire.PONG, bytes(8)]).hearBytes(join(frame(31, bytes(3))));
  assert.equal(may.core.ended, -1);
});

test("before WELCOME nothing else may come, and nothing is said about it", () => {
  for (const one of /** @type {Frame[]} */ ([[wire.RESUME, 1, 0, []], [wire.PING, bytes(8)], [wire.DATA, 2, 0, 0, bytes(1)]])) {
    new Page().attach().hear(one).ended("ERR_ATTACH_ORDER", false);
  }
});

test("frames that break the format: their codes, and a text message among them", () => {
  page().hearBytes(join(frame(0x20, bytes(1)))).ended("ERR_FRAME_UNKNOWN");
  page().hearBytes(join(frame(0x21, bytes(4097)))).ended("ERR_FRAME_TOO_LARGE");
  page().hearBytes(bytes(262_145)).ended("ERR_FRAME_TOO_LARGE");
  page().hearBytes(message([wire.PING, bytes(8)]).subarray(0, 9)).ended("ERR_FRAME_MALFORMED");
  page().hearBytes(bytes(0)).ended("ERR_FRAME_MALFORMED");
});

test("a hundred skippable frames in any minute, and no more: ERR_FRAME_FLOOD", () => {
  const skippable = (/** @type {number} */ count) => join(Array.from({ length: count }, () => frame(0x21, bytes(1))).flat());
  const calm = page();
  for (let minute = 0; minute < 5; minute++) {
    calm.hearBytes(skippable(100));
    assert.equal(calm.core.ended, -1);
    calm.now += 60_000;
  }
  calm.now -= 1;
  calm.hearBytes(skippable(1)).ended("ERR_FRAME_FLOOD");
  page().hearBytes(skippable(101)).ended("ERR_FRAME_FLOOD");
});

test("WELCOME that breaks its format: ERR_HELLO_INVALID, ERR_VERSION", () => {
  for (const more of [{ secret: undefined }, { session: "short" }, { nonce: 7 }, { lease: -1 }, { limits: { ...LIMITS, streams: 0 } }, { features: "all" }]) {
    new Page().attach().welcome(more).ended("ERR_HELLO_INVALID", false);
  }
  new Page().attach().welcome({ version: 2 }).ended("ERR_VERSION", false);
});

test("a later WELCOME repeats the session and its limits, and no secret", () => {
  const again = { ...WELCOME, secret: undefined };
  const attachAgain = (/** @type {object} */ more) => page().attach("second").hear([wire.WELCOME, json({ ...again, ...more })]);
  assert.equal(attachAgain({}).core.ended, -1);
  for (const more of [{ secret: SECRET }, { session: NONCE.replace("A", "B") }, { limits: { ...LIMITS, initial: 8192 } }]) {
    attachAgain(more).ended("ERR_HELLO_INVALID", false);
  }
});

test("HELLO carries what the session is known by, and n rises", () => {
  const { core } = new Page().attach();
  attach(core, "second", 0);
  const [[type, hello]] = decode(transmit(core, 0, 1000));
  assert.equal(type, wire.HELLO);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(hello)), { version: 1, n: 2, limits: { ...LIMITS, streams: 3 }, features: [] });
  const again = page();
  lose(again.core);
  attach(again.core, "second", 0);
  const { session, secret, n } = JSON.parse(new TextDecoder().decode(decode(transmit(again.core, 0, 1000))[0][1]));
  assert.deepEqual([session, secret, n], [SESSION, SECRET, 2]);
});

test("RESUME out of order, or of two minds about highest: ERR_FRAME_MALFORMED", () => {
  const begun = () => new Page().attach().welcome().hear([wire.RESUME, 0, 0, [[2, 0, 0], [4, 0, 0]]]);
  begun().hear([wire.RESUME, 1, 0, [[4, 0, 0]]]).ended("ERR_FRAME_MALFORMED");
  begun().hear([wire.RESUME, 1, 1, []]).ended("ERR_FRAME_MALFORMED");
  new Page().attach().welcome().hear([wire.RESUME, 1, 1, []]).ended("ERR_STREAM_ID");
  new Page().attach().welcome().hear([wire.RESUME, 1, 2, []]).ended("ERR_STREAM_ID");
});

test("heads that break their format cost their stream only", () => {
  const long = new Page().attached();
  long.hear([wire.DATA, 2, 0, 0, join([[0x80, 0, 0x40, 0x01]])]).streamEnded(2, "ERR_HEAD_TOO_LARGE");
  page().hear([wire.DATA, 2, 0, 0, join([[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]])]).streamEnded(2, "ERR_HEAD_TOO_LARGE");
  for (const text of ['{"a":1,"a":2}', "[]", "{", '{"a":"\\ud800"}', ""]) {
    const body = new TextEncoder().encode(text);
    page().hear([wire.DATA, 2, 0, 0, join([[body.length], body])]).streamEnded(2, "ERR_HEAD_INVALID");
  }
  // What follows is taken and thrown away.
  long.hear([wire.DATA, 2, 4, 0, bytes(3000)]);
  assert.equal(long.core.ended, -1);
  long.hear([wire.RESET, 2, 64, 3004], [wire.ACK, [[2, 1, 0]]]);
  assert.equal(long.core.streams.size, 0);
});

test("a head in single bytes, with its length in every form, is a head", () => {
  for (const length of [[0x40, 2], [0x80, 0, 0, 2], [0xc0, 0, 0, 0, 0, 0, 0, 2]]) {
    const one = page();
    const all = join([length, new TextEncoder().encode("{}x")]);
    all.forEach((byte, at) => one.hear([wire.DATA, 2, at, 0, Uint8Array.of(byte)]));
    const stream = one.core.streams.get(2);
    assert.deepEqual([stream.head, stream.in.start, stream.in.end], [{}, all.length - 1, all.length]);
  }
});

test("a stream that ends inside its head will never be answered", () => {
  const cut = page().hear([wire.DATA, 2, 0, wire.FIN, head.subarray(0, 3)]);
  assert.deepEqual(cut.sent.filter(([type]) => type === wire.RESET), [[wire.RESET, 2, 64, 0]]);
});

test("STOP is obeyed until FIN has left on this carrier", () => {
  const one = page();
  const first = one.open();
  one.hear([wire.STOP, first.id, 70_000]);
  assert.deepEqual(one.sent.filter(([type]) => type === wire.RESET), [[wire.RESET, 1, 70_000, first.out.end]]);
  const second = one.open();
  finish(one.core, second);
  one.flush();
  one.hear([wire.STOP, second.id, 70_000]);
  assert.equal(second.reset, -1);
});

test("a RESET behind a FIN is ignored, but answered", () => {
  const one = page().hear([wire.DATA, 2, 0, 0, head], [wire.DATA, 2, head.length, wire.FIN, bytes(5)]);
  one.hear([wire.RESET, 2, 64, head.length + 5]);
  assert.equal(one.core.streams.get(2).failed, -1);
  assert.deepEqual(one.sent.filter(([type]) => type === wire.ACK).map(([, [entry]]) => entry.slice(0, 2)), [[2, head.length + 5]]);
});

/** A FIN has come on a carrier with native streams, and 100 bytes that it overtook have not. */
const overtaken = () => {
  const native = { carries: () => false, datagram: () => false };
  const one = new Page().attach(/** @type {any} */ ({ native })).welcome().hear([wire.RESUME, 1, 0, []]);
  return one.hear([wire.DATA, 2, 0, 0, head], [wire.DATA, 2, head.length + 100, wire.FIN, bytes(0)]);
};

test("a RESET behind a FIN that has overtaken bytes ends the direction: nobody has them any more", () => {
  const final = head.length + 100;
  const one = overtaken();
  const stream = one.core.streams.get(2);
  one.hear([wire.RESET, 2, 64, final]);
  assert.deepEqual([one.core.ended, nameOf(stream.failed), stream.in.start], [-1, "ERR_ABORTED", final]);
  const acks = one.sent.filter(([type]) => type === wire.ACK);
  assert.deepEqual(acks.map(([, [entry]]) => entry.slice(0, 2)), [[2, final + 1]]);
  // RESUME says it as well.
  const lost = overtaken();
  lost.attach("second").hear([wire.WELCOME, json({ ...WELCOME, secret: undefined })], [wire.RESUME, 1, 0, [[2, 0, 4096, 64, final]]]);
  assert.equal(nameOf(lost.core.streams.get(2).failed), "ERR_ABORTED");
});

test("a FIN that has overtaken bytes says where the end is: ERR_FINAL_OFFSET for another", () => {
  for (const final of [head.length + 99, head.length + 101]) {
    overtaken().hear([wire.RESET, 2, 64, final]).ended("ERR_FINAL_OFFSET");
    overtaken().hear([wire.DATA, 2, final, wire.FIN, bytes(0)]).ended("ERR_FINAL_OFFSET");
  }
});

test("frames for a forgotten stream are ignored", () => {
  const one = page().hear([wire.RESET, 2, 64, 0]).hear([wire.ACK, [[2, 1, 0]]]);
  assert.equal(one.core.streams.size, 0);
  one.hear([wire.DATA, 2, 77, 0, bytes(1)], [wire.RESET, 2, 64, 5], [wire.STOP, 2, 64], [wire.ACK, [[2, 999, 0]]]);
  assert.equal(one.core.ended, -1);
});

test("what a RESUME does not list has ended, also where that cannot be", () => {
  const one = page();
  const stream = one.open();
  one.hear([wire.DATA, 2, 0, 0, head]);
  one.attach("second").hear([wire.WELCOME, json({ ...WELCOME, secret: undefined })], [wire.RESUME, 1, 1, []]);
  assert.equal(one.core.streams.size, 0);
  assert.deepEqual([stream.reset, stream.failed].map(nameOf), ["ERR_SESSION_LOST", "ERR_SESSION_LOST"]);
});

test("GOAWAY fails the streams that were not served, and lets nobody open more", () => {
  const one = page();
  const [served, refused] = [one.open(), one.open()];
  one.hear([wire.GOAWAY, 1, 1000, 42, 0, 0]);
  assert.deepEqual([served.reset, refused.reset, refused.failed].map(nameOf), ["ERR_-1", "ERR_GOING_AWAY", "ERR_GOING_AWAY"]);
  assert.throws(() => one.open(), { code: "ERR_GOING_AWAY" });
  // A second one cannot take back what the first has refused.
  one.hear([wire.GOAWAY, 3, 1000, 42, 0, 0]);
  assert.equal(one.core.streams.size, 1);
});

test("DETACH costs the carrier, CLOSE the session", () => {
  const one = page();
  one.open();
  one.hear([wire.DETACH, 40, "silent"], [wire.DATA, 2, 99, 0, bytes(1)]);
  assert.equal(one.core.carrier, undefined);
  assert.equal(one.core.streams.size, 1);
  const two = page();
  const stream = two.open();
  two.hear([wire.CLOSE, 41, "too much"], [wire.DATA, 2, 99, 0, bytes(1)]);
  two.ended("ERR_OVERLOADED", false);
  assert.equal(nameOf(stream.failed), "ERR_OVERLOADED");
});

test("a message of an older carrier is not applied", () => {
  const one = page().attach("second");
  one.hearBytes(message([wire.DATA, 2, 0, 0, head]), "first");
  assert.equal(one.core.streams.size, 0);
});

/** Of the attached carrier, in what a candidate brings to an end or not. @param {Page} one */
const serves = (one) => {
  assert.equal(one.core.ended, -1);
  assert.equal(one.core.candidate, undefined);
  assert.deepEqual([one.core.carrier?.key, one.core.carrier?.phase], ["first", wire.ATTACHED]);
  one.hearBytes(message([wire.DATA, 2, 0, 0, head]), "first");
  assert.equal(one.core.streams.size, 1);
};

const again = { ...WELCOME, secret: undefined };

test("what is attached serves until the WELCOME of a candidate, and no longer", () => {
  const one = page().candidate();
  assert.deepEqual(one.sent.map(([type]) => type), [wire.HELLO]);
  one.hearBytes(message([wire.DATA, 2, 0, 0, head]), "first");
  const stream = one.open();
  assert.deepEqual(one.sent.map(([type]) => type), [wire.ACK, wire.DATA]);
  one.hearBytes(message([wire.WELCOME, json(again)]), "second");
  // The snapshot, and behind it what the older carrier may not have brought.
  assert.deepEqual(one.sent.map(([type]) => type), [wire.RESUME, wire.DATA]);
  assert.deepEqual([one.core.carrier.key, one.core.candidate], ["second", undefined]);
  one.hearBytes(message([wire.ACK, [[stream.id, stream.out.end, 0]]]), "first");
  assert.ok(stream.out.start < stream.out.end);
});

for (const [name, ...frames] of [
  ["DETACH", [wire.DETACH, 32, "stale"]],
  ["CLOSE", [wire.CLOSE, 38, "lost"]],
  ["a frame that may not come", [wire.ACK, [[2, 0, 0]]]],
  ["a WELCOME of another session", [wire.WELCOME, json({ ...again, session: "B".repeat(21) + "A" })]],
  ["a WELCOME with other limits", [wire.WELCOME, json({ ...again, limits: { ...LIMITS, initial: 8192 } })]],
  ["a WELCOME that is none", [wire.WELCOME, json({})]],
]) {
  test(`${name} on a candidate costs the candidate only`, () => {
    const one = page().candidate();
    one.hearBytes(message(.../** @type {Frame[]} */ (frames)), "second");
    serves(one);
  });
}

test("a candidate that says nothing is left after 10 s, one that is lost at once, and a newer one takes its place", () => {
  const silent = page().candidate();
  silent.now = 9999;
  silent.hearBytes(message([wire.PING, bytes(8)]), "first");
  assert.equal(timeout(silent.core), 10_000);
  tick(silent.core, 10_000);
  serves(silent);
  const lost = page().candidate();
  lose(lost.core, "second");
  serves(lost);
  const newer = page().candidate().candidate("third");
  newer.hearBytes(message([wire.WELCOME, json(again)]), "second");
  assert.equal(newer.core.candidate.key, "third");
  newer.hearBytes(message([wire.WELCOME, json(again)]), "third");
  assert.equal(newer.core.carrier.key, "third");
});

test("a candidate becomes the attempt of a session that loses its carrier", () => {
  const one = page().candidate();
  lose(one.core, "first");
  assert.deepEqual([one.core.carrier.key, one.core.carrier.phase, one.core.candidate], ["second", wire.GREETING, undefined]);
  one.hearBytes(message([wire.CLOSE, 38, "lost"]), "second").ended("ERR_SESSION_LOST", false);
});

test("a silent carrier is asked after 40 s, and left 5 s later", () => {
  const one = page();
  assert.equal(timeout(one.core), 40_000);
  one.now = 40_000;
  tick(one.core, one.now);
  one.flush();
  assert.deepEqual(one.sent, [[wire.PING, bytes(8)]]);
  assert.equal(timeout(one.core), 45_000);
  // Any byte proves life.
  one.now = 44_000;
  one.hear([wire.PONG, bytes(8)]);
  assert.equal(timeout(one.core), 84_000);
  one.now = 84_000;
  probe(one.core, one.now);
  tick(one.core, 88_999);
  assert.ok(one.core.carrier);
  tick(one.core, 89_000);
  assert.equal(one.core.carrier, undefined);
});

test("an attempt to attach ends after 10 s without a byte", () => {
  const one = new Page().attach();
  assert.equal(timeout(one.core), 10_000);
  one.now = 9000;
  one.welcome();
  assert.equal(timeout(one.core), 19_000);
  tick(one.core, 19_000);
  assert.equal(one.core.carrier, undefined);
});

test("many small writes leave in few frames, and streams take turns", () => {
  const one = new Page({ unreceived: 1_000_000 }).attached();
  const streams = [one.open(), one.open(), one.open()];
  one.hear([wire.ACK, streams.map(({ id }) => [id, 0, 200_000])]);
  for (let i = 0; i < 5000; i++) for (const stream of streams) write(one.core, stream, Uint8Array.of(i));
  const data = decode(transmit(one.core, 0, 262_144)).filter(([type]) => type === wire.DATA);
  assert.ok(data.length <= 15, `${data.length} frames`);
  assert.deepEqual(data.slice(0, 3).map(([, id]) => id), [1, 3, 5]);
  for (const stream of streams) write(one.core, stream, bytes(100_000));
  const order = [];
  for (let chunk; (chunk = transmit(one.core, 0, 20_000)); ) {
    for (const [, id, , , piece] of decode(chunk)) {
      order.push(id);
      assert.ok(piece.length <= 16_384, "small pieces on a slow path");
    }
  }
  for (let i = 3; i < 12; i++) assert.equal(order[i], order[i - 3]);
});

test("ACK leaves before RESET and STOP, and they before DATA; a final ACK first", () => {
  const one = page().hear([wire.DATA, 2, 0, 0, head], [wire.DATA, 4, 0, 0, head]);
  const stream = one.open();
  one.core.due = false;
  write(one.core, stream, bytes(10));
  receive(one.core, "first", message([wire.DATA, 4, head.length, 0, bytes(10)]), 0);
  stop(one.core, one.core.streams.get(4), 64);
  reset(one.core, one.core.streams.get(4), 64);
  receive(one.core, "first", message([wire.RESET, 2, 64, head.length]), 0);
  reset(one.core, one.core.streams.get(2), 64);
  receive(one.core, "first", message([wire.ACK, [[2, 1, 0]]]), 0);
  one.flush();
  assert.deepEqual(one.sent.map(([type]) => type), [wire.ACK, wire.STOP, wire.RESET, wire.RESET, wire.DATA]);
  assert.deepEqual(one.sent[0][1].map(([id]) => id), [2, 4]);
  assert.equal(one.sent[0][1][0][1], head.length + 1);
});

test("thousands of streams that end at once are all acknowledged before anything else is sent", () => {
  const many = 10_000;
  const one = new Page({ streams: many }).attached();
  const ids = Array.from({ length: many }, (_, i) => 2 * i + 2);
  const hear = (/** @type {(id: number) => Frame} */ frameOf) => {
    for (let at = 0; at < many; at += 1000) receive(one.core, "first", message(...ids.slice(at, at + 1000).map(frameOf)), 0);
  };
  const own = one.open();
  hear((id) => [wire.DATA, id, 0, wire.BLOCKED, bytes(0)]);
  for (const stream of one.core.streams.values()) if (stream !== own) reset(one.core, stream, 64);
  one.flush();
  hear((id) => [wire.RESET, id, 64, 0]);
  hear((id) => [wire.ACK, [[id, 1, 0]]]);
  assert.equal(one.core.streams.size, 1);
  write(one.core, own, bytes(1));
  one.flush();
  const types = one.sent.map(([type]) => type);
  assert.ok(types.lastIndexOf(wire.ACK) < types.indexOf(wire.DATA), `${types}`);
  const acked = one.sent.flatMap(([type, entries]) => (type === wire.ACK ? entries : []));
  assert.deepEqual(acked.slice(0, many).map(([id, received]) => [id, received]), ids.map((id) => [id, 1]));
});

test("end tells the peer where it may", () => {
  const one = page();
  end(one.core, 0, true);
  one.flush();
  one.ended("NO_ERROR");
});
