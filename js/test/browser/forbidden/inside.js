// In a network of its own: everything that asks the gateway to connect somewhere it must not, and how many packets left for that. Says what it saw, an object a line; the number of tries
// by harmful names is its argument.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { HandPage } from "../by-hand.js";
import { startGateway } from "../gateway.js";
import { ask, frame } from "../wire.js";
import { count, counted, leaving, makeNetwork } from "./namespace.js";
import { HARMFUL, startNameServer } from "./rebinding.js";

const TOKEN = "a-token-for-targets";
const DATAGRAM = 0x19;
/** @type {{ special: string[], tricks: string[], mail: number[] }} */
const { special, tricks, mail } = JSON.parse(readFileSync(new URL("../../../../spec/forbidden-targets.json", import.meta.url), "utf8"));
const tries = Number(process.argv[2]);

const say = (/** @type {object} */ seen) => console.log(JSON.stringify(seen));
const ALL = `["tcp", "tls", "udp", "ws", "wss"]`;
const rule = (/** @type {string} */ to, protocol = ALL) => `[[allow]]\nto = "${to}"\nprotocol = ${protocol}\n`;
/** What a page asks for. @type {Record<string, (host: string, port?: number) => string>} */
const HEADS = {
  tcp: (host, port = 80) => `tcp://${host}:${port}`,
  tls: (host, port = 443) => `tls://${host}:${port}`,
  udp: (host, port = 53) => `udp://${host}:${port}`,
  ws: (host, port) => `ws://${host}${port ? `:${port}` : ""}/`,
};

// Every gateway takes its files away when this process ends.
process.setMaxListeners(0);
makeNetwork();
const names = await startNameServer();

/** A gateway with these rules, and a page of it. @param {string} rules @param {(around: Around) => Promise<void>} during */
async function around(rules, during) {
  const token = `[[token]]\nname = "test"\nsha256 = "${createHash("sha256").update(TOKEN).digest("hex")}"\nmay = ["connect"]\n`;
  const gateway = await startGateway({
    config: `listen = ["127.0.0.1:0"]\nadmin = "127.0.0.1:0"\ndns = ["127.0.0.1:${names.port}"]\n[dialects]\ntcp = true\nupgrade = true\n[limits]\nconnect_timeout = "3s"\ndrain = "100ms"\n${rules}${token}`,
  });
  const it = new Around(gateway);
  try {
    count({ gateway: gateway.port, dns: names.port });
    await it.again();
    await during(it);
  } finally {
    it.page?.drop();
    await gateway.stop();
  }
}

class Around {
  /** @type {HandPage | undefined} */
  page;
  #stream = 1;

  /** @param {import("../gateway.js").Gateway} gateway */
  constructor(gateway) {
    this.gateway = gateway;
  }

  /** With a session of its own from now on. */
  async again() {
    this.page?.drop();
    this.#stream = 1;
    this.page = await HandPage.attached({ url: this.gateway.url, origin: "", token: TOKEN, name: "", helloTimeout: 10_000 }, "bytes");
  }

  /** What is said to a page that asks for it: a code, or `connected`. @param {string} connect */
  async head(connect) {
    const stream = this.#stream;
    this.#stream += 2;
    const answer = await this.page?.ask(stream, { connect });
    if (answer?.ok && connect.startsWith("udp:")) this.page?.send(frame(DATAGRAM, Buffer.from([0x40 | (stream >> 8), stream & 255]), "x"));
    return answer?.ok ? "connected" : answer?.error ?? `${answer}`;
  }

  /** The same to a client of `/tcp/`. @param {"websocket" | "tcp"} upgrade @param {string} host @param {string | number} port */
  async path(upgrade, host, port) {
    const more = upgrade === "websocket" ? "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" : "";
    const path = `/tcp/${encodeURIComponent(host)}/${port}`;
    const request = `GET ${path} HTTP/1.1\r\nHost: ${this.gateway.host}:${this.gateway.port}\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\nAuthorization: Bearer ${TOKEN}\r\n${more}\r\n`;
    const { status, headers } = await ask(this.gateway.url, request);
    return status === 101 ? "connected" : headers.get("pageport-error") ?? `${status}`;
  }
}

/** How often each answer came. @param {string[]} answers */
const tally = (answers) => {
  /** @type {Record<string, number>} */
  const times = {};
  for (const answer of answers) times[answer] = (times[answer] ?? 0) + 1;
  return times;
};

/** Asks for all hosts by a page's heads. @param {Around} it @param {[host: string, port?: number][]} hosts */
async function byHeads(it, hosts) {
  const answers = [];
  for (const target of Object.values(HEADS)) for (const [host, port] of hosts) answers.push(await it.head(target(host, port)));
  return tally(answers);
}

/** By both forms of the path. @param {Around} it @param {[host: string, port?: number][]} hosts */
async function byPaths(it, hosts) {
  const answers = [];
  for (const upgrade of /** @type {const} */ (["websocket", "tcp"])) for (const [host, port = 80] of hosts) answers.push(await it.path(upgrade, host, port));
  return tally(answers);
}

