// Limits of what a caller may ask for: connections, and measurements.

import { once } from "node:events";
import { createHash } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";
import { frame } from "../wire.js";
import { afterTime, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */

const RULE = `[[allow]]\nto = "127.0.0.1:PORT"\nprotocol = "ws"\n`;

/** A server at the port of the rule, which does with every connection what it is told to. @param {Rig} rig @param {(socket: net.Socket) => void} serve */
async function target(rig, serve, host = "127.0.0.1") {
  const server = net.createServer((socket) => (socket.on("error", () => {}), serve(socket)));
  await once(server.listen(rig.ports, host), "listening");
  rig.ending(() => server.close());
  return `ws://127.0.0.1:${rig.ports}/`;
}

/** Three targets with names, and a name server at the same port. */
const NAMES = ["one", "two", "three"];
const NAMED = `dns = ["127.0.0.1:PORT"]\n${NAMES.map((name) => `[[allow]]\nto = "${name}.test:80"\nprotocol = "ws"\n`).join("")}`;

/**
 * A name server that knows no name, and is silent about one of them; it tells of each question.
 *
 * @param {Rig} rig
 * @param {string} silent
 */
async function nameServer(rig, silent) {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    if (query.includes(silent)) return void socket.emit("silent");
    // The same with the bit of an answer, and NXDOMAIN (RFC 1035 §4.1.1).
    const reply = Buffer.from(query);
    reply.writeUInt16BE((reply.readUInt16BE(2) & 0x7900) | 0x8183, 2);
    socket.send(reply, port, address);
  });
  await once(socket.bind(rig.ports, "127.0.0.1"), "listening");
  rig.ending(() => socket.close());
  return socket;
}

/** The answer that completes a handshake. @param {Buffer} request */
function answer(request) {
  const key = /sec-websocket-key: (\S+)/.exec(`${request}`)?.[1];
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return `HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`;
}

/** @type {Case[]} */
export const CONNECTING = [
  {
    limit: "connects_per_session",
    n: 2,
    config: RULE,
    expected: ["true true", "ERR_CONNECT_LIMIT"],
    async run(rig) {
      const connect = await target(rig, (socket) => socket.once("data", (request) => socket.write(answer(request))));
      const page = await rig.page();
      const replies = [];
      for (const stream of [1, 3, 5]) replies.push(await page.ask(stream, { connect }));
      return [`${replies[0].ok} ${replies[1].ok}`, replies[2].error];
    },
  },
  {
    limit: "lookups",
    n: 1,
    config: NAMED,
    expected: ["ERR_TARGET_UNRESOLVED", "ERR_OVERLOADED"],
    async run(rig) {
      const server = await nameServer(rig, "two");
      const page = await rig.page();
      const [one, two, three] = NAMES.map((name) => ({ connect: `ws://${name}.test/` }));
      const { error } = await page.ask(1, one);
      const asked = once(server, "silent");
      void page.ask(3, two).catch(() => {});
      await asked;
      return [error, (await page.ask(5, three)).error];
    },
  },
  {
    limit: "connect_addresses",
    n: 1,
    config: `[[allow]]\nto = "localhost:PORT"\nprotocol = "ws"\n`,
    expected: ["true", "ERR_TARGET_UNREACHABLE"],
    async run(rig) {
      const serve = (/** @type {net.Socket} */ socket) => void socket.once("data", (request) => socket.write(answer(request)));
      const connect = (await target(rig, serve, "::1")).replace("127.0.0.1", "localhost");
      const page = await rig.page();
      const { error } = await page.ask(1, { connect });
      await target(rig, serve);
      return [`${(await page.ask(3, { connect })).ok}`, error];
    },
  },
  {
    limit: "connect_timeout",
    n: "800ms",
    config: RULE,
    expected: ["101", "ERR_TARGET_TIMEOUT"],
    async run(rig) {
      let silent = false;
      const connect = await target(rig, (socket) => {
        if (!silent) socket.once("data", (request) => setTimeout(() => socket.write(answer(request)), 300));
      });
      const page = await rig.page();
      const intime = await page.ask(1, { connect });
      silent = true;
      const begin = performance.now();
      const late = page.ask(3, { connect }).then((reply) => reply?.error);
      return [`${intime.status}`, await afterTime(800, late, begin)];
    },
  },
  {
    limit: "udp_idle",
    n: "1s",
    config: RULE.replace(`"ws"`, `"udp"`),
    expected: ["open", "ERR_TARGET_IDLE"],
    async run(rig) {
      const server = dgram.createSocket("udp4");
      server.on("message", (message, { port, address }) => server.send(message, port, address));
      await once(server.bind(rig.ports, "127.0.0.1"), "listening");
      rig.ending(() => server.close());
      const page = await rig.page();
      const { ok } = await page.ask(1, { connect: `udp://127.0.0.1:${rig.ports}` });
      await wait(700);
      const heard = once(server, "message");
      const begin = performance.now();
      // DATAGRAM, of flow 1.
      page.send(frame(0x19, Buffer.from([1, 7])));
      await heard;
      await wait(700);
      const intime = page.reset(1) ?? (ok ? "open" : "refused");
      const late = page.carrier.until(() => page.reset(1));
      return [intime, await afterTime(1_000, late.then((code) => `${code}`), begin)];
    },
  },
  {
    limit: "measures_per_session",
    n: 2,
    expected: ["true true", "ERR_CONNECT_LIMIT"],
    async run(rig) {
      const page = await rig.page();
      const replies = [];
      for (const stream of [1, 3, 5]) replies.push(await page.ask(stream, { measure: "sink" }));
      return [`${replies[0].ok} ${replies[1].ok}`, replies[2].error];
    },
  },
  {
    limit: "measure_bytes",
    n: "2KiB",
    expected: ["2048 bytes", "ERR_CONNECT_LIMIT"],
    async run(rig) {
      const page = await rig.page();
      await page.ask(1, { measure: "source", bytes: 2_048 });
      const reply = `{"ok":true}`.length + 1;
      await page.carrier.until(() => page.received(1).length >= reply + 2_048);
      await wait(100);
      const beyond = await page.ask(3, { measure: "source", bytes: 2_049 });
      return [`${page.received(1).length - reply} bytes`, beyond.error];
    },
  },
];
