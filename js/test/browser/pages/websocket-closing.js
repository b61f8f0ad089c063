// In a page: how connections end, by either side, in order or not, and by frames that break RFC 6455.

import { attempt, next, trace } from "./websocket-scenarios.js";

/** @typedef {import("./websocket-scenarios.js").Scenario} Scenario */

/** @type {[string, any[]][]} */
const ARGUMENTS = [
  ["nothing", []],
  ["undefined", [undefined]],
  ["undefined and a reason", [undefined, "why"]],
  ["undefined and an empty reason", [undefined, ""]],
  ["1000", [1000]],
  ["1000 and a reason", [1000, "grüße"]],
  ["3000", [3000]],
  ["4999", [4999, "x"]],
  ["a numeral", ["3001"]],
  ["a fraction below", [1000.4]],
  ["a fraction above", [2999.6]],
  ["half to even, up", [2999.5]],
  ["half to even, down", [3000.5]],
  ["999", [999]],
  ["1001", [1001]],
  ["1005", [1005]],
  ["1006", [1006]],
  ["2999", [2999]],
  ["5000", [5000]],
  ["65,536 and 1000", [66_536]],
  ["0", [0]],
  ["-1", [-1]],
  ["NaN", [NaN]],
  ["Infinity", [Infinity]],
  ["null", [null]],
  ["text", ["x"]],
  ["symbol", [Symbol("x")]],
  ["BigInt", [1000n]],
  ["object", [{ valueOf: () => 3002 }]],
  ["a reason of 123 bytes", [1000, "ü".repeat(61) + "x"]],
  ["a reason of 124 bytes", [1000, "ü".repeat(62)]],
  ["a bad code and a long reason", [1, "x".repeat(124)]],
  ["a reason that is null", [1000, null]],
  ["a reason that is undefined", [1000, undefined]],
  ["a reason that is a number", [1000, 5]],
  ["a reason that is a symbol", [1000, Symbol("x")]],
  ["a reason with a lone surrogate", [1000, "a\ud800"]],
];

/** What the server may say. @type {[string, string][]} */
const CODES = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999, 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code) => /** @type {[string, string]} */ ([`${code}`, `8802${code.toString(16).padStart(4, "0")}`]),
  ),
  ["no code", "8800"],
  ["one byte", "880103"],
  ["a reason", "880603e8c3bc2121".slice(0, 16)],
  ["a reason that is not UTF-8", "880403e8c328"],
  ["a reason of 123 bytes", `887d03e8${"78".repeat(123)}`],
  ["a reason that is too long", `887e007e03e8${"78".repeat(124)}`],
  ["a fragment", "080203e8"],
];

/** Bytes of a server that breaks a rule, or does what is odd and allowed. @type {[string, string][]} */
const FRAMES = [
  ["reserved bit 1", "c10161"],
  ["reserved bit 2", "a10161"],
  ["reserved bit 3", "910161"],
  ["reserved opcode 3", "830161"],
  ["reserved opcode 7", "870161"],
  ["reserved opcode 11", "8b00"],
  ["reserved opcode 15", "8f00"],
  ["a masked frame", "81810000000061"],
  ["a fragmented ping", "0900"],
  ["a ping of 126 bytes", `897e007e${"00".repeat(126)}`],
  ["a ping of 125 bytes, then text", `897d${"00".repeat(125)}810161`],
  ["a pong nobody asked for, then text", "8a0161810161"],
  ["a continuation of nothing", "800161"],
  ["a message inside another", "010161810162"],
  ["text that is not UTF-8", "8102c328"],
  ["text that ends too early", "8101c3"],
  ["a surrogate in UTF-8", "8103eda080"],
  ["an overlong form", "8102c080"],
  ["beyond U+10FFFF", "8104f4908080"],
  ["fragments that are not UTF-8", "0101c3800128"],
  ["a length in two bytes that fits one", "817e000161"],
  ["a length in eight bytes that fits two", "817f000000000000000161"],
  ["a length with the highest bit", "817f8000000000000001"],
];

