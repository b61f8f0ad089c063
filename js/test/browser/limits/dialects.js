// Limits of what clients of the dialects may have: connections, and with Wisp whatever one WebSocket may cost.

import { once } from "node:events";
import dgram from "node:dgram";
import { readdir, readlink } from "node:fs/promises";
import net from "node:net";
import { afterTime, HANDSHAKE, TOKEN, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Peer} Peer */
/** @typedef {import("./rig.js").Rig} Rig */

const RULE = `[[allow]]\nto = "127.0.0.1:PORT"\nprotocol = "tcp"\n[dialects]\ntcp = true\nwisp = true\n`;
/** A target whose name server is silent: a stream to it waits for as long as anybody likes. */
const WAITING = `dns = ["127.0.0.1:PORT"]\n[[allow]]\nto = "slow.test:80"\nprotocol = "tcp"\n[dialects]\nwisp = true\n`;

const [PING, PONG, CLOSE] = [0x89, 0x8a, 0x88];

/** A server at the port of the rule. @param {Rig} rig @param {(socket: net.Socket) => void} serve */
async function target(rig, serve) {
  const server = net.createServer((socket) => (socket.on("error", () => {}), rig.ending(() => socket.destroy()), serve(socket)));
  await once(server.listen(rig.ports, "127.0.0.1"), "listening");
  rig.ending(() => server.close());
}

/** @param {Rig} rig */
async function silence(rig) {
  const socket = dgram.createSocket("udp4");
  await once(socket.bind(rig.ports, "127.0.0.1"), "listening");
  rig.ending(() => socket.close());
}

/** How many pipes the gateway has both ends of. @param {Rig} rig */
async function pipesOf({ gateway }) {
  const directory = `/proc/${gateway.pid}/fd`;
  const links = await Promise.all((await readdir(directory)).map((fd) => readlink(`${directory}/${fd}`).catch(() => "")));
  const ends = links.filter((link) => link.startsWith("pipe:"));
  return ends.length - new Set(ends).size;
}

/** How often a connection may go on that has not come by a pipe yet. */
const ROUNDS = 20;

/** Until nothing moves any more, since nobody reads. @param {Rig} rig */
async function standstill(rig) {
  for (let before = "", sent = await sentBy(rig); sent !== before; await wait(300)) [before, sent] = [sent, await sentBy(rig)];
}

/** So much is read, and then nothing any more. @param {net.Socket} socket @param {number} bytes */
async function takes(socket, bytes) {
  const most = socket.bytesRead + bytes;
  while (socket.bytesRead < most) {
    socket.resume();
    await once(socket, "data");
  }
  socket.pause();
}

/** What targets were sent so far. @param {Rig} rig */
const sentBy = async (rig) => /^pageport_connect_sent_bytes_total (\d+)$/m.exec(await rig.metrics())?.[1] ?? "";

