// Limits of what a caller may ask for: connections, and measurements.

import { once } from "node:events";
import { createHash } from "node:crypto";
import net from "node:net";
import { afterTime, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */

const RULE = `[[allow]]\nto = "127.0.0.1:PORT"\nprotocol = "ws"\n`;

/** A server at the port of the rule, which does with every connection what it is told to. @param {Rig} rig @param {(socket: net.Socket) => void} serve */
async function target(rig, serve) {
  const server = net.createServer((socket) => (socket.on("error", () => {}), serve(socket)));
  await once(server.listen(rig.ports, "127.0.0.1"), "listening");
  rig.ending(() => server.close());
  return `ws://127.0.0.1:${rig.ports}/`;
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
