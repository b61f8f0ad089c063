// Real TCP servers, each with one habit, for pages that connect to them; and what each of them saw of its clients.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { createSecureContext, createServer, TLSSocket } from "node:tls";
import { certified } from "../servers/certificate.js";

/** What the text of `split` has in it: one, two, three and four bytes a character. */
export const TEXT = "plain, naïve, 日本語, 😀 and \u{10FFFF}.";

/** How a client's connection ended: `end`, or the code of an error; and how many bytes had come. @typedef {[how: string, bytes: number]} End */

/** How many bytes others have taken of `flood`. */
let flooded = 0;

/** @type {Record<string, (socket: net.Socket) => unknown>} */
const HABITS = {
  echo: (socket) => socket.pipe(socket),
  /** Gives back what it gets, but for one bit. */
  spoil: (socket) => socket.on("data", (data) => ((data[data.length - 1] ^= 1), socket.write(data))).on("end", () => socket.end()),
  /** Says each line that it has heard. */
  lines(socket) {
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      const lines = (text + piece).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) socket.write(`you said ${line.trimEnd()}\r\n`);
    });
    socket.on("end", () => socket.end());
  },
  /** Speaks first. */
  announce(socket) {
    socket.write("220 speak, friend\r\n");
    socket.on("end", () => socket.end()).resume();
  },
  /** Closes at once. */
  rude: (socket) => socket.resume().end(),
  /** Breaks off once it has heard something. */
  breaks: (socket) => socket.once("data", () => socket.resetAndDestroy()),
  /** Says at the end how much it has heard. */
  count(socket) {
    let bytes = 0;
    socket.on("data", (data) => (bytes += data.length)).on("end", () => socket.end(`${bytes} bytes\n`));
  },
  /** Ends first, and listens on. */
  first: (socket) => socket.resume().end("that is all\n"),
  /** Neither hears nor says anything. */
  hole: (socket) => socket.pause(),
  /** Says so much that somebody has to hold it back. */
  flood(socket) {
    const chunk = Buffer.alloc(65_536, 7);
    const go = () => {
      while (!socket.destroyed && socket.write(chunk, () => (flooded += chunk.length)));
    };
    socket.on("drain", go).resume();
    go();
  },
  /** A text for each place where it can be split: those two pieces, each in a packet of its own. */
  async split(socket) {
    const bytes = Buffer.from(`${TEXT}\n`);
    socket.resume();
    for (let at = 0; at <= bytes.length; at++) {
      for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) {
        await new Promise((resolve) => socket.write(piece, resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    socket.end();
  },
};

/** Behind "STARTTLS", which it agrees to, it goes on so. @param {(socket: net.Socket) => unknown} then @param {string} [injected] what it adds to its consent */
const agreeing = (then, injected = "") => (/** @type {net.Socket} */ socket) => {
  socket.write("220 ready\r\n");
  socket.on("data", function said(data) {
    if (`${data}`.trim() !== "STARTTLS") return socket.write(`250 in the clear: ${data}`);
    socket.off("data", said);
    socket.write(`220 go ahead\r\n${injected}`);
    then(socket);
  });
};

/** @param {import("node:tls").SecureContext} secureContext */
const speakTls = (secureContext) => (/** @type {net.Socket} */ socket) => {
  const secure = new TLSSocket(socket.pause(), { isServer: true, secureContext, ALPNProtocols: ["smtp"] });
  secure.on("error", () => {}).on("data", (data) => secure.write(`250 within TLS: ${data}`));
  secure.on("end", () => secure.end());
};

/** A port whose connections are never accepted, and which takes no more of them. */
async function startFull() {
  const script = `const s=require("node:net").createServer();s.listen({port:0,host:"127.0.0.1",backlog:1},()=>process.stdout.write(s.address().port+"\\n",()=>process.kill(process.pid,"SIGSTOP")))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  const port = Number(line);
  // Linux keeps one more than it was told.
  const waiting = [1, 2].map(() => net.connect({ port, host: "127.0.0.1" }).on("error", () => {}));
  await Promise.all(waiting.map((socket) => once(socket, "connect")));
  return {
    port,
    close() {
      for (const socket of waiting) socket.destroy();
      process.off("exit", kill);
      kill();
    },
  };
}

export async function startServers() {
  const { certFile, cert, key, fingerprint } = certified();
  /** Who waits for the next client of a server. @type {Map<string, (end: Promise<End>) => void>} */
  const waiting = new Map();
  /** How many there were of each. @type {Record<string, number>} */
  const clients = {};
  /** @type {(() => void)[]} */
  const cleanup = [];
  /** @type {Record<string, number>} */
  const ports = {};
  /** @param {string} name @param {net.Server} server @param {(socket: net.Socket) => unknown} serve @param {string} [event] */
  const open = async (name, server, serve, event = "connection") => {
    server.on("tlsClientError", () => {}).on(event, (/** @type {net.Socket} */ socket) => {
      let how = "end";
      socket.on("error", ({ code }) => (how = code ?? "error"));
      clients[name] = (clients[name] ?? 0) + 1;
      waiting.get(name)?.(new Promise((resolve) => socket.on("close", () => resolve([how, socket.bytesRead]))));
      waiting.delete(name);
      cleanup.push(() => socket.destroy());
      serve(socket);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    cleanup.push(() => server.close());
    ports[name] = /** @type {net.AddressInfo} */ (server.address()).port;
  };
  const plain = () => net.createServer({ allowHalfOpen: true, noDelay: true });
  for (const [name, serve] of Object.entries(HABITS)) await open(name, plain(), serve);
  await open("starttls", plain(), agreeing(speakTls(createSecureContext({ cert, key }))));
  // Who begins TLS with it all the same shows by its bytes.
  await open("dirty", plain(), agreeing((socket) => socket.resume(), "250 injected\r\n"));
  await open("tls", createServer({ cert, key, allowHalfOpen: true, ALPNProtocols: ["imap"] }), HABITS.echo, "secureConnection");
  // Nobody vouches for this one.
  await open("stranger", createServer({ ...certified(), allowHalfOpen: true, ALPNProtocols: ["imap"] }), HABITS.echo, "secureConnection");
  await open("forbidden", plain(), HABITS.announce);
  // Whoever connects to where a client is has no server there, and while the client stays nobody else takes its port.
  const unnamed = net.createServer();
  await once(unnamed.listen(0, "127.0.0.1"), "listening");
  const client = net.connect(/** @type {net.AddressInfo} */ (unnamed.address()).port, "127.0.0.1");
  await once(client, "connect");
  cleanup.push(() => client.destroy(), () => unnamed.close());
  ports.refused = client.localPort ?? 0;
  const full = await startFull();
  cleanup.push(full.close);
  ports.timeout = full.port;
  return {
    ports,
    clients,
    flooded: () => flooded,
    /** How the next client of this server is going to end. @param {string} name @returns {Promise<End>} */
    next: (name) => new Promise((resolve) => waiting.set(name, resolve)),
    /** The file with the authority of those that speak TLS. */
    authority: certFile,
    /** The hash of their certificate. */
    fingerprint,
    /** What `dev` has to be told. */
    allow: Object.entries(ports)
      .filter(([name]) => name !== "forbidden")
      .flatMap(([name, port]) => ["--allow", /^(tls|stranger)$/.test(name) ? `tls://localhost:${port}` : `tcp://${/tls|dirty/.test(name) ? "localhost" : "127.0.0.1"}:${port}`]),
    close: () => cleanup.splice(0).forEach((end) => end()),
  };
}
