// In a page: the interface itself, sending, bufferedAmount, binary types, and the order of events.

import { attempt, kind, next, trace } from "./websocket-scenarios.js";

/** @typedef {import("./websocket-scenarios.js").Scenario} Scenario */

/** @type {Scenario[]} */
const INTERFACE = [
  ["interface: constants", ({ WebSocket }) => [WebSocket, WebSocket.prototype].map((of) => [of.CONNECTING, of.OPEN, of.CLOSING, of.CLOSED])],
  ["interface: constants stay", ({ WebSocket }) => attempt(() => { "use strict"; /** @type {any} */ (WebSocket).OPEN = 7; })],
  ["interface: the class", ({ WebSocket }) => [WebSocket.name, WebSocket.length, typeof WebSocket, Object.prototype.toString.call(WebSocket.prototype)]],
  ["interface: it is an EventTarget", ({ WebSocket }) => [Object.getPrototypeOf(idle(WebSocket)) === WebSocket.prototype, idle(WebSocket) instanceof EventTarget, String(idle(WebSocket))]],
  ["interface: attributes that scripts can list", ({ WebSocket }) => {
    const listed = [];
    for (const key in idle(WebSocket)) listed.push(key);
    return listed.filter((key) => !(key in EventTarget.prototype)).sort();
  }],
  ["interface: readonly attributes", ({ WebSocket }) => ["url", "protocol", "extensions", "readyState", "bufferedAmount"].map((key) => attempt(() => { /** @type {any} */ (idle(WebSocket))[key] = 1; }))],
  ["interface: attributes of something else", ({ WebSocket }) => ["url", "readyState", "binaryType"].map((key) => attempt(() => /** @type {any} */ (WebSocket.prototype)[key]))],
  ["interface: methods of something else", ({ WebSocket }) => [attempt(() => WebSocket.prototype.close.call(/** @type {any} */ ({}))), attempt(() => WebSocket.prototype.send.call(/** @type {any} */ ({}), "x"))]],
  ["interface: lengths of the methods", ({ WebSocket }) => [WebSocket.prototype.send.length, WebSocket.prototype.close.length]],
  ["interface: a subclass", async ({ WebSocket, to }) => {
    class Mine extends WebSocket {
      mine = 1;
    }
    const socket = new Mine(to());
    await next(socket, "open");
    socket.close();
    return [socket.mine, socket instanceof WebSocket, socket.constructor === Mine];
  }],
  ["handlers: null at first, and what may be set", ({ WebSocket }) => {
    const socket = idle(WebSocket);
    const own = () => {};
    const object = {};
    return ["onopen", "onmessage", "onerror", "onclose"].map((key) => {
      const seen = [/** @type {any} */ (socket)[key]];
      for (const value of [5, "x", own, object, undefined, own, null]) {
        /** @type {any} */ (socket)[key] = value;
        const is = /** @type {any} */ (socket)[key];
        seen.push(is === own ? "own" : is === object ? "object" : is);
      }
      return seen;
    });
  }],
  ["handlers: this, and the order among listeners", async ({ WebSocket, to }) => {
    const log = [];
    const socket = new WebSocket(to(["send", "1"], ["wait"], ["send", "2"], ["wait"], ["send", "3"]));
    socket.onmessage = () => log.push("never called");
    socket.addEventListener("message", () => log.push("listener"));
    socket.onmessage = function (event) {
      log.push(this === socket && event.data);
    };
    await next(socket, "message");
    socket.send("");
    socket.onmessage = null;
    socket.onmessage = ({ data }) => log.push(`again ${data}`);
    await next(socket, "message");
    socket.onmessage = /** @type {any} */ ({ handleEvent: () => log.push("no handler") });
    socket.send("");
    await next(socket, "message");
    socket.close();
    return log;
  }],
  ["binaryType: values", ({ WebSocket }) => {
    const socket = idle(WebSocket);
    const seen = [socket.binaryType];
    for (const value of ["arraybuffer", "text", "", "Blob", null, undefined, 5, "blob", new String("arraybuffer")]) {
      socket.binaryType = /** @type {any} */ (value);
      seen.push(socket.binaryType);
    }
    return [seen, attempt(() => (socket.binaryType = /** @type {any} */ (Symbol("x"))))];
  }],
];

