// In a page: a client of PostgreSQL (its protocol, version 3.0), as far as simple queries need it: TLS where it is asked for, SCRAM, rows.

import { scram } from "./scram.js";

const SSL_REQUEST = 80_877_103;
const VERSION = 196_608;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @type {any} */
let io;
/** @type {any} */
let socket;

/** @param {{ gateway: string, host: string, port: number, user: string, password: string, secure: boolean }} place @returns {Promise<any>} what is known of the server */
export async function open({ gateway, host, port, user, password, secure }) {
  const { connect, byteStream } = await import(`${gateway}/pageport.js`);
  socket = connect({ hostname: host, port }, { secureTransport: secure ? "starttls" : "off" });
  io = await byteStream(socket);
  if (secure) {
    await io.write(packet("", number(SSL_REQUEST)));
    const agreed = decoder.decode(await io.readExactly(1));
    if (agreed !== "S") throw new Error(`no TLS: ${agreed}`);
    socket = socket.startTls();
    io = await byteStream(socket);
  }
  const { tls } = await socket.opened;
  await io.write(packet("", number(VERSION), text("user"), text(user), text("database"), text("postgres"), [0]));
  await authenticate(user, password);
  const parameters = Object.fromEntries((await until("Z")).filter(({ type }) => type === "S").map(({ body }) => decoder.decode(body).split("\0")));
  return { tls, version: parameters.server_version };
}

/** The rows of a query, as text. @param {{ query: string }} place */
export async function query({ query }) {
  await io.write(packet("Q", text(query)));
  return (await until("Z")).filter(({ type }) => type === "D").map(({ body }) => columns(body));
}

export async function quit() {
  await io.write(packet("X"));
  await io.end();
  while ((await io.read()).length);
  return socket.closed.then(() => "well", (/** @type {any} */ error) => error.code);
}

/** SASL with SCRAM-SHA-256, and nothing less. @param {string} user @param {string} password */
async function authenticate(user, password) {
  const talk = scram("SHA-256", user, password);
  const offered = (await authentication(10)).split("\0");
  if (!offered.includes("SCRAM-SHA-256")) throw new Error(`offered: ${offered}`);
  const first = encoder.encode(talk.first);
  await io.write(packet("p", text("SCRAM-SHA-256"), number(first.length), first));
  const { last, expected } = await talk.answer(await authentication(11));
  await io.write(packet("p", encoder.encode(last)));
  if ((await authentication(12)) !== expected) throw new Error("not the server that knows the password");
  await authentication(0);
}

/** What a message of authentication says, if it is of this kind. @param {number} kind */
async function authentication(kind) {
  const { type, body } = await message();
  const got = new DataView(body.buffer, body.byteOffset).getInt32(0);
  if (type !== "R" || got !== kind) throw new Error(`authentication ${type} ${got}`);
  return decoder.decode(body.subarray(4));
}

/** All messages up to one of this type. @param {string} last */
async function until(last) {
  const messages = [];
  do messages.push(await message());
  while (messages.at(-1)?.type !== last);
  return messages;
}

/** @returns {Promise<{ type: string, body: Uint8Array }>} */
async function message() {
  const head = await io.readExactly(5);
  const length = new DataView(head.buffer, head.byteOffset).getInt32(1);
  const [type, body] = [String.fromCharCode(head[0]), await io.readExactly(length - 4)];
  if (type === "E") throw new Error(decoder.decode(body).replaceAll("\0", " "));
  return { type, body };
}

/** @param {Uint8Array} body */
function columns(body) {
  const view = new DataView(body.buffer, body.byteOffset);
  let at = 2;
  return Array.from({ length: view.getInt16(0) }, () => {
    const length = view.getInt32(at);
    const from = (at += 4);
    at += Math.max(length, 0);
    return length < 0 ? null : decoder.decode(body.subarray(from, at));
  });
}

/** @param {string} type @param {...Iterable<number>} parts */
function packet(type, ...parts) {
  const body = parts.flatMap((part) => [...part]);
  return Uint8Array.from([...encoder.encode(type), ...number(body.length + 4), ...body]);
}

/** @param {number} value */
const number = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** @param {string} value */
const text = (value) => [...encoder.encode(value), 0];
