// Servers that count: a TCP server that nobody ought to reach, and a name server that nobody ought to ask.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import net from "node:net";

/** Says "target", and counts who comes. */
export async function startTarget() {
  let connections = 0;
  const server = net.createServer((socket) => {
    connections++;
    socket.on("error", () => {}).write("target\n");
    socket.on("end", () => socket.end()).resume();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return { host: "127.0.0.1", port, connections: () => connections, close: () => server.close() };
}

/** Answers every question for an address with 192.0.2.1, and counts them. */
export async function startNames() {
  /** @type {string[]} */
  const questions = [];
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    const { name, end, type } = question(query);
    questions.push(name);
    const isA = type === 1;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(isA ? 1 : 0, 6);
    head.fill(0, 8, 12);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1]);
    socket.send(Buffer.concat([head, query.subarray(12, end), ...(isA ? [answer] : [])]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { server: `127.0.0.1:${socket.address().port}`, questions, close: () => socket.close() };
}

/** @param {Buffer} query */
function question(query) {
  const labels = [];
  let at = 12;
  for (; query[at]; at += query[at] + 1) labels.push(query.subarray(at + 1, at + 1 + query[at]).toString());
  return { name: labels.join("."), type: query.readUInt16BE(at + 1), end: at + 5 };
}
