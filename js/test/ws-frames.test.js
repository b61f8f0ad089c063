import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encodeFrame, FrameParser, mask } from "../pageport/ws-frames.js";
import { MAX_FRAGMENTS, MAX_MESSAGE, NO_STATUS } from "../pageport/ws-numbers.js";
import { bytes, closePayload, concat, frame, unframe } from "./ws-wire.js";

const MIB = 1024 * 1024;

/** Pushes chunks and returns what was called back, the violation as the last entry. */
function parse(chunks, options = {}) {
  const events = [];
  const parser = new FrameParser({
    masked: true,
    onMessage: (message) => events.push(typeof message === "string" ? message : [...message]),
    onPing: (payload) => events.push({ ping: [...payload] }),
    onClose: (code, reason) => events.push({ close: code, reason }),
    ...options,
  });
  try {
    for (const chunk of chunks) parser.push(chunk);
  } catch (violation) {
    events.push(violation.code);
  }
  return events;
}

/** How many bytes of `data`, pushed one by one, are taken before the parser throws; Infinity if it never does. */
function failsAt(data, options = {}) {
  const parser = new FrameParser({ masked: true, onMessage() {}, onPing() {}, onClose() {}, ...options });
  for (let i = 0; i < data.length; i++) {
    try {
      parser.push(data.subarray(i, i + 1));
    } catch (violation) {
      return { at: i, code: violation.code };
    }
  }
  return { at: Infinity, code: 0 };
}