/** @type {[string, () => any][]} */
const DATA = [
  ["text", () => "grüße 🙂"],
  ["empty text", () => ""],
  ["lone surrogates", () => "a\ud800b\udc00"],
  ["number", () => 42],
  ["null", () => null],
  ["undefined", () => undefined],
  ["object", () => ({})],
  ["array", () => [1, 2]],
  ["boolean", () => true],
  ["String object", () => new String("s")],
  ["ArrayBuffer", () => Uint8Array.of(1, 2, 3).buffer],
  ["empty ArrayBuffer", () => new ArrayBuffer(0)],
  ["Uint8Array in the middle", () => Uint8Array.of(1, 2, 3, 4).subarray(1, 3)],
  ["Uint16Array", () => Uint16Array.of(258, 772)],
  ["Float64Array", () => Float64Array.of(1.5)],
  ["DataView", () => new DataView(Uint8Array.of(1, 2, 3, 4).buffer, 2)],
  ["Blob", () => new Blob(["blob"], { type: "text/plain" })],
  ["empty Blob", () => new Blob()],
  ["File", () => new File(["file"], "name")],
  ["symbol", () => Symbol("x")],
  ["object that throws", () => ({ toString() { throw new RangeError("mine"); } })],
  ["detached ArrayBuffer", () => {
    const buffer = new ArrayBuffer(8);
    structuredClone(buffer, { transfer: [buffer] });
    return buffer;
  }],
  ["of another realm", () => {
    const frame = document.createElement("iframe");
    document.body.append(frame);
    const bytes = new /** @type {any} */ (frame.contentWindow).Uint8Array([7, 8]);
    return bytes.buffer;
  }],
];

/** @type {Scenario[]} */
const SENDING = [
  .../** @type {Scenario[]} */ (DATA.map(([what, make]) => [`send: ${what}`, async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["echo"]));
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    const data = make();
    const result = attempt(() => socket.send(data));
    const buffered = socket.bufferedAmount;
    if (result[0] === "throws") return socket.close(), [result, buffered];
    const { data: back } = await next(socket, "message");
    socket.close();
    return [result, buffered, kind(back)];
  }])),
  .../** @type {Scenario[]} */ ([125, 126, 127, 65_535, 65_536, 1 << 20, 5 << 20].map((size) => [`send: ${size} bytes`, async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["echo"]));
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    const sent = new Uint8Array(size).map((_, i) => i * 31);
    socket.send(sent);
    socket.send("ü".repeat(size >> 1));
    const buffered = socket.bufferedAmount;
    const back = new Uint8Array((await next(socket, "message")).data);
    const text = (await next(socket, "message")).data;
    socket.close();
    return [buffered === size + 2 * (size >> 1), back.length, back.every((byte, i) => byte === sent[i]), text.length, /^ü+$/.test(text)];
  }])),
  ["send: nothing", ({ WebSocket }) => attempt(() => /** @type {any} */ (idle(WebSocket)).send())],
  ["send: too early", ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    const seen = [attempt(() => socket.send("x")), attempt(() => socket.send(/** @type {any} */ (Symbol("x")))), socket.bufferedAmount];
    socket.close();
    return seen;
  }],
  ["send: later changes do not count", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["echo"]));
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    const bytes = Uint8Array.of(1, 2, 3);
    socket.send(bytes);
    bytes.fill(9);
    const { data } = await next(socket, "message");
    socket.close();
    return kind(data);
  }],
  ["send: text, a Blob and bytes keep their order", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["echo"]));
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    for (const data of ["1", new Blob(["x".repeat(200_000)]), "2", Uint8Array.of(3)]) socket.send(data);
    const back = [];
    for (let i = 0; i < 4; i++) back.push(kind((await next(socket, "message")).data));
    socket.close();
    return back;
  }],
  ["send: from the open handler", async ({ WebSocket, to }) => trace(new WebSocket(to(["wait"], ["send", "thanks"], ["close", 1000])), { open: ({ target }) => target.send("first") })],
];

/** @type {Scenario[]} */
const BUFFERED = [
  ["bufferedAmount: adds up within a task", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    await next(socket, "open");
    const seen = [socket.bufferedAmount];
    for (const data of ["abc", "ü", Uint8Array.of(1, 2), new Blob(["four"]), ""]) seen.push((socket.send(data), socket.bufferedAmount));
    socket.close();
    return seen;
  }],
  ["bufferedAmount: promises do not see it shrink", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    await next(socket, "open");
    socket.send("abc");
    for (let i = 0; i < 50; i++) await null;
    const seen = socket.bufferedAmount;
    socket.close();
    return seen;
  }],
  ["bufferedAmount: is zero once all has left", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["wait"], ["wait"], ["send", "both"]));
    await next(socket, "open");
    socket.send("x".repeat(100_000));
    socket.send(new Uint8Array(100_000));
    await next(socket, "message");
    const seen = socket.bufferedAmount;
    socket.close();
    return seen;
  }],
  ["bufferedAmount: while closing, and after", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    await next(socket, "open");
    socket.close();
    socket.send("abc");
    const closing = [socket.readyState, socket.bufferedAmount];
    await next(socket, "close");
    const before = socket.bufferedAmount;
    socket.send(new Uint8Array(5));
    return [closing, before, socket.readyState, socket.bufferedAmount, attempt(() => socket.send("ü")), socket.bufferedAmount];
  }],
  ["bufferedAmount: closed before it was open", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    socket.close();
    socket.send("abc");
    socket.send(Uint8Array.of(1));
    const before = socket.bufferedAmount;
    await next(socket, "close");
    return [before, socket.bufferedAmount, attempt(() => socket.send(new Blob(["xy"]))), socket.bufferedAmount];
  }],
];