/** The server waits until the connection is open: browsers differ in what they make of one that never seems to be. */
const GO = { open: (/** @type {any} */ { target }) => target.send("go") };

/** @type {Scenario[]} */
const ENDS = [
  ["close: states on the way", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    const seen = [socket.readyState];
    await next(socket, "open");
    seen.push(socket.readyState);
    socket.close();
    seen.push(socket.readyState);
    await null;
    seen.push(socket.readyState);
    await next(socket, "close");
    return [...seen, socket.readyState, attempt(() => socket.close()), attempt(() => socket.close(1)), socket.readyState];
  }],
  ["close: again changes nothing", ({ WebSocket, to }) => trace(new WebSocket(to()), { open: ({ target }) => (target.close(3001, "first"), target.close(3002, "second")) })],
  ["close: before it is open", ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    const log = trace(socket);
    socket.close(3000, "early");
    return log;
  }],
  ["close: bad arguments before it is open", ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    const seen = attempt(() => socket.close(1));
    const state = socket.readyState;
    socket.close();
    return [seen, state];
  }],
  ["close: in the open handler", ({ WebSocket, to }) => trace(new WebSocket(to(["send", "x"])), { open: ({ target }) => target.close() })],
  ["close: in a message handler, with more to come", ({ WebSocket, to }) => trace(new WebSocket(to(["together"], ["send", "1"], ["send", "2"], ["send", "3"])), { message: ({ target }) => target.close() })],
  ["close: in the close handler", ({ WebSocket, to }) => trace(new WebSocket(to(["close", 1000])), { close: ({ target }, log) => (target.close(), log.push(target.readyState)) })],
  ["close: in the error handler", ({ WebSocket }) => trace(new WebSocket("ws://127.0.0.1:9/"), { error: ({ target }) => target.close(3000) })],
  ["close: what was sent before arrives", ({ WebSocket, to }) => trace(new WebSocket(to(["echo"])), { open: ({ target }) => (target.send("x".repeat(300_000)), target.close(3003)) })],
  ["close: the server answers with another code", ({ WebSocket, to }) => trace(new WebSocket(to(["reply", "88060fa46d696e65"])), { open: ({ target }) => target.close(3003, "yours") })],
  ["close: a new socket in the close handler", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["close", 1000]));
    await next(socket, "close");
    return trace(new WebSocket(to(["close", 3009])));
  }],
  ["end: the server closes with code and reason", ({ WebSocket, to }) => trace(new WebSocket(to(["close", 4001, "grüße"])))],
  ["end: without a Close frame", ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["fin"])), GO)],
  ["end: without a Close frame, behind a message", ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["send", "last"], ["fin"])), GO)],
  ["end: in the middle of a frame", ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["raw", "810561"], ["fin"])), GO)],
  ["end: in the middle of a message", ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["raw", "010161"], ["fin"])), GO)],
  ["end: by a reset", ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["reset"])), GO)],
  ["end: sending goes on after the server has closed", ({ WebSocket, to }) => trace(new WebSocket(to(["close", 1000])), { close: ({ target }, log) => (target.send("x"), log.push(target.bufferedAmount)) })],
  ["end: what follows a Close frame is not delivered", ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["over"], ["raw", "880203e8810161"])), GO)],
];

/** @type {Scenario[]} */
export const SCENARIOS = [
  .../** @type {Scenario[]} */ (ARGUMENTS.map(([what, args]) => [`close(): ${what}`, ({ WebSocket, to }) =>
    trace(new WebSocket(to()), {
      open: ({ target }, log) => {
        const result = attempt(() => target.close(...args));
        log.push([result, target.readyState]);
        if (result[0] === "throws") target.close(4444);
      },
    })])),
  .../** @type {Scenario[]} */ (CODES.map(([what, hex]) => [`server closes: ${what}`, ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["over"], ["raw", hex])), GO)])),
  .../** @type {Scenario[]} */ (FRAMES.map(([what, hex]) => [`frames: ${what}`, ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["raw", hex], ["close", 1000])), GO)])),
  ...ENDS,
];
