// Bad input inside a stream: a head, a reply, bytes where none may come. It costs that stream, and a visitor that
// waits for it gets an answer; the session it came on must live.

import { HandPage } from "./by-hand.js";
import { handshake, refusal } from "./bad-requests.js";
import { ask, CODES, data, FIN, ints, numberOf, prefix, RESET, STOP, varint } from "./wire.js";

/** @typedef {import("./bad-frames.js").Case} Case @typedef {import("./by-hand.js").Kind} Kind */

const ALL = /** @type {Kind[]} */ (["websocket", "bytes", "http"]);
const LISTEN = '{"listen":"websocket"}';
const nested = (levels) => "[".repeat(levels) + "]".repeat(levels);

/**
 * How a stream of the page ends.
 * @param {string} name
 * @param {string} code
 * @param {(page: HandPage) => void | Promise<unknown>} act
 * @returns {Case}
 */
function stream(name, code, act) {
  return {
    name,
    kinds: ALL,
    expected: `STOP and RESET with ${code}; session lives`,
    async run(world, kind) {
      const page = await HandPage.attached(world, kind);
      try {
        await act(page);
        const stop = await page.carrier.until(() => signal(page, STOP, 1), 3_000);
        const reset = await page.carrier.until(() => signal(page, RESET, 1), 3_000);
        const codes = [stop, reset].map((frame) => (frame ? CODES.get(frame.ints[1]) : "nothing"));
        const how =
          codes[0] === codes[1] ? `STOP and RESET with ${codes[0]}` : `STOP with ${codes[0]}, RESET with ${codes[1]}`;
        return `${how}; session ${await page.answer()}`;
      } finally {
        page.drop();
      }
    },
  };
}

/** @param {string} name @param {string} code @param {string | Buffer} json */
const head = (name, code, json) => stream(name, code, (page) => page.send(data(1, 0, prefix(json))));

/** @param {string} name @param {string} code @param {object | ((world: import("./by-hand.js").World) => object)} json @returns {Case} */
function request(name, code, json) {
  return {
    name,
    kinds: ALL,
    expected: `reply with ${code}; session lives`,
    async run(world, kind) {
      const page = await HandPage.attached(world, kind);
      try {
        page.send(data(1, 0, prefix(typeof json === "function" ? json(world) : json)));
        const reply = await page.carrier.until(() => page.json(1), 3_000);
        return `reply with ${reply?.error}; session ${await page.answer()}`;
      } finally {
        page.drop();
      }
    },
  };
}

/**
 * A visitor of a listener made by hand, and what it is told when the page answers badly.
 * @param {string} name @param {string} expected @param {(page: HandPage) => void} answer @param {number} [ms] @returns {Case}
 */
function reply(name, expected, answer, ms) {
  return {
    name,
    expected: `${expected}; session lives`,
    ms,
    kinds: ALL,
    async run(world, kind) {
      const page = await HandPage.attached(world, kind);
      try {
        const host = `${await page.listen()}.localhost`;
        const pings = setInterval(() => page.pong(), 1_000);
        const asked = ask(world.url, handshake({ host, lines: ["Sec-WebSocket-Protocol: chat"] }), ms && ms + 10_000);
        if (!(await page.carrier.until(() => page.json(2)))) return "no head came";
        answer(page);
        const got = refusal(await asked);
        clearInterval(pings);
        return `${got}; session ${await page.answer()}`;
      } finally {
        page.drop();
      }
    },
  };
}

/** @param {string} name @param {object | string | Buffer} json @param {string} [expected] */
const answers = (name, json, expected = "502 ERR_BAD_REPLY") =>
  reply(name, expected, (page) => page.send(data(2, 0, prefix(json))));
const accepting = (...headers) => ({ ok: true, status: 101, headers });

