// Bad input at the front door: requests whose Host, Origin, credential, handshake or header fields are not what they
// have to be. Each is answered with its status and its code, before it has touched a session.

import { ask } from "./wire.js";

/** @typedef {import("./bad-frames.js").Case} Case @typedef {import("./by-hand.js").World} World */

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", KEY, "Sec-WebSocket-Version: 13"];
const ATTACH = [...UPGRADE, "Sec-WebSocket-Protocol: pageport.v1"];

/** A WebSocket handshake. @param {{ host: string, path?: string, lines?: string[] }} parts */
export function handshake({ host, path = "/", lines = [] }) {
  return asBytes(`GET ${path} HTTP/1.1`, `Host: ${host}`, ...UPGRADE, ...lines);
}

/**
 * What a refusal says: its status, its code, and its words if they are not the code's own.
 * @param {{ status: number, headers: Map<string, string>, body: string }} answer
 */
export function refusal({ status, headers, body }) {
  const code = headers.get("pageport-error");
  if (!code) return `${status} without a code`;
  const said = JSON.parse(body);
  if (said.error !== code) return `${status} ${code}, but ${said.error} in the body`;
  return code === "ERR_REJECTED" ? `${status} ${code} (${said.message})` : `${status} ${code}`;
}

/** Lines of latin1, as bytes. @param {...string} lines */
function asBytes(...lines) {
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** @param {string} name @param {string} expected @param {(world: World) => Buffer} request @returns {Case} */
function front(name, expected, request) {
  return {
    name,
    expected,
    kinds: ["http"],
    run: async (world) => refusal(await ask(world.url, request(world))),
  };
}

/** Somebody who wants to attach. */
const attach = (name, expected, ...lines) =>
  front(name, expected, ({ url }) => asBytes("GET /link HTTP/1.1", `Host: ${new URL(url).host}`, ...lines));
const origin = (value) =>
  attach(`Origin: ${value || "nothing"}`, "403 ERR_ORIGIN_FORBIDDEN", ...ATTACH, `Origin: ${value}`);
const OWN = "Origin: http://localhost:1234";

/** Somebody who visits the good page. */
const visit = (name, expected, ...lines) =>
  front(name, expected, ({ name }) => handshake({ host: `${name}.localhost`, lines }));
const field = (name, bytes) => visit(`a visitor's header with ${name}`, "400 ERR_HEADER_INVALID", bytes);
const host = (name, expected, ...lines) => front(name, expected, () => asBytes("GET / HTTP/1.1", ...lines));
const UNKNOWN = "421 ERR_HOST_UNKNOWN";
const INVALID = "400 ERR_HOST_INVALID";

/** @type {Case[]} */
export const requests = [
  attach("an allowed Origin, for comparison", "101 without a code", ...ATTACH, OWN),
  origin("https://evil.example"),
  origin("null"),
  origin(""),
  origin("https://x.localhost"),
  origin("http://localhost.evil.example"),
  origin("http://page.localhost:1234"),
  origin("http://localhost:1234/"),
  origin("http://LOCALHOST:1234"),
  origin("http://localhost:1234, http://localhost:1234"),
  attach("two Origins", "403 ERR_ORIGIN_FORBIDDEN", ...ATTACH, OWN, OWN),
  attach(
    "an allowed Origin with the raw upgrade",
    "403 ERR_ORIGIN_FORBIDDEN",
    "Upgrade: pageport.v1",
    "Connection: Upgrade",
    OWN,
  ),
  attach("a wrong token", "401 ERR_CREDENTIAL_INVALID", ...ATTACH, "Authorization: Bearer wrong"),
  attach(
    "another scheme than Bearer",
    "401 ERR_CREDENTIAL_INVALID",
    ...ATTACH,
    "Authorization: Basic d3Jvbmc6d3Jvbmc=",
  ),
  attach("no subprotocol", "400 ERR_HANDSHAKE_INVALID", ...UPGRADE, OWN),
  attach("another subprotocol", "400 ERR_HANDSHAKE_INVALID", ...UPGRADE, "Sec-WebSocket-Protocol: pageport.v2", OWN),
  attach("two keys", "400 ERR_HANDSHAKE_INVALID", ...ATTACH, KEY, OWN),
  attach("no upgrade", "426 ERR_UPGRADE_REQUIRED", OWN),
  attach("version 8 of WebSocket", "426 ERR_UPGRADE_REQUIRED", ...ATTACH.map((line) => line.replace("13", "8")), OWN),
  front("POST to /link", "405 ERR_METHOD_NOT_ALLOWED", ({ url }) =>
    asBytes("POST /link HTTP/1.1", `Host: ${new URL(url).host}`, OWN),
  ),
  front("a path that does not exist", "404 ERR_NOT_FOUND", ({ url }) =>
    asBytes("GET /nothing/here HTTP/1.1", `Host: ${new URL(url).host}`),
  ),

  host("no Host", INVALID),
  host("two Hosts", INVALID, "Host: localhost", "Host: localhost"),
  host("two different Hosts", INVALID, "Host: localhost", "Host: evil.example"),
  host("an empty Host", INVALID, "Host:"),
  host("a Host with a path", INVALID, "Host: localhost/x"),
  host("a Host with a user", INVALID, "Host: user@localhost"),
  host("a Host with a port that is none", INVALID, "Host: localhost:99999"),
  host("a foreign Host", UNKNOWN, "Host: evil.example"),
  host("a foreign Host that ends like an own one", UNKNOWN, "Host: evillocalhost"),
  host("a foreign Host that begins like an own one", UNKNOWN, "Host: localhost.evil.example"),
  host("a Host two levels below", UNKNOWN, "Host: a.b.localhost"),
  front("another Host in the target", INVALID, () => asBytes("GET http://evil.example/ HTTP/1.1", "Host: localhost")),
  front("a foreign Host at /link", UNKNOWN, () => asBytes("GET /link HTTP/1.1", "Host: evil.example", ...ATTACH, OWN)),
  front("a foreign Host with a listener's path", UNKNOWN, ({ name }) =>
    handshake({ host: "evil.example", path: `/@${name}/` }),
  ),
  front("a listener's name below a foreign Host", UNKNOWN, ({ name }) => handshake({ host: `${name}.evil.example` })),

  visit("a good visitor, for comparison", "101 without a code"),
  visit("a visitor's header with bytes above 127", "101 without a code", "X-Latin: caf\u00e9 \u00ff"),
  field("U+0001", "X: a\u0001b"),
  field("U+0000", "X: a\u0000b"),
  field("U+001B", "X: a\u001bb"),
  field("U+007F", "X: a\u007fb"),
  field("a line feed", "X: a\nY: b"),
  field("a carriage return", "X: a\rY: b"),
  field("a folded line", "X: a\r\n b"),
  field("a space before its colon", "X : a"),
  field("a control character in its name", "X\u0001: a"),
  field("a name of 129 characters", `${"x".repeat(129)}: a`),
  visit("a visitor's header of 40,000 bytes", "431 ERR_HEADERS_TOO_LARGE", `X: ${"a".repeat(40_000)}`),
  visit("101 headers of a visitor", "431 ERR_HEADERS_TOO_LARGE", ...Array(96).fill("X: a")),
  front("a visitor of nobody", "404 ERR_LISTENER_UNKNOWN", () => handshake({ host: "nobody2345.localhost" })),
  front("a visitor of nobody, by path", "404 ERR_LISTENER_UNKNOWN", ({ url }) =>
    handshake({ host: new URL(url).host, path: "/@nobody2345/" }),
  ),
  front("a visitor without a handshake", "426 ERR_UPGRADE_REQUIRED", ({ name }) =>
    asBytes("GET / HTTP/1.1", `Host: ${name}.localhost`),
  ),
  front("a visitor without a handshake, by path", "426 ERR_UPGRADE_REQUIRED", ({ url, name }) =>
    asBytes(`GET /@${name}/ HTTP/1.1`, `Host: ${new URL(url).host}`),
  ),
];
