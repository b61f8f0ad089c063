// Real UDP servers for pages that connect to them: an echo, one that talks too much, a small name server (RFC 1035), and a port where nobody listens.

import dgram from "node:dgram";
import { once } from "node:events";

/** What the name server knows. */
export const KNOWN = { "page.test": "192.0.2.7", "other.test": "192.0.2.8" };

/** @type {Record<string, (socket: dgram.Socket, message: Buffer, to: dgram.RemoteInfo) => void>} */
const HABITS = {
  echo: (socket, message, { port, address }) => socket.send(message, port, address),
  /** Something too long, and then the same. */
  long(socket, message, { port, address }) {
    socket.send(Buffer.alloc(1_201, 7), port, address, () => socket.send(message, port, address));
  },
  /** Hears, and says nothing. */
  silent: () => {},
  dns(socket, query, { port, address }) {
    socket.send(answer(query), port, address);
  },
};

/** One of each, at ports of their own. */
export async function startServers() {
  /** @type {Record<string, number>} */
  const ports = {};
  /** How many datagrams came to each. @type {Record<string, number>} */
  const heard = {};
  const sockets = [];
  const open = async (/** @type {string} */ name) => {
    const socket = dgram.createSocket("udp4");
    await once(socket.bind(0, "127.0.0.1"), "listening");
    sockets.push(socket);
    ports[name] = socket.address().port;
    heard[name] = 0;
    return socket;
  };
  for (const [name, serve] of Object.entries(HABITS)) {
    const socket = await open(name);
    socket.on("message", (message, from) => (heard[name]++, serve(socket, message, from)));
  }
  (await open("forbidden")).on("message", () => heard.forbidden++);
  // Connected elsewhere: for everybody else nobody listens there, and nobody else can have the port.
  const refused = await open("refused");
  refused.connect(ports.silent, "127.0.0.1");
  await once(refused, "connect");
  const allow = Object.keys(ports).filter((name) => name !== "forbidden");
  return {
    ports,
    heard,
    allow: allow.flatMap((name) => ["--allow", `udp://127.0.0.1:${ports[name]}`]),
    close: () => sockets.forEach((socket) => socket.close()),
  };
}

/** The answer to a question for an address. @param {Buffer} query */
function answer(query) {
  const labels = [];
  let at = 12;
  for (let length; (length = query[at]); at += length + 1) labels.push(query.toString("latin1", at + 1, at + 1 + length));
  const question = query.subarray(12, at + 5);
  const address = /** @type {Record<string, string>} */ (KNOWN)[labels.join(".")];
  const isA = query.readUInt16BE(at + 1) === 1;
  const head = Buffer.from(query.subarray(0, 12));
  // An answer of who knows it; NXDOMAIN where there is no such name.
  head.writeUInt16BE(0x8400 | (head.readUInt16BE(2) & 0x0100) | (address ? 0 : 3), 2);
  head.writeUInt16BE(address && isA ? 1 : 0, 6);
  head.fill(0, 8);
  // The name as it stands behind the head, A, IN, 60 s, four bytes.
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...(address ?? "0.0.0.0").split(".").map(Number)];
  return Buffer.concat([head, question, Buffer.from(address && isA ? record : [])]);
}
