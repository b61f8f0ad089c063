// Bad input on an attached carrier: each costs the session that sent it, with the code that the specification names,
// or costs nothing at all where the specification allows it.

import { HandPage } from "./by-hand.js";
import {
  ACK,
  BLOCKED,
  CLOSE,
  DATA,
  data,
  DATAGRAM,
  farewell,
  FIN,
  frame,
  GOAWAY,
  header,
  hello,
  HELLO,
  ints,
  PING,
  prefix,
  RESET,
  resume,
  STOP,
  varint,
  WELCOME,
} from "./wire.js";

/** @typedef {import("./by-hand.js").Kind} Kind @typedef {import("./by-hand.js").World} World */
/**
 * @typedef {object} Case
 * @property {string} name
 * @property {(Kind | "http")[]} kinds how it reaches the gateway; it runs once for each
 * @property {string} expected
 * @property {(world: World, kind: Kind) => Promise<string>} run what really happened, in the same words
 * @property {number} [ms] takes so long by its nature, and runs beside the others
 */

const ALL = /** @type {Kind[]} */ (["websocket", "bytes", "http"]);
const HEAD = prefix({ listen: "websocket" });
const LIVES = "lives";
const over = (code) => `CLOSE ${code}, session over`;

/**
 * @param {string} name
 * @param {string} expected
 * @param {(page: HandPage) => void | Promise<unknown>} act
 * @param {Kind[]} [kinds]
 * @returns {Case}
 */
function attached(name, expected, act, kinds = ALL) {
  return {
    name,
    kinds,
    expected,
    async run(world, kind) {
      const page = await HandPage.attached(world, kind);
      try {
        await act(page);
        return await page.verdict();
      } finally {
        page.drop();
      }
    },
  };
}

/** A message of its own each, so that nothing is judged by its neighbours. */
const sends =
  (...messages) =>
  (page) =>
    messages.forEach((message) => page.send(message));
const MALFORMED = over("ERR_FRAME_MALFORMED");
const TOO_LARGE = over("ERR_FRAME_TOO_LARGE");
const skippable = (bytes, type = 0x1b) => frame(type, Buffer.alloc(bytes));
/** Opens stream 1, a listener, and waits for its answer. */
const listening =
  (...messages) =>
  async (page) => {
    await page.listen();
    sends(...messages)(page);
  };

