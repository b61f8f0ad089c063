// In a page: URL forms, subprotocols and other arguments of the constructor.

import { attempt, name, next, shown, trace } from "./websocket-scenarios.js";

/** @typedef {import("./websocket-scenarios.js").Scenario} Scenario */

/** @type {[string, unknown][]} */
const URLS = [
  ["plain", "ws://example.test/"],
  ["without a path", "wss://example.test"],
  ["upper case", "WS://EXAMPLE.test/Path"],
  ["default port of ws", "ws://example.test:80/"],
  ["default port of wss", "wss://example.test:443/"],
  ["other default port with ws", "ws://example.test:443/"],
  ["other default port with wss", "wss://example.test:80/"],
  ["http", "http://example.test/a"],
  ["https", "https://example.test/a"],
  ["http with its port", "HTTP://example.test:80/"],
  ["https with its port", "https://example.test:443/"],
  ["http with the port of https", "http://example.test:443/"],
  ["ftp", "ftp://example.test/"],
  ["mailto", "mailto:a@example.test"],
  ["data", "data:text/plain,x"],
  ["about", "about:blank"],
  ["file", "file:///etc/passwd"],
  ["blob", "blob:http://example.test/1"],
  ["javascript", "javascript:1"],
  ["empty is the document's", ""],
  ["relative", "relative/path"],
  ["absolute path", "/absolute?query"],
  ["without a scheme", "//example.test/x"],
  ["query only", "?query"],
  ["dots", "../a/./b/../c"],
  ["fragment only", "#fragment"],
  ["fragment", "ws://example.test/#fragment"],
  ["empty fragment", "ws://example.test/#"],
  ["fragment behind a query", "ws://example.test/?a#b"],
  ["encoded number sign", "ws://example.test/%23"],
  ["no host", "ws://"],
  ["no slashes", "ws:example.test"],
  ["one slash", "ws:/example.test/a"],
  ["three slashes", "ws:///example.test/a"],
  ["backslashes", "ws:\\\\example.test\\a"],
  ["user and password", "ws://user:secret@example.test/"],
  ["user", "ws://user@example.test/"],
  ["port 0", "ws://example.test:0/"],
  ["highest port", "ws://example.test:65535/"],
  ["port too high", "ws://example.test:65536/"],
  ["port that is none", "ws://example.test:x/"],
  ["negative port", "ws://example.test:-1/"],
  ["IPv6", "ws://[::1]:9/"],
  ["IPv6 long", "ws://[0:0:0:0:0:0:0:1]:9/"],
  ["IPv6 broken", "ws://[::1"],
  ["IPv4 short", "ws://127.1:9/"],
  ["IPv4 hexadecimal", "ws://0x7f.0.0.1:9/"],
  ["IPv4 too large", "ws://256.256.256.256/"],
  ["space in the host", "ws://exa mple.test/"],
  ["forbidden in the host", "ws://exa<mple.test/"],
  ["spaces around", "  ws://example.test/  "],
  ["tab and newline inside", "ws://exam\tple.test/\na"],
  ["space in the path", "ws://example.test/a b"],
  ["umlaut in the path", "ws://example.test/ä"],
  ["umlaut in the query", "ws://example.test/?ä=ü"],
  ["umlaut in the host", "ws://bücher.test/"],
  ["lone surrogate", "ws://example.test/\ud800"],
  ["percent in the path", "ws://example.test/%zz%41"],
  ["null", null],
  ["undefined", undefined],
  ["number", 42],
  ["object", { toString: () => "ws://example.test/object" }],
  ["URL", new URL("https://example.test/url")],
  ["array", ["ws://example.test/array"]],
  ["symbol", Symbol("x")],
  ["object that throws", { toString() { throw new RangeError("mine"); } }],
  ["blocked port", "ws://example.test:22/"],
];

/** @type {[string, unknown][]} */
const PROTOCOLS = [
  ["empty string", ""],
  ["one", "chat"],
  ["with a space", "a b"],
  ["with a comma", "a,b"],
  ["with every separator", "()<>@,;:\\\"/[]?={}"],
  ["with every other sign", "!#$%&'*+-.^_`|~09azAZ"],
  ["umlaut", "ä"],
  ["control", "a\x01"],
  ["delete", "a\x7f"],
  ["tab", "a\tb"],
  ["two", ["a", "b"]],
  ["twice", ["a", "a"]],
  ["twice, other case", ["a", "A"]],
  ["one that is none", ["a", ""]],
  ["none", []],
  ["null", null],
  ["undefined", undefined],
  ["number", 1],
  ["object", {}],
  ["object with toString", { toString: () => "own" }],
  ["nested", [["x"]]],
  ["null inside", [null]],
  ["symbol", Symbol("x")],
  ["symbol inside", [Symbol("x")]],
  ["set", new Set(["a", "b"])],
  ["String object", new String("ab")],
  ["iterable that throws", { [Symbol.iterator]() { throw new RangeError("mine"); } }],
  ["not iterable after all", { [Symbol.iterator]: 1 }],
];

