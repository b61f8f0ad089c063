// Every way into a gateway that leads on to a server, tried by hand with an origin and a credential of choice: each carrier, and each dialect. A door
// does all that can be done there to reach the target, and says in words how far it came. It must never be politer than an attacker.

import { randomBytes } from "node:crypto";
import http from "node:http";
import { helloJson } from "./by-hand.js";
import { openSession, socketOn } from "./http2.js";
import { downBody, Line, NOW, POLL, PREAMBLE, records, upBody } from "./http-wire.js";
import { Carrier, CLOSE, CODES, DATA, data, decode, DETACH, hello, prefix, readInt, RESET, resume, WELCOME } from "./wire.js";

/** @typedef {{ url: string, host: string, target: { host: string, port: number } }} Place where the gateway is, what it is called, and what is to be reached */
/** @typedef {{ origin?: string | string[], token?: string }} Who */
/** @typedef {(place: Place, who: Who) => Promise<string>} Door */

const PATIENCE_MS = 8_000;
const WISP = { connect: 1, data: 2, close: 4 };
const KEY = { "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };

/** @type {Record<string, Door>} */
export const CARRIERS = {
  "websocket, HTTP/1.1": (place, who) => upgraded(place, who, "/link", { ...KEY, upgrade: "websocket", "sec-websocket-protocol": "pageport.v1" }, (stream) => attach(overWebSocket(stream), place)),
  "websocket, HTTP/2": (place, who) => extended(place, who, "/link", { "sec-websocket-protocol": "pageport.v1" }, (stream) => attach(overWebSocket(stream), place)),
  "Upgrade: pageport.v1": (place, who) => upgraded(place, who, "/link", { upgrade: "pageport.v1" }, (stream) => attach(overBytes(stream), place)),
  "http, up and down": requested,
  "http, down": async (place, who) => words(await line(place, who).ask("down", downBody(randomBytes(16), 0, NOW))),
  "http, close": (place, who) => posted(place, who, "/link/close", JSON.stringify({ session: "A".repeat(22), secret: "A".repeat(43) })),
};

/** @type {Record<string, Door>} */
export const DIALECTS = {
  "/tcp by WebSocket": (place, who) => upgraded(place, who, path(place), { ...KEY, upgrade: "websocket", "sec-websocket-protocol": "binary" }, heard),
  "/tcp by WebSocket, HTTP/2": (place, who) => extended(place, who, path(place), { "sec-websocket-protocol": "binary" }, heard),
  "/tcp by Upgrade: tcp": (place, who) => upgraded(place, who, path(place), { upgrade: "tcp" }, heard),
  "/websockify": (place, who) => upgraded(place, who, "/websockify?token=target", { ...KEY, upgrade: "websocket", "sec-websocket-protocol": "binary" }, heard),
  "/websockify, HTTP/2": (place, who) => extended(place, who, "/websockify?token=target", { "sec-websocket-protocol": "binary" }, heard),
  "/wisp/ v1": (place, who) => upgraded(place, who, "/wisp/", { ...KEY, upgrade: "websocket" }, (stream) => wisp(stream, place)),
  "/wisp/ v1, HTTP/2": (place, who) => extended(place, who, "/wisp/", {}, (stream) => wisp(stream, place)),
  "/wisp/ v2": (place, who) => upgraded(place, who, "/wisp/", { ...KEY, upgrade: "websocket", "sec-websocket-protocol": "wisp-v2" }, (stream) => wisp(stream, place, true)),
};

/** Those where no browser can come: there an Origin is a lie, the allowed one too. */
export const NATIVE = ["Upgrade: pageport.v1", "/tcp by Upgrade: tcp"];
/** Those where nothing can be reached, whoever asks. */
export const BARREN = ["http, down", "http, close"];

/** @param {Place} place */
const path = ({ target }) => `/tcp/${target.host}/${target.port}`;

/** @param {Place} place @param {Who} who */
const fields = ({ host }, { origin, token }) => ({ host, ...(origin !== undefined && { origin }), ...(token && { authorization: `Bearer ${token}` }) });

/** @param {Place} place @param {Who} who @param {string} path @param {Record<string, string>} headers @param {(stream: import("node:stream").Duplex) => Promise<string>} then */
function upgraded(place, who, path, headers, then) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${place.url}${path}`, { headers: { ...fields(place, who), connection: "Upgrade", ...headers }, agent: false });
    request.on("response", (answer) => (resolve(verdict(answer.statusCode, answer.headers)), answer.destroy()));
    request.on("upgrade", (_, stream, head) => {
      if (head.length) stream.unshift(head);
      then(stream).then(resolve, reject).finally(() => stream.destroy());
    });
    request.on("error", (error) => resolve(`broken off: ${error.message}`));
    request.end();
  });
}

/** @param {Place} place @param {Who} who @param {string} path @param {Record<string, string>} headers @param {(stream: import("node:stream").Duplex) => Promise<string>} then */
async function extended(place, who, path, headers, then) {
  const session = await openSession(place.url);
  try {
    const { host, ...more } = fields(place, who);
    const asked = { ":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":authority": host, ":path": path, "sec-websocket-version": "13", ...headers };
    const stream = session.request({ ...asked, ...more }, { endStream: false });
    const answer = await new Promise((resolve, reject) => stream.on("response", resolve).on("error", reject).on("close", () => reject(new Error("no answer"))));
    return answer[":status"] === 200 ? await then(stream) : verdict(answer[":status"], answer);
  } catch (error) {
    return `broken off: ${/** @type {Error} */ (error).message}`;
  } finally {
    session.destroy();
  }
}

/** @param {import("node:stream").Duplex} stream */
function overWebSocket(stream) {
  const socket = socketOn(/** @type {any} */ (stream));
  const carrier = new Carrier({ write: (bytes) => socket.send(bytes), end: () => socket.terminate(), raw: socket });
  socket.on("message", (/** @type {Buffer} */ bytes) => carrier.take(bytes)).on("close", () => carrier.finish()).on("error", () => carrier.finish());
  return carrier;
}

/** @param {import("node:stream").Duplex} stream */
function overBytes(stream) {
  const carrier = new Carrier({ write: (bytes) => void stream.write(bytes), end: () => stream.destroy(), raw: stream });
  stream.on("data", (bytes) => carrier.take(bytes)).on("end", () => carrier.finish()).on("error", () => carrier.finish());
  return carrier;
}

/** Attaches and asks for the target. @param {Carrier} carrier @param {Place} place */
async function attach(carrier, { target }) {
  carrier.send(hello(helloJson()));
  const first = await carrier.next([WELCOME, CLOSE, DETACH]);
  if (first?.type !== WELCOME) return said(first);
  carrier.send(resume());
  carrier.send(asking(target));
  return said(await carrier.until(({ frames }) => frames.find(isAnswer)));
}

/** The same by requests, which need not wait for each other. @param {Place} place @param {Who} who */
async function requested(place, who) {
  const own = line(place, who);
  try {
    for (const [seq, message] of [hello(helloJson()), resume(), asking(place.target)].entries()) {
      const answer = await own.ask("up", upBody(own.id, seq, message));
      if (answer.status === 404 && seq) break;
      if (answer.status !== 204) return words(answer);
    }
    const frames = [];
    for (let ack = 0, tries = 0; tries < 5; tries++) {
      const answer = await own.ask("down", downBody(own.id, ack, POLL));
      if (answer.status !== 200) return words(answer);
      const { messages } = records(answer.body.subarray(PREAMBLE.length));
      ack += messages.length;
      frames.push(...messages.flatMap((message) => decode(message).frames));
      const found = frames.find((frame) => isAnswer(frame) || [CLOSE, DETACH].includes(frame.type));
      if (found) return said(found);
    }
    return "no answer";
  } finally {
    own.drop();
  }
}

/** @param {Place} place @param {Who} who */
function line(place, who) {
  const own = new Line(place.url);
  Object.assign(own.headers, fields(place, who));
  return own;
}

/** @param {{ host: string, port: number }} target */
const asking = ({ host, port }) => data(1, 0, prefix({ connect: `tcp://${host}:${port}` }));

/** @param {import("./wire.js").Frame} frame */
const isAnswer = ({ type, ints: [stream], rest }) => (type === DATA && stream === 1 && rest.length > 0) || (type === RESET && stream === 1);

/** @param {import("./wire.js").Frame | undefined} frame */
function said(frame) {
  if (!frame) return "no answer";
  if (frame.type !== DATA) return `${frame.type === CLOSE ? "CLOSE" : frame.type === RESET ? "RESET" : "DETACH"} ${CODES.get(frame.ints[frame.type === RESET ? 1 : 0])}`;
  const [length, at] = readInt(frame.rest, 0) ?? [0, 0];
  const reply = JSON.parse(frame.rest.subarray(at, at + length).toString());
  return reply.ok ? "reached" : `refused ${reply.error}`;
}

/** Whether the target's word comes. @param {import("node:stream").Duplex} stream */
const heard = (stream) => within(stream, (bytes) => (bytes.includes("target") ? "reached" : undefined));

/** Asks for the target at once, whatever the server says first. @param {import("node:stream").Duplex} stream @param {Place} place */
function wisp(stream, { target }, isV2 = false) {
  const socket = socketOn(/** @type {any} */ (stream));
  const packet = (/** @type {number} */ type, /** @type {number} */ id, /** @type {Buffer} */ payload) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(type);
    head.writeUInt32LE(id, 1);
    socket.send(Buffer.concat([head, payload]));
  };
  const wanted = Buffer.concat([Buffer.from([1, target.port & 255, target.port >> 8]), Buffer.from(target.host)]);
  // Version 2.1, without extensions: without a login, too.
  if (isV2) packet(5, 0, Buffer.from([2, 1]));
  packet(WISP.connect, 1, wanted);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("no answer"), PATIENCE_MS);
    const settle = (/** @type {string} */ words) => (clearTimeout(timer), resolve(words));
    socket.on("message", (/** @type {Buffer} */ bytes) => {
      if (bytes[0] === WISP.data) settle("reached");
      if (bytes[0] === WISP.close) settle(`wisp close 0x${bytes[5].toString(16)}`);
    });
    socket.on("close", (/** @type {number} */ code) => settle(`closed ${code}`)).on("error", () => settle("broken off"));
  });
}