/** @type {Case[]} */
export const streams = [
  head("a head with a key twice", "ERR_HEAD_INVALID", '{"listen":"websocket","listen":"websocket"}'),
  head(
    "a head with an unknown key twice, deep inside",
    "ERR_HEAD_INVALID",
    `{"listen":"websocket","x":[{"y":1,"y":1}]}`,
  ),
  head(
    "a head with a key twice, once escaped",
    "ERR_HEAD_INVALID",
    '{"listen":"websocket","\\u006cisten":"websocket"}',
  ),
  head("a head with invalid UTF-8", "ERR_HEAD_INVALID", Buffer.from('{"listen":"websocket","x":"\u00c3("}', "latin1")),
  head(
    "a head with an overlong form",
    "ERR_HEAD_INVALID",
    Buffer.from('{"listen":"websocket","x":"\u00c0\u00af"}', "latin1"),
  ),
  head("a head with a lone surrogate", "ERR_HEAD_INVALID", '{"listen":"websocket","x":"\\udc00"}'),
  head("a head nested deeper than 8", "ERR_HEAD_INVALID", `{"listen":"websocket","x":${nested(8)}}`),
  head("a head with bytes behind its object", "ERR_HEAD_INVALID", `${LISTEN}{}`),
  head("a head that is a string", "ERR_HEAD_INVALID", '"listen"'),
  head("a head without JSON", "ERR_HEAD_INVALID", ""),
  head("a head cut short", "ERR_HEAD_INVALID", LISTEN.slice(0, -1)),
  head("a head that asks to listen for a number", "ERR_HEAD_INVALID", '{"listen":5}'),
  stream("a head that announces 16,385 bytes", "ERR_HEAD_TOO_LARGE", (page) => page.send(data(1, 0, varint(16_385)))),
  stream("a head that announces 2^53 - 1 bytes", "ERR_HEAD_TOO_LARGE", (page) =>
    page.send(data(1, 0, varint(2 ** 53 - 1))),
  ),
  stream("bytes behind the head of a listener", "ERR_UNEXPECTED_DATA", async (page) => {
    await page.listen();
    page.send(data(1, prefix({ listen: "websocket" }).length, "x"));
  }),
  request("a request of an unknown kind", "ERR_UNSUPPORTED", { fly: "to the moon" }),
  request("a listener of an unknown kind", "ERR_UNSUPPORTED", { listen: "carrier-pigeon" }),
  head("a connection with a password in its URL", "ERR_HEAD_INVALID", '{"connect":"ws://me:secret@a.example/"}'),
  head("a connection with a line break in its path", "ERR_HEAD_INVALID", '{"connect":"ws://a.example/\\r\\nx: y"}'),
  head("a connection to an address in octal", "ERR_HEAD_INVALID", '{"connect":"ws://0177.0.0.1/"}'),
  head("a connection with a subprotocol twice", "ERR_HEAD_INVALID", '{"connect":"ws://a.example/","protocols":["a","a"]}'),
  head("a connection that listens", "ERR_HEAD_INVALID", '{"connect":"page:abc","listen":"page"}'),
  request("a connection of an unknown kind", "ERR_UNSUPPORTED", { connect: "carrier-pigeon:home" }),
  request("a connection that nobody allows", "ERR_TARGET_FORBIDDEN", { connect: "ws://169.254.169.254/latest/" }),
  request("a connection to the gateway itself", "ERR_TARGET_FORBIDDEN", ({ url }) => ({ connect: `${url.replace("http", "ws")}/link` })),
  request("a connection to a page that is none", "ERR_NAME_INVALID", { connect: "page:-" }),
  request("a connection to a page that nobody is", "ERR_LISTENER_UNKNOWN", { connect: "page:nobody-at-all" }),
  request("a measurement of an unknown kind", "ERR_UNSUPPORTED", { measure: "patience" }),
  request("a measurement without end", "ERR_CONNECT_LIMIT", { measure: "source", bytes: 2 ** 53 - 1 }),

  answers("a reply that accepts, for comparison", accepting(), "101 without a code"),
  answers(
    "a reply with a subprotocol that was offered",
    accepting(["sec-websocket-protocol", "chat"]),
    "101 without a code",
  ),
  answers("a reply with a subprotocol that was not offered", accepting(["sec-websocket-protocol", "other"])),
  answers(
    "a reply with two subprotocols",
    accepting(["sec-websocket-protocol", "chat"], ["sec-websocket-protocol", "chat"]),
  ),
  answers("a reply with control characters in a header", accepting(["x", "a\r\nset-cookie: b"])),
  answers("a reply with an upper-case header", accepting(["X-Upper", "a"])),
  answers("a reply with a key twice", '{"ok":true,"ok":true,"status":101}'),
  answers("a reply with invalid UTF-8", Buffer.from('{"ok":true,"status":101,"x":"\u00ff"}', "latin1")),
  answers("a reply that accepts with status 200", { ok: true, status: 200, headers: [] }),
  answers("a reply that refuses with status 200", { error: "ERR_REJECTED", status: 200, message: "" }),
  answers("a reply that is neither", {}),
  answers(
    "a refusal with a status and words",
    { error: "ERR_REJECTED", status: 418, message: "no coffee here" },
    "418 ERR_REJECTED (no coffee here)",
  ),
  reply("a reply that announces 16,385 bytes", "502 ERR_BAD_REPLY", (page) => page.send(data(2, 0, varint(16_385)))),
  reply("a stream that ends before its reply", "502 ERR_BAD_REPLY", (page) => page.send(data(2, 0, "", FIN))),
  reply("a stream that is reset before its reply", "502 ERR_PAGE_ABORTED", (page) =>
    page.send(ints(RESET, 2, numberOf("ERR_ABORTED"), 0)),
  ),
  reply("a reply that never comes", "504 ERR_ACCEPT_TIMEOUT", () => {}, 30_000),
];

/** @param {HandPage} page @param {number} type @param {number} stream */
function signal(page, type, stream) {
  return page.carrier.frames.find((frame) => frame.type === type && frame.ints[0] === stream);
}