test("the examples of RFC 6455, section 5.7", () => {
  const hex = (text) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
  const client = { masked: false };
  assert.deepEqual(parse([hex("81 05 48 65 6c 6c 6f")], client), ["Hello"]);
  assert.deepEqual(parse([hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")]), ["Hello"]);
  assert.deepEqual(parse([hex("01 03 48 65 6c 80 02 6c 6f")], client), ["Hello"]);
  assert.deepEqual(parse([hex("89 05 48 65 6c 6c 6f")], client), [{ ping: [...bytes("Hello")] }]);
  assert.deepEqual(parse([hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")]), []);
  assert.deepEqual(parse([hex("82 7e 01 00"), new Uint8Array(256)], client), [Array(256).fill(0)]);
  assert.deepEqual(parse([hex("82 7f 00 00 00 00 00 01 00 00"), new Uint8Array(65536)], client)[0].length, 65536);
});

test("a stream cut at every byte gives the same messages, masked and not", () => {
  for (const key of [[1, 2, 3, 4], [0, 0, 0, 0], [255, 0, 128, 7], null]) {
    const stream = concat([
      frame(1, "grüße 🌍", { key }),
      frame(2, [], { key }),
      frame(1, "", { key }),
      frame(2, Array(130).fill(7), { key }),
      frame(9, "are you there", { key }),
      frame(2, [1, 2], { key, fin: false }),
      frame(9, "in between", { key }),
      frame(0, [3], { key, fin: false }),
      frame(10, "unasked", { key }),
      frame(0, [4, 5, 6], { key }),
      frame(8, closePayload(4000, "genug"), { key }),
    ]);
    const options = { masked: !!key };
    const whole = parse([stream], options);
    assert.deepEqual(whole, [
      "grüße 🌍", [], "", Array(130).fill(7), { ping: [...bytes("are you there")] }, { ping: [...bytes("in between")] },
      [1, 2, 3, 4, 5, 6], { close: 4000, reason: "genug" },
    ]);
    for (let cut = 0; cut <= stream.length; cut++) {
      assert.deepEqual(parse([stream.subarray(0, cut), stream.subarray(cut)], options), whole, `cut at ${cut}`);
    }
    assert.deepEqual(parse(Array.from(stream, (byte) => Uint8Array.of(byte)), options), whole);
  }
});

test("all length forms arrive, at their borders", () => {
  for (const length of [0, 1, 125, 126, 127, 65535, 65536, 65537]) {
    const payload = bytes(Array.from({ length }, (_, i) => i * 7));
    const [message] = parse([frame(2, payload)]);
    assert.deepEqual(bytes(message), payload);
  }
});

test("the chunk that is pushed stays as it was", () => {
  const stream = concat([frame(2, Array(200).fill(9)), frame(9, "ping"), frame(8, closePayload(1000, "x"))]);
  // Node's Buffer is a Uint8Array whose slice() copies nothing.
  for (const chunk of [stream.slice(), Buffer.from(stream)]) {
    assert.equal(parse([chunk]).length, 3);
    assert.ok(Buffer.from(chunk).equals(stream));
  }
});

test("a binary message fills a buffer of its own", () => {
  let message;
  const parser = new FrameParser({ masked: true, onMessage: (data) => (message = data), onPing() {}, onClose() {} });
  for (const sent of [[frame(2, [1, 2, 3])], [frame(2, [])], [frame(2, [1], { fin: false }), frame(0, [2]), frame(2, [])]]) {
    const stream = concat(sent);
    parser.push(stream);
    assert.equal(message.byteOffset, 0);
    assert.equal(message.buffer.byteLength, message.length);
    assert.notEqual(message.buffer, stream.buffer);
  }
  const empty = message;
  parser.push(frame(2, []));
  assert.notEqual(message.buffer, empty.buffer);
});

test("masking in words equals masking byte by byte, wherever the bytes lie", () => {
  const key = Uint8Array.of(0x11, 0x80, 0xfe, 0x07);
  for (let offset = 0; offset < 8; offset++) {
    for (let phase = 0; phase < 4; phase++) {
      for (const length of [0, 1, 2, 3, 4, 5, 63, 64, 65, 66, 67, 68, 127, 128, 200]) {
        const storage = Uint8Array.from({ length: 256 }, (_, i) => i * 31);
        const expected = storage.map((byte, i) =>
          i >= offset && i < offset + length ? byte ^ key[(i - offset + phase) % 4] : byte,
        );
        mask(storage.subarray(offset, offset + length), key, phase);
        assert.deepEqual(storage, expected, `${length} bytes at ${offset}, phase ${phase}`);
      }
    }
  }
});

test("what breaks the framing is 1002, at the byte that shows it", () => {
  const cases = {
    "reserved bit 1": [frame(1, "x", { rsv: 4 }), 1],
    "reserved bit 2": [frame(1, "x", { rsv: 2 }), 1],
    "reserved bit 3": [frame(9, "x", { rsv: 1 }), 1],
    "not masked": [frame(1, "x", { key: null }), 1],
    "not masked, empty": [frame(2, "", { key: null }), 1],
    "ping in fragments": [frame(9, "x", { fin: false }), 1],
    "close in fragments": [frame(8, "", { fin: false }), 1],
    "ping of 126 bytes": [frame(9, Array(126).fill(0)), 1],
    "pong of 65536 bytes": [frame(10, [], { length: 65536 }), 1],
    "continuation of nothing": [frame(0, "x"), 1],
    "continuation of what has ended": [concat([frame(1, "x"), frame(0, "x")]), 8],
    "new text inside a message": [concat([frame(1, "x", { fin: false }), frame(1, "x")]), 8],
    "new binary inside a message": [concat([frame(1, "x", { fin: false }), frame(2, "x")]), 8],
    "125 in two bytes": [frame(2, [], { length: 125, form: 2 }), 3],
    "65535 in eight bytes": [frame(2, [], { length: 65535, form: 8 }), 9],
    "length with the high bit": [frame(2, [], { length: 1n << 63n }), 9],
  };
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) cases[`opcode ${opcode}`] = [frame(opcode, "x"), 1];
  for (const [name, [stream, at]] of Object.entries(cases)) {
    assert.deepEqual(failsAt(stream), { at, code: 1002 }, name);
    assert.equal(parse([stream]).at(-1), 1002, name);
  }
  assert.deepEqual(failsAt(frame(1, "x"), { masked: false }), { at: 1, code: 1002 }, "masked, to a client");
});

test("lengths from 2^53 are refused whatever the limit", () => {
  for (const length of [1n << 53n, (1n << 53n) + 1n, 1n << 62n]) {
    assert.deepEqual(failsAt(frame(2, [], { length }), { maxMessage: Infinity }), { at: 9, code: 1009 });
  }
});

test("a message of exactly the limit passes; one byte more is 1009 before any of it is read", () => {
  const options = { maxMessage: 300 };
  assert.equal(parse([frame(2, new Uint8Array(300))], options)[0].length, 300);
  assert.deepEqual(failsAt(frame(2, new Uint8Array(301)), options), { at: 3, code: 1009 });

  const first = frame(2, new Uint8Array(200), { fin: false });
  assert.equal(parse([first, frame(9, new Uint8Array(125)), frame(0, new Uint8Array(100))], options)[1].length, 300);
  assert.deepEqual(failsAt(concat([first, frame(0, new Uint8Array(101))]), options), { at: first.length + 1, code: 1009 });

  assert.deepEqual(parse([frame(2, []), frame(2, [1])], { maxMessage: 0 }), [[], 1009]);
});

test("the default message limit is 16 MiB", () => {
  assert.equal(MAX_MESSAGE, 16 * MIB);
  assert.deepEqual(failsAt(frame(2, [], { length: 16 * MIB })), { at: Infinity, code: 0 });
  assert.deepEqual(failsAt(frame(2, [], { length: 16 * MIB + 1 })), { at: 9, code: 1009 });
});

test("fragments are counted, empty ones too, and each message anew", () => {
  const fragments = (count) => [
    frame(2, [], { fin: false }),
    ...Array.from({ length: count - 2 }, () => concat([frame(9, []), frame(0, [], { fin: false })])),
    frame(0, [7]),
  ];
  const messages = (events) => events.filter((event) => !event.ping);
  assert.deepEqual(messages(parse([...fragments(5), ...fragments(5)], { maxFragments: 5 })), [[7], [7]]);
  assert.deepEqual(messages(parse(fragments(6), { maxFragments: 5 })), [1008]);
  assert.equal(MAX_FRAGMENTS, 16384);
  assert.deepEqual(messages(parse(fragments(16384))), [[7]]);
  assert.deepEqual(messages(parse(fragments(16385))), [1008]);
});

test("text passes however its UTF-8 is cut, into chunks or into fragments", () => {
  const text = "\u{feff}κόσμε ÿ\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}\0";
  const data = bytes(text);
  for (let cut = 0; cut <= data.length; cut++) {
    const parts = [data.subarray(0, cut), data.subarray(cut)];
    assert.deepEqual(parse([frame(1, parts[0], { fin: false }), frame(0, parts[1])]), [text], `fragments at ${cut}`);
    const whole = frame(1, data);
    assert.deepEqual(parse([whole.subarray(0, 6 + cut), whole.subarray(6 + cut)]), [text], `chunks at ${cut}`);
  }
  const single = Array.from(data, (byte, i) => frame(i ? 0 : 1, [byte], { fin: i === data.length - 1 }));
  assert.deepEqual(parse(single), [text]);
});

test("bad UTF-8 is 1007 at its first wrong byte: every pair, and every third and fourth byte that matters", () => {
  // Independent of the module: a sequence can still become valid if some completion of it decodes.
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decodes = (data) => {
    try {
      decoder.decode(Uint8Array.from(data));
      return true;
    } catch {
      return false;
    }
  };
  const viable = (data) =>
    [[], [0x80], [0xbf], [0x80, 0x80], [0xbf, 0xbf], [0x80, 0x80, 0x80], [0xbf, 0xbf, 0xbf]].some((rest) =>
      decodes([...data, ...rest]),
    );
  const firstWrong = (data) => data.findIndex((_, i) => !viable(data.slice(0, i + 1)));
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  const check = (data) => {
    // The message goes on behind the data: only an early check can notice anything.
    const { at, code } = failsAt(concat([frame(1, data, { length: 100, key: [0, 0, 0, 0] })]));
    const wrong = firstWrong(data);
    if (at !== (wrong < 0 ? Infinity : 6 + wrong) || code !== (wrong < 0 ? 0 : 1007)) {
      assert.fail(`${Buffer.from(data).toString("hex")}: thrown at ${at - 6}, wrong at ${wrong}`);
    }
  };
  let checked = 0;
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) check([first, second], ++checked);
  }
  for (const lead of [0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4]) {
    for (const second of edges) for (const third of edges) for (const fourth of edges) check([lead, second, third, fourth], ++checked);
  }
  assert.equal(checked, 65536 + 11000);
});

test("text that ends inside a sequence is 1007, in one frame and in fragments", () => {
  for (const rest of [[0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x8c]]) {
    assert.deepEqual(parse([frame(1, [0x41, ...rest])]), [1007]);
    assert.deepEqual(parse([frame(1, [0x41, ...rest], { fin: false }), frame(0, [])]), [1007]);
    assert.deepEqual(parse([frame(2, rest)]), [rest], "binary may");
  }
});

test("a fragment is checked even when a whole message follows in the same chunk", () => {
  assert.deepEqual(parse([concat([frame(1, [0xff], { fin: false }), frame(0, "x")])]), [1007]);
});

test("close codes: all 65536 of them", () => {
  const accepted = [];
  for (let code = 0; code < 65536; code++) {
    const [event] = parse([frame(8, closePayload(code))]);
    if (event.close === code) accepted.push(code);
    else assert.equal(event, 1002);
  }
  const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  assert.deepEqual(accepted, [...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)]);
});

test("the Close frame: none, one byte, a reason, the longest reason, a bad reason", () => {
  assert.equal(NO_STATUS, 1005);
  assert.deepEqual(parse([frame(8)]), [{ close: 1005, reason: "" }]);
  assert.deepEqual(parse([frame(8, [3])]), [1002]);
  assert.deepEqual(parse([frame(8, closePayload(1000, "schön"))]), [{ close: 1000, reason: "schön" }]);
  assert.deepEqual(parse([frame(8, closePayload(1001, "x".repeat(123)))]), [{ close: 1001, reason: "x".repeat(123) }]);
  assert.deepEqual(parse([frame(8, [3, 232, 0xc0, 0xaf])]), [1007]);
  assert.deepEqual(parse([frame(8, [3, 232, 0xe2, 0x82])]), [1007]);
});

test("nothing counts after a Close frame or a violation", () => {
  assert.deepEqual(parse([concat([frame(8), frame(1, "late")]), frame(1, "later"), bytes([255, 255])]), [{ close: 1005, reason: "" }]);
  const events = [];
  const parser = new FrameParser({ masked: true, onMessage: (text) => events.push(text), onPing() {}, onClose() {} });
  assert.throws(() => parser.push(frame(3)), { code: 1002, reason: "bad frame" });
  parser.push(frame(1, "late"));
  assert.deepEqual(events, []);
});

test("memory follows the bytes that came, not those announced, nor their number of pieces", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const used = () => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const newParser = (onMessage) => new FrameParser({ masked: true, onMessage, onPing() {}, onClose() {} });

  const before = used();
  const announced = Array.from({ length: 1000 }, () => newParser(() => {}));
  for (const parser of announced) parser.push(concat([frame(2, [1, 2, 3], { length: 16 * MIB })]));
  assert.ok(used() - before < 8 * MIB, `1000 announcements of 16 MiB cost ${used() - before} bytes`);
  announced.length = 0;

  for (const type of [1, 2]) {
    let received = 0;
    const base = used();
    const parser = newParser((message) => (received = message.length));
    parser.push(frame(type, [], { length: 2 * MIB, key: [0, 0, 0, 0] }));
    const one = Uint8Array.of(65);
    for (let i = 0; i < 2 * MIB - 1; i++) parser.push(one);
    const cost = used() - base;
    assert.ok(cost < 5 * MIB, `2 MiB in single bytes cost ${cost} bytes`);
    parser.push(one);
    assert.equal(received, 2 * MIB);
  }

  const base = used();
  let received = 0;
  const parser = newParser((message) => (received = message.length));
  const piece = frame(0, new Uint8Array(100), { fin: false });
  parser.push(frame(2, [], { fin: false }));
  for (let i = 0; i < 16000; i++) parser.push(piece);
  const cost = used() - base;
  assert.ok(cost < 4 * MIB, `1.6 MB in 16000 fragments cost ${cost} bytes`);
  parser.push(frame(0, []));
  assert.equal(received, 1600000);
});

test("16 MiB come in for well under a second of work, text and binary, and stay what they were", () => {
  for (const [type, payload] of [[2, Uint8Array.from({ length: 16 * MIB }, (_, i) => i * 2654435761)], [1, bytes("aé€🌍 ".repeat(16 * MIB / 11 - 1))]]) {
    const stream = frame(type, payload);
    let message;
    const parser = new FrameParser({ masked: true, onMessage: (data) => (message = data), onPing() {}, onClose() {} });
    // The processor's time, not the clock's: others may want the processor too.
    const start = process.cpuUsage();
    for (let at = 0; at < stream.length; at += 65536) parser.push(stream.subarray(at, at + 65536));
    const { user, system } = process.cpuUsage(start);
    const took = (user + system) / 1000;
    assert.ok(Buffer.from(message).equals(payload));
    assert.ok(took < 700, `${took} ms`);
  }
});

test("encodeFrame writes the shortest header, and the payload is the caller's own", () => {
  for (const length of [0, 125, 126, 65535, 65536]) {
    const payload = Uint8Array.from({ length }, (_, i) => i);
    const parts = encodeFrame(2, payload);
    assert.equal(parts[1], payload);
    assert.deepEqual(concat(parts), frame(2, payload, { key: null }));

    const key = Uint8Array.of(1, 2, 3, 4);
    const masked = encodeFrame(1, payload.slice(), key);
    assert.deepEqual(concat(masked), frame(1, payload, { key: [1, 2, 3, 4] }));
    assert.deepEqual(unframe(concat(masked))[0].payload, payload);
  }
});

test("encodeFrame writes lengths beyond 32 bits", () => {
  const huge = Object.defineProperty(new Blob(), "size", { value: 0x1_2345_6789_ab });
  assert.deepEqual([...encodeFrame(2, huge)[0]], [0x82, 127, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab].slice(0, 10));
});