/** @param {import("node:stream").Duplex} stream @param {(bytes: Buffer) => string | undefined} find @returns {Promise<string>} */
function within(stream, find) {
  return new Promise((resolve) => {
    let all = Buffer.alloc(0);
    const timer = setTimeout(() => resolve("no answer"), PATIENCE_MS);
    const settle = (/** @type {string} */ words) => (clearTimeout(timer), resolve(words));
    stream.on("data", (bytes) => {
      all = Buffer.concat([all, bytes]);
      const found = find(all);
      if (found) settle(found);
    });
    stream.on("end", () => settle("ended")).on("error", () => settle("broken off"));
  });
}

/** @param {Place} place @param {Who} who @param {string} path @param {string} body @returns {Promise<string>} */
function posted(place, who, path, body) {
  return new Promise((resolve) => {
    const request = http.request(`${place.url}${path}`, { method: "POST", headers: { ...fields(place, who), "content-type": "text/plain" }, agent: false });
    request.on("response", (answer) => (resolve(verdict(answer.statusCode, answer.headers)), answer.destroy()));
    request.on("error", (error) => resolve(`broken off: ${error.message}`));
    request.end(body);
  });
}

/** @param {{ status: number, code: string }} answer */
const words = ({ status, code }) => (code ? `${status} ${code}` : `${status}`);

/** @param {number | undefined} status @param {Record<string, any>} headers */
const verdict = (status = 0, headers) => words({ status, code: `${headers["pageport-error"] ?? ""}` });