/** What there is right after construction, and after closing at once. @param {() => WebSocket} make */
async function begin(make) {
  let socket;
  try {
    socket = make();
  } catch (error) {
    return name(error);
  }
  const first = [socket.url, socket.readyState, socket.protocol, socket.extensions, socket.bufferedAmount, socket.binaryType];
  const log = trace(socket);
  socket.close();
  return [...first, socket.readyState, await log];
}

/** @type {Scenario[]} */
const NEGOTIATION = [
  ["protocol: the server takes the first", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "a"]), ["a", "b"]))],
  ["protocol: the server takes the second", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "b"]), ["a", "b"]))],
  ["protocol: a string is one", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "chat"]), "chat"))],
  ["protocol: the server takes none", ({ WebSocket, to }) => opened(new WebSocket(to(), ["a", "b"]))],
  ["protocol: the server takes another", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "c"]), ["a", "b"]))],
  ["protocol: the server takes one in another case", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "A"]), ["a"]))],
  ["protocol: the server takes one unasked", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "a"])))],
  ["protocol: the server takes two", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "a"], ["protocol", "b"]), ["a", "b"]))],
  ["protocol: the server answers with a list", ({ WebSocket, to }) => opened(new WebSocket(to(["protocol", "a, b"]), ["a", "b"]))],
  ["protocol: an iterable is offered in its order", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to(["protocol", "y"], ["tell"]), /** @type {any} */ (new Set(["x", "y"])));
    const { data } = await next(socket, "message");
    socket.close();
    return [JSON.parse(data).offered, socket.protocol];
  }],
  ["handshake: what the server is told", async ({ WebSocket, to, host }) => {
    const socket = new WebSocket(to(["tell"]));
    const { data } = await next(socket, "message");
    socket.close();
    const { origin, ...rest } = JSON.parse(data);
    return [origin === `http://${host}`, rest];
  }],
];

/** @param {WebSocket} socket */
function opened(socket) {
  return trace(socket, { open: () => socket.close(1000) });
}

/** @type {Scenario[]} */
const HANDSHAKES = /** @type {[string, any[]][]} */ ([
  ["status 200", [["status", 200]]],
  ["status 302", [["status", 302]]],
  ["status 401", [["status", 401]]],
  ["status 403", [["status", 403]]],
  ["status 500", [["status", 500]]],
  ["a wrong accept", [["accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]]],
  ["no accept", [["header", "Sec-WebSocket-Accept"]]],
  ["no upgrade", [["header", "Upgrade"]]],
  ["another upgrade", [["header", "Upgrade", "h2c"]]],
  ["an upgrade in capitals", [["header", "Upgrade", "WEBSOCKET"]]],
  ["no connection", [["header", "Connection"]]],
  ["an extension nobody offered", [["header", "Sec-WebSocket-Extensions", "x-made-up"]]],
  ["a connection that is dropped", [["drop"]]],
  ["an answer that is none", [["garbage"]]],
]).map(([what, steps]) => [`handshake: ${what}`, ({ WebSocket, to }) => trace(new WebSocket(to(...steps)), { open: ({ target }) => target.close() })]);

/** @type {Scenario[]} */
export const SCENARIOS = [
  .../** @type {Scenario[]} */ (URLS.map(([what, url]) => [`url: ${what}`, ({ WebSocket }) => begin(() => new WebSocket(/** @type {any} */ (url)))])),
  .../** @type {Scenario[]} */ (PROTOCOLS.map(([what, list]) => [`protocols: ${what}`, ({ WebSocket }) => begin(() => new WebSocket("ws://example.test/", /** @type {any} */ (list)))])),
  ["arguments: none", ({ WebSocket }) => attempt(() => new /** @type {any} */ (WebSocket)())],
  ["arguments: without new", ({ WebSocket }) => attempt(() => /** @type {any} */ (WebSocket)("ws://example.test/"))],
  ["arguments: a bad URL comes before bad protocols", ({ WebSocket }) => attempt(() => new WebSocket("ftp://x/", /** @type {any} */ (Symbol("x"))))],
  ["nobody is there", async ({ WebSocket }) => trace(new WebSocket("ws://127.0.0.1:9/"))],
  ["open: the event and what the socket shows by then", async ({ WebSocket, to }) => {
    const socket = new WebSocket(to());
    const before = [socket.readyState, socket.protocol];
    const event = await next(socket, "open");
    const seen = shown(event);
    socket.close();
    return [before, seen];
  }],
  ...NEGOTIATION,
  ...HANDSHAKES,
];