/** A client's WebSocket to this path, asked for. @param {Rig} rig @param {string} path */
async function knock(rig, path) {
  const peer = await rig.connect();
  peer.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n${HANDSHAKE}\r\n`);
  return peer;
}

/** A frame of a client's, with a mask that changes nothing. @param {number} first @param {Uint8Array} payload */
function frame(first, payload) {
  const { length } = payload;
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xfe, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

/** A client of Wisp. */
class Wisp {
  /** @param {Peer} peer */
  constructor(peer) {
    this.peer = peer;
  }

  /** One that has been greeted. @param {Rig} rig */
  static async open(rig) {
    const wisp = new Wisp(await knock(rig, "/wisp/"));
    await wisp.heard((said) => said.startsWith("more 0 "));
    return wisp;
  }

  /** @param {number} type @param {number} id @param {Uint8Array} payload */
  packet(type, id, payload) {
    this.peer.send(frame(0x82, Buffer.concat([Buffer.from([type, id, 0, 0, 0]), payload])));
  }

  /** @param {number} id @param {number} port @param {string} [host] */
  connect(id, port, host = "127.0.0.1") {
    this.packet(1, id, Buffer.concat([Buffer.from([1, port & 0xff, port >> 8]), Buffer.from(host)]));
  }

  /** @param {number} id @param {number} length */
  data(id, length) {
    this.packet(2, id, Buffer.alloc(length));
  }

  /** Whether it is read: a PING has its answer. @param {number} [ms] */
  async answers(ms) {
    const before = this.said().filter((said) => said === "pong").length;
    this.peer.send(frame(PING, Buffer.alloc(0)));
    return (await this.peer.until(() => this.said().filter((said) => said === "pong").length > before, ms)) ? "pong" : "silence";
  }

  /** The first word of the gateway's that this is true for. @param {(said: string) => boolean} is */
  heard(is) {
    return this.peer.until(() => this.said().find(is));
  }

  /** All that the gateway has said, in words. */
  said() {
    const { received } = this.peer;
    const said = [];
    let at = received.indexOf("\r\n\r\n") + 4;
    while (at >= 4 && at + 2 <= received.length) {
      const short = received[at + 1];
      const [skip, length] = short < 126 ? [2, short] : [4, received.readUInt16BE(at + 2)];
      const payload = received.subarray(at + skip, at + skip + length);
      if (payload.length < length) break;
      said.push(inWords(received[at], payload));
      at += skip + length;
    }
    return said;
  }
}

/** @param {number} first @param {Buffer} payload */
function inWords(first, payload) {
  if (first === PING) return "ping";
  if (first === PONG) return "pong";
  if (first === CLOSE) return `closed ${payload.readUInt16BE(0)}`;
  const [type, id] = payload;
  if (type === 3) return `more ${id} ${payload.readUInt32LE(5)}`;
  return type === 4 ? `over ${id} ${payload[5]}` : `data ${id}`;
}

/** @type {Case[]} */
export const DIALECTS = [
  {
    limit: "dialect_connections",
    n: 2,
    config: RULE,
    expected: ["101 101", "503 ERR_CONNECT_LIMIT"],
    async run(rig) {
      await target(rig, () => {});
      const answers = [];
      for (let at = 0; at < 3; at++) answers.push(await (await knock(rig, `/tcp/127.0.0.1/${rig.ports}`)).answer());
      return [answers.slice(0, 2).join(" "), answers[2]];
    },
  },
  {
    limit: "splice_pipes",
    n: 2,
    config: `${RULE}upgrade = true\n`,
    expected: ["1, 2 pipes", "2 pipes, 101"],
    async run(rig) {
      /** @type {net.Socket[]} */
      const targets = [];
      await target(rig, (socket) => void targets.push(socket));
      const pipes = [];
      let answer = "";
      for (let at = 0; at < 3; at++) {
        const peer = await rig.connect();
        peer.send(`GET /tcp/127.0.0.1/${rig.ports} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
        answer = await peer.answer();
        peer.send(Buffer.alloc(64 << 20));
        await standstill(rig);
        // With a pipe, or with a copy of what one read took: then it goes on until it is a pipe. The one too many goes on a few times.
        const has = async () => at < 2 && (await pipesOf(rig)) > at;
        for (let round = 0; round < (at < 2 ? ROUNDS : 3) && !(await has()); round++) {
          await takes(targets[at], 1 << 20);
          await standstill(rig);
        }
        pipes.push(await pipesOf(rig));
      }
      return [`${pipes.slice(0, 2).join(", ")} pipes`, `${pipes[2]} pipes, ${answer}`];
    },
  },
  {
    limit: "wisp_streams",
    n: 2,
    config: RULE,
    expected: ["2 open", "over 3 73"],
    async run(rig) {
      let open = 0;
      const came = new EventTarget();
      await target(rig, () => void (open++, came.dispatchEvent(new Event("client"))));
      const wisp = await Wisp.open(rig);
      for (const id of [1, 2, 3]) wisp.connect(id, rig.ports);
      const over = await wisp.heard((said) => said.startsWith("over"));
      while (open < 2) await once(came, "client");
      return [`${open} open`, `${over}`];
    },
  },
  {
    limit: "wisp_packet",
    n: "2KiB",
    config: RULE,
    expected: ["pong", "closed 1009"],
    async run(rig) {
      const wisp = await Wisp.open(rig);
      // Five bytes are the packet's head; of a stream that is not there nothing is heard.
      wisp.data(9, 2_043);
      const taken = await wisp.answers();
      wisp.data(9, 2_044);
      return [taken, `${await wisp.heard((said) => said.startsWith("closed"))}`];
    },
  },
  {
    limit: "wisp_buffer",
    n: 2,
    config: WAITING,
    expected: ["more 0 2, pong", "over 1 73"],
    async run(rig) {
      await silence(rig);
      const wisp = await Wisp.open(rig);
      wisp.connect(1, 80, "slow.test");
      for (let at = 0; at < 2; at++) wisp.data(1, 1);
      await wisp.answers();
      const taken = wisp.said().join(", ");
      wisp.data(1, 1);
      return [taken, `${await wisp.heard((said) => said.startsWith("over"))}`];
    },
  },
  {
    limit: "wisp_upload",
    n: "64KiB",
    config: WAITING,
    expected: ["pong", "silence"],
    async run(rig) {
      await silence(rig);
      const wisp = await Wisp.open(rig);
      wisp.connect(1, 80, "slow.test");
      for (let at = 0; at < 3; at++) wisp.data(1, 16_000);
      const within = await wisp.answers();
      for (let at = 0; at < 2; at++) wisp.data(1, 16_000);
      return [within, await wisp.answers(1_000)];
    },
  },
  {
    limit: "wisp_download",
    n: "64KiB",
    config: RULE,
    expected: ["48000 bytes", "held back"],
    async run(rig) {
      const offered = 64 << 20;
      /** @type {net.Socket | undefined} */
      let source;
      await target(rig, (socket) => {
        source = socket;
        socket.write(Buffer.alloc(48_000));
      });
      const wisp = await Wisp.open(rig);
      wisp.connect(1, rig.ports);
      const whole = await wisp.peer.until(({ bytes }) => bytes > 48_000);
      wisp.peer.socket.pause();
      for (let at = 0; at < 64; at++) source?.write(Buffer.alloc(offered / 64));
      // Until nothing moves any more.
      for (let left = Infinity; left !== source?.writableLength; await wait(300)) left = source?.writableLength ?? 0;
      return [whole ? "48000 bytes" : "less", (source?.writableLength ?? 0) > offered / 4 ? "held back" : "all of it taken"];
    },
  },
  {
    limit: "wisp_idle",
    n: "900ms",
    config: RULE,
    expected: ["ping", "ended"],
    async run(rig) {
      const begin = performance.now();
      const wisp = await Wisp.open(rig);
      const asked = await wisp.heard((said) => said === "ping");
      const over = wisp.peer.until(({ ended }) => ended).then((ended) => (ended ? "ended" : "open"));
      return [`${asked}`, await afterTime(900, over, begin)];
    },
  },
];