// Everything is allowed by a wildcard.
await around(rule("*:*"), async (it) => {
  /** @type {Record<string, [host: string, port?: number][]>} */
  const sets = {
    special: special.map((host) => [host]),
    tricks: tricks.map((host) => [host]),
    mail: mail.flatMap((port) => /** @type {[string, number][]} */ (["8.8.8.8", "[2606:4700:4700::1111]", "good.test"].map((host) => [host, port]))),
  };
  for (const [set, hosts] of Object.entries(sets)) {
    const [heads, left] = await leaving(() => byHeads(it, hosts));
    say({ case: "heads", set, hosts: hosts.length, answers: heads, left });
    const [paths, then] = await leaving(() => byPaths(it, hosts));
    say({ case: "paths", set, hosts: hosts.length, answers: paths, left: then, own: hosts.length * 2 });
  }
  // What is allowed does leave, by each way.
  for (const host of ["8.8.8.8", "[2606:4700:4700::1111]", "good.test"]) {
    for (const [way, target] of Object.entries(HEADS)) {
      const [answer, left] = await leaving(async () => {
        const before = counted();
        const answer = await it.head(target(host));
        // The datagram leaves a moment later.
        for (const end = Date.now() + 3_000; answer === "connected" && counted().publicUdp === before.publicUdp && Date.now() < end; );
        return answer;
      });
      say({ case: "allowed", way, host, answer, left });
    }
    for (const upgrade of /** @type {const} */ (["websocket", "tcp"])) {
      const [answer, left] = await leaving(() => it.path(upgrade, host, 80));
      say({ case: "allowed", way: `/tcp/ ${upgrade}`, host, answer, left });
    }
  }
});

// A rule of their own, so that what is counted where nothing may leave can count.
const OWN = ["10.0.0.1", "[fd00::1]", "127.0.0.1"];
await around(OWN.map((host) => rule(`${host}:1`)).join(""), async (it) => {
  for (const host of OWN) {
    for (const way of ["tcp", "udp"]) {
      const asking = it.head(HEADS[way](host, 1));
      const name = way === "tcp" ? "syn" : "udp";
      for (const end = Date.now() + 3_000; !counted()[name] && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 20));
      say({ case: "counted", way, host, packets: counted()[name] });
      count({ gateway: it.gateway.port, dns: names.port });
      await asking;
    }
  }
});

// The gateway itself, although rules name it.
const ITSELF = ["127.0.0.1", "127.0.0.0/8", "[::ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]", "*"];
await around(ITSELF.map((host) => rule(`${host}:*`)).join(""), async (it) => {
  const ports = [it.gateway.port, Number(new URL(it.gateway.admin).port)];
  const hosts = ports.flatMap((port) => /** @type {[string, number][]} */ (["127.0.0.1", "[::ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]"].map((host) => [host, port])));
  const [heads, left] = await leaving(() => byHeads(it, hosts));
  say({ case: "heads", set: "itself", hosts: hosts.length, answers: heads, left });
  const [paths, then] = await leaving(() => byPaths(it, hosts));
  say({ case: "paths", set: "itself", hosts: hosts.length, answers: paths, left: then, own: hosts.length * 2 });
});

// Names that lead elsewhere than they did, by a wildcard and by a rule of their own.
const server = net.createServer((socket) => void (accepted++, socket.destroy()));
let accepted = 0;
await once(server.listen(80, "127.0.0.1"), "listening");
/** Every way to ask for a name. @type {((it: Around, name: string) => Promise<string>)[]} */
const WAYS = [
  ...Object.values(HEADS).map((target) => (/** @type {Around} */ it, /** @type {string} */ name) => it.head(target(name))),
  (it, name) => it.path("websocket", name, 80),
  (it, name) => it.path("tcp", name, 80),
];
for (const [by, rules] of Object.entries({ wildcard: rule("*:*"), name: HARMFUL.map((name) => rule(`${name}:*`)).join("") })) {
  await around(rules, async (it) => {
    for (const name of HARMFUL) {
      await it.again();
      const times = tries / 2 / HARMFUL.length;
      const [answers, left] = await leaving(async () => {
        const answers = [];
        for (let i = 0; i < times; i++) answers.push(await WAYS[i % WAYS.length](it, name));
        return tally(answers);
      });
      say({ case: "name", by, name, tries: times, answers, left, accepted, asked: names.asked[name] });
    }
  });
}

// A server that sends its clients elsewhere: to the very address that counts what comes.
for (const status of [301, 302, 307, 308]) {
  const sender = net.createServer((socket) =>
    socket.on("error", () => {}).once("data", () => socket.end(`HTTP/1.1 ${status} x\r\nlocation: ws://127.0.0.1/\r\ncontent-length: 0\r\n\r\n`)),
  );
  await once(sender.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {net.AddressInfo} */ (sender.address());
  await around(rule(`127.0.0.1:${port}`) + rule("127.0.0.1:80"), async (it) => {
    const [answer, left] = await leaving(() => it.head(HEADS.ws("127.0.0.1", port)));
    say({ case: "redirect", status, answer, left, accepted });
  });
  sender.close();
}
say({ case: "followed", accepted });
await around(rule("127.0.0.1:80"), async (it) => {
  const answer = await it.head(HEADS.ws("127.0.0.1"));
  say({ case: "reachable", answer, accepted });
});
server.close();
names.close();