/** @type {Case[]} */
export const frames = [
  attached("an unknown frame that may be skipped, 4,096 bytes", LIVES, sends(skippable(4096))),
  attached("the same with 4,097 bytes", TOO_LARGE, sends(skippable(4097))),
  attached("100 unknown frames that may be skipped", LIVES, sends(...Array(100).fill(skippable(1, 0x3fff)))),
  attached("101 of them within a minute", over("ERR_FRAME_FLOOD"), sends(...Array(101).fill(skippable(1)))),
  attached("an unknown frame that may not be skipped", over("ERR_FRAME_UNKNOWN"), sends(frame(0x1a, "x"))),
  attached("the same with a large type", over("ERR_FRAME_UNKNOWN"), sends(frame(0x3ffe))),
  attached("a frame whose header announces 66,561 bytes", TOO_LARGE, sends(header(DATA, 66_561))),
  attached("a frame whose header announces 2^53 - 1 bytes", TOO_LARGE, sends(header(PING, 2 ** 53 - 1))),
  attached("a carrier message of 262,145 bytes", TOO_LARGE, sends(largeMessage(262_145)), ["websocket"]),
  attached("a carrier message of 262,144 bytes", LIVES, sends(largeMessage(262_144))),
  attached("an empty carrier message", MALFORMED, sends(Buffer.alloc(0)), ["websocket"]),
  attached("a message that ends inside a frame", MALFORMED, sends(data(1, 0, HEAD).subarray(0, -1)), ["websocket"]),
  attached("a text message on the carrier", MALFORMED, (page) => page.carrier.out.raw.send("text"), ["websocket"]),
  attached("a PING of 7 bytes", MALFORMED, sends(frame(PING, "1234567"))),
  attached("an integer above 2^53 - 1", MALFORMED, sends(frame(STOP, varint(2n ** 53n), varint(0)))),
  attached("DATA with FIN and BLOCKED", MALFORMED, sends(data(1, 0, HEAD, FIN | BLOCKED))),
  attached("DATA with an unknown flag", MALFORMED, sends(data(1, 0, HEAD, 4))),
  attached("DATA without bytes and flags", MALFORMED, sends(data(1, 0))),
  attached("DATA on stream 0", MALFORMED, sends(data(0, 0, HEAD))),
  attached("DATA of 65,537 bytes", MALFORMED, sends(data(1, 0, Buffer.alloc(65_537)))),
  attached("DATA that ends above 2^53 - 2", MALFORMED, sends(data(1, 2 ** 53 - 2, "x"))),
  attached("an ACK without entries", MALFORMED, sends(frame(ACK))),
  attached("an ACK with a byte left over", MALFORMED, sends(frame(ACK, varint(1), varint(0), varint(0), "x"))),
  attached("a RESET code above 2^32 - 1", MALFORMED, sends(ints(RESET, 1, 2 ** 32, 0))),
  attached("a CLOSE with invalid UTF-8", MALFORMED, sends(farewell(0, Buffer.of(0xc3, 0x28)))),
  attached("a CLOSE with 513 bytes of message", MALFORMED, sends(farewell(0, "x".repeat(513)))),
  attached("a DATAGRAM of 1,201 bytes", MALFORMED, sends(frame(DATAGRAM, varint(1), Buffer.alloc(1201)))),
  attached("a GOAWAY whose minimum exceeds its maximum", MALFORMED, sends(ints(GOAWAY, 0, 0, 0, 2, 1))),

  attached("4,096 bytes on a new stream", LIVES, sends(data(1, 0, bytesBehind(HEAD, 4096)))),
  attached("4,097 bytes on a new stream", over("ERR_FLOW_CONTROL"), sends(data(1, 0, bytesBehind(HEAD, 4097)))),
  attached("data beyond every limit that was granted", over("ERR_FLOW_CONTROL"), (page) => {
    page.send(
      data(1, 0, HEAD),
      data(1, HEAD.length, Buffer.alloc(65_536)),
      data(1, HEAD.length + 65_536, Buffer.alloc(65_536)),
    );
  }),
  attached("a gap at the beginning of a stream", over("ERR_GAP"), sends(data(1, 10, "x"))),
  attached("a gap behind the head", over("ERR_GAP"), listening(data(1, HEAD.length + 1, "x"))),
  attached("DATA on a stream of the gateway's parity", over("ERR_STREAM_ID"), sends(data(2, 0, HEAD))),
  attached("ACK for a stream of the gateway's parity", over("ERR_STREAM_ID"), sends(ints(ACK, 2, 0, 4096))),
  attached("RESET of a stream of the gateway's parity", over("ERR_STREAM_ID"), sends(ints(RESET, 2, 0, 0))),
  attached("STOP of a stream of the gateway's parity", over("ERR_STREAM_ID"), sends(ints(STOP, 2, 0))),
  attached("4,096 streams at once, opened by one id", LIVES, sends(ints(ACK, 8191, 0, 4096))),
  attached("4,097 streams at once", over("ERR_STREAM_LIMIT"), sends(ints(ACK, 8193, 0, 4096))),
  attached("a stream id of 2^53 - 1", over("ERR_STREAM_LIMIT"), sends(ints(ACK, 2 ** 53 - 1, 0, 4096))),
  attached(
    "data behind FIN",
    over("ERR_FINAL_OFFSET"),
    listening(data(1, HEAD.length, "", FIN), data(1, HEAD.length, "x")),
  ),
  attached("FIN below what was sent", over("ERR_FINAL_OFFSET"), listening(data(1, 3, "", FIN))),
  attached(
    "a second, smaller final offset",
    over("ERR_FINAL_OFFSET"),
    listening(data(1, HEAD.length, "", FIN), data(1, 5, "", FIN)),
  ),
  attached("RESET below what was sent", over("ERR_FINAL_OFFSET"), listening(ints(RESET, 1, 64, HEAD.length - 1))),
  attached(
    "RESET with another final offset than FIN",
    over("ERR_FINAL_OFFSET"),
    listening(data(1, HEAD.length, "", FIN), ints(RESET, 1, 64, HEAD.length + 9)),
  ),
  attached(
    "RESET behind FIN at the same offset",
    LIVES,
    listening(data(1, HEAD.length, "", FIN), ints(RESET, 1, 64, HEAD.length)),
  ),
  attached("ACK of more than was written", over("ERR_ACK_INVALID"), listening(ints(ACK, 1, 1_000_000, 4096))),
  attached("ACK of an end that was not sent", over("ERR_ACK_INVALID"), async (page) => {
    await page.listen();
    page.send(ints(ACK, 1, page.received(1).length + 1, 4096));
  }),
  attached("a second HELLO", over("ERR_ATTACH_ORDER"), sends(hello({ version: 1 }))),
  attached("a WELCOME from the page", over("ERR_ATTACH_ORDER"), sends(frame(WELCOME, "{}"))),
  attached("a second RESUME", over("ERR_ATTACH_ORDER"), sends(resume())),
  attached("a HELLO whose header announces 66,561 bytes", TOO_LARGE, sends(header(HELLO, 66_561))),
  attached(
    "a normal CLOSE, for comparison",
    "connection ended without a word, session over",
    sends(frame(CLOSE, varint(0))),
  ),
  {
    // One at first, 99 shortly before its minute is over, 100 shortly after.
    name: "199 frames that may be skipped, around the end of a minute",
    kinds: ["bytes"],
    expected: over("ERR_FRAME_FLOOD"),
    ms: 63_000,
    async run(world, kind) {
      const page = await HandPage.attached(world, kind);
      const start = performance.now();
      const at = (ms) => new Promise((resolve) => setTimeout(resolve, start + ms - performance.now()));
      const answers = setInterval(() => page.pong(), 1000);
      page.send(skippable(1));
      await at(58_500);
      for (let i = 0; i < 99; i++) page.send(skippable(1));
      await at(61_500);
      for (let i = 0; i < 100; i++) page.send(skippable(1));
      clearInterval(answers);
      return page.verdict();
    },
  },
];

/** So many bytes that begin with `head`. @param {Buffer} head @param {number} length */
function bytesBehind(head, length) {
  return Buffer.concat([head, Buffer.alloc(length - head.length)]);
}

/** A message of exactly so many bytes, of frames that mean nothing. @param {number} length */
function largeMessage(length) {
  const datagram = frame(DATAGRAM, varint(1), Buffer.alloc(1_200));
  const count = Math.floor((length - 20) / datagram.length);
  let rest = length - count * datagram.length;
  const parts = Array(count).fill(datagram);
  // The header of a PING or of a small DATAGRAM takes 2 bytes, of a larger one 3.
  while (rest > 0) {
    const size = Math.min(rest, 60);
    const next = rest - size > 0 && rest - size < 4 ? size - 4 : size;
    parts.push(frame(DATAGRAM, varint(1), Buffer.alloc(next - 3)));
    rest -= next;
  }
  return Buffer.concat(parts);
}