/** @type {Scenario[]} */
const EVENTS = [
  ["message: text", ({ WebSocket, to }) => trace(new WebSocket(to(["send", "grüße"], ["close", 1000])))],
  ["message: empty", ({ WebSocket, to }) => trace(new WebSocket(to(["send", ""], ["binary", []], ["close", 1000])))],
  ["message: a leading mark stays", ({ WebSocket, to }) => trace(new WebSocket(to(["raw", "8104efbbbf61"], ["close", 1000])))],
  ["message: a Blob by default", ({ WebSocket, to }) => trace(new WebSocket(to(["binary", [1, 2, 3]], ["close", 1000])))],
  ["message: an ArrayBuffer", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["binary", [1, 2, 3]], ["close", 1000]));
    socket.binaryType = "arraybuffer";
    return trace(socket);
  }],
  ["message: the type changes in between", ({ WebSocket, to }) =>
    trace(new WebSocket(to(["binary", [1]], ["wait"], ["binary", [2]], ["close", 1000])), { message: ({ target }) => target.binaryType === "blob" && ((target.binaryType = "arraybuffer"), target.send("go")) })],
  ["message: fragments, with a ping between", ({ WebSocket, to }) => trace(new WebSocket(to(["raw", "0103616263890178800164"], ["close", 1000])))],
  ["message: empty fragments", ({ WebSocket, to }) => trace(new WebSocket(to(["raw", "0100000000008000"], ["close", 1000])))],
  ["message: a character over two fragments", ({ WebSocket, to }) => trace(new WebSocket(to(["raw", "0101c38001bc"], ["close", 1000])))],
  ["message: many together, in order", async ({ WebSocket, to }) => trace(new WebSocket(to(["together"], ...Array.from({ length: 20 }, (_, i) => ["send", `${i}`]), ["close", 3001])))],
  ["message: promises come between messages", async ({ WebSocket, to }) => {
    const log = /** @type {any[]} */ ([]);
    const socket = new WebSocket(to(["together"], ["send", "1"], ["send", "2"], ["close", 1000]));
    socket.onmessage = async ({ data }) => {
      log.push(data);
      for (let i = 0; i < 10; i++) await null;
      log.push(`after ${data}`);
    };
    await next(socket, "close");
    return log;
  }],
  ["message: with the handshake", ({ WebSocket, to }) => trace(new WebSocket(to(["together"], ["send", "at once"], ["close", 1000, "bye"])))],
  ["events: promises come between error and close", async ({ WebSocket }) => {
    const log = /** @type {any[]} */ ([]);
    const socket = new WebSocket("ws://127.0.0.1:9/");
    socket.onerror = async () => {
      log.push(["error", socket.readyState]);
      for (let i = 0; i < 10; i++) await null;
      log.push("after error");
    };
    socket.onclose = () => log.push("close");
    await next(socket, "close");
    return log;
  }],
  ["events: a handler that fails stops nothing", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["send", "1"], ["send", "2"], ["close", 1000]));
    const caught = /** @type {string[]} */ ([]);
    const catcher = (/** @type {ErrorEvent} */ event) => (event.preventDefault(), caught.push(event.error.message));
    addEventListener("error", catcher);
    socket.onmessage = ({ data }) => {
      throw new Error(data);
    };
    const log = await trace(socket);
    removeEventListener("error", catcher);
    return [caught, log.map(([type]) => type)];
  }],
  ["events: stopImmediatePropagation", async ({ WebSocket, to }) => {
    const log = /** @type {string[]} */ ([]);
    const socket = new WebSocket(to(["send", "1"], ["close", 1000]));
    socket.addEventListener("message", (event) => (log.push("first"), event.stopImmediatePropagation()));
    socket.addEventListener("message", () => log.push("second"));
    await next(socket, "close");
    return log;
  }],
  ["events: how they look", async ({ WebSocket, to }) => {
    const log = /** @type {any[]} */ ([]);
    const socket = new WebSocket(to(["send", "1"], ["close", 1000]));
    for (const type of ["open", "message", "close"]) {
      socket.addEventListener(type, (event) => log.push([type, event.constructor.name, event.bubbles, event.cancelable, event.composed, event.eventPhase, event.currentTarget === socket, event.target === socket, event.composedPath().length]));
    }
    await next(socket, "close");
    return log;
  }],
];

/** One whose connection does not matter. @param {typeof WebSocket} WebSocket */
function idle(WebSocket) {
  const socket = new WebSocket("ws://127.0.0.1:9/");
  socket.close();
  return socket;
}

/** @type {Scenario[]} */
export const SCENARIOS = [...INTERFACE, ...SENDING, ...BUFFERED, ...EVENTS];
