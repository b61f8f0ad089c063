/** connect() and TCPSocket, through a gateway in memory to real servers. */

import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { afterEach, test } from "node:test";
import { byteStream, configure, connect, session, TCPSocket } from "../pageport/index.js";
import { until } from "./session-network.js";
import { TcpNetwork, VERIFIED } from "./tcp-network.js";

let gateways = 0;
/** @type {(() => void)[]} */
const cleanup = [];
afterEach(() => cleanup.splice(0).forEach((end) => end()));

function begin() {
  const network = new TcpNetwork();
  configure({ gateway: `http://gateway-sockets-${++gateways}.test`, WebSocket: network.WebSocket });
  cleanup.push(() => session().close());
  return network;
}

/** @param {(socket: net.Socket) => void} serve */
async function startServer(serve) {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    cleanup.push(() => socket.destroy());
    socket.on("error", () => {});
    serve(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  cleanup.push(() => server.close());
  return /** @type {net.AddressInfo} */ (server.address()).port;
}

const startEcho = () => startServer((socket) => void socket.pipe(socket));

/** A server, and what it has heard once its client has ended. @param {string} [word] all that it says, at once: then its own direction ends */
async function startListener(word) {
  /** @type {(text: string) => void} */
  let done;
  /** @type {Promise<string>} */
  const heard = new Promise((resolve) => (done = resolve));
  const port = await startServer((socket) => {
    /** @type {Buffer[]} */
    const chunks = [];
    if (word !== undefined) socket.end(word);
    socket.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
      done(Buffer.concat(chunks).toString());
      socket.end();
    });
  });
  return { port, heard };
}

/** @param {ReadableStream} readable */
const textOf = (readable) => new Response(readable).text();
const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

test("connect(): what is written before there is a connection arrives, and what comes back can be read", async () => {
  const network = begin();
  const port = await startEcho();
  const socket = connect(`127.0.0.1:${port}`);
  const writer = socket.writable.getWriter();
  writer.write("hello, ");
  writer.write(bytes("world"));
  const reading = textOf(socket.readable);
  assert.deepEqual(await socket.opened, { remoteAddress: `127.0.0.1:${port}`, localAddress: null, alpn: null });
  assert.deepEqual(network.asked, [{ connect: `tcp://127.0.0.1:${port}` }]);
  await writer.close();
  assert.equal(await reading, "hello, world");
  await socket.closed;
  assert.equal(socket.upgraded, false);
});

test("connect(): an address in every form", async () => {
  const network = begin();
  const port = await startEcho();
  for (const [address, head] of /** @type {[any, string][]} */ ([
    [{ hostname: "127.0.0.1", port }, `tcp://127.0.0.1:${port}`],
    [`localhost:${port}`, `tcp://localhost:${port}`],
    ["[::1]:9", "tcp://[::1]:9"],
    [{ hostname: "::1", port: 9 }, "tcp://[::1]:9"],
    [{ hostname: "[::1]", port: "9" }, "tcp://[::1]:9"],
    [{ hostname: "page", port: 9 }, "tcp://page:9"],
  ])) {
    await connect(address).opened.catch(() => {});
    assert.equal(network.asked.pop().connect, head);
  }
  for (const address of ["", "host", "host:", "host:0", "host:080", "host:123456", ":80", "a b:80", "a/b:80", "user@host:80", "tcp://host:80", "ws://host/", { hostname: "host" }, { port: 80 }, { hostname: "", port: 80 }, {}, 7, null]) {
    await assert.rejects(connect(/** @type {any} */ (address)).opened, { code: "ERR_INVALID_ARGUMENT" }, JSON.stringify(address));
  }
  assert.deepEqual(network.asked, []);
});

test("connect(): a refusal is told by everything there is, with its code", async () => {
  const network = begin();
  const server = net.createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  const socket = connect(`127.0.0.1:${port}`);
  const code = { code: "ERR_TARGET_CONNECTION_REFUSED" };
  await assert.rejects(socket.opened, code);
  for (const promise of [socket.closed, socket.readable.getReader().read(), socket.writable.getWriter().write("x"), socket.close()]) await assert.rejects(promise, code);
  await until(() => !network.core.streams.size);
});

test("connect(): with the end of the server this direction ends as well, behind what was written", async () => {
  begin();
  const { port, heard } = await startListener("bye");
  const socket = connect(`127.0.0.1:${port}`);
  const writer = socket.writable.getWriter();
  const words = Array.from({ length: 100 }, (_, i) => `line ${i}\n`);
  for (const word of words) writer.write(word);
  assert.equal(await textOf(socket.readable), "bye");
  assert.equal(await heard, words.join(""));
  await socket.closed;
  await assert.rejects(writer.write("late"), { code: "ERR_INVALID_STATE" });
});

test("connect(): an echo that is piped loses nothing at the end of the server", async () => {
  begin();
  const { port, heard } = await startListener("x".repeat(200_000));
  const socket = connect(`127.0.0.1:${port}`);
  await socket.readable.pipeTo(socket.writable);
  assert.equal((await heard).length, 200_000);
  await socket.closed;
});

test("connect(): with allowHalfOpen each direction ends on its own", async () => {
  begin();
  const { port, heard } = await startListener("that is all");
  const socket = connect(`127.0.0.1:${port}`, { allowHalfOpen: true });
  assert.equal(await textOf(socket.readable), "that is all");
  const writer = socket.writable.getWriter();
  await writer.write("and ");
  await writer.write("behind");
  await writer.close();
  assert.equal(await heard, "and behind");
  await socket.closed;
});

test("close(): what was written arrives, also where nobody waited for it, and readers come to the end", async () => {
  begin();
  const { port, heard } = await startListener();
  const socket = connect(`127.0.0.1:${port}`);
  await socket.opened;
  const reading = socket.readable.getReader().read();
  const writer = socket.writable.getWriter();
  const words = Array.from({ length: 50 }, (_, i) => `${i} ${"x".repeat(10_000)}\n`);
  for (const word of words) writer.write(word).catch(() => {});
  const closing = socket.close(new Error("enough"));
  assert.equal(closing, socket.closed);
  assert.equal(await heard, words.join(""));
  assert.deepEqual(await reading, { done: true, value: undefined });
  await closing;
  await assert.rejects(writer.write("late"), { message: "enough" });
});

test("close(): a reader with its own memory comes to the end as well", async () => {
  begin();
  const { port } = await startListener();
  const socket = connect(`127.0.0.1:${port}`);
  await socket.opened;
  const reading = socket.readable.getReader({ mode: "byob" }).read(new Uint8Array(10));
  await socket.close();
  assert.equal((await reading).done, true);
});

test("close(): before there is a connection there will be none", async () => {
  const network = begin();
  network.isUp = false;
  const socket = connect("127.0.0.1:9");
  const writing = socket.writable.getWriter().write("x");
  const reason = new Error("never mind");
  await socket.close(reason);
  await assert.rejects(socket.opened, reason);
  await assert.rejects(writing, reason);
  await assert.rejects(socket.readable.getReader().read(), reason);
  assert.deepEqual(network.asked, []);
});

test("a signal gives up before there is a connection, and resets one that is there", async () => {
  const network = begin();
  const ended = [];
  const port = await startServer((socket) => void socket.on("error", ({ code }) => ended.push(code)).resume());
  for (const aborted of [AbortSignal.abort("early"), undefined]) {
    const life = new AbortController();
    const socket = connect(`127.0.0.1:${port}`, { signal: aborted ?? life.signal });
    if (!aborted) life.abort("early");
    for (const promise of [socket.opened, socket.closed]) await assert.rejects(promise, (error) => error === "early");
  }
  const life = new AbortController();
  const socket = connect(`127.0.0.1:${port}`, { signal: life.signal });
  await socket.opened;
  life.abort("late");
  await assert.rejects(socket.closed, { code: "ERR_ABORTED" });
  await until(() => ended.length);
  assert.deepEqual(ended, ["ECONNRESET"]);
  await until(() => !network.core.streams.size);
});

test("a server that breaks off is an error, never an end", async () => {
  begin();
  const port = await startServer((socket) => {
    socket.write("half of");
    socket.once("data", () => socket.resetAndDestroy());
  });
  const socket = connect(`127.0.0.1:${port}`);
  const io = await byteStream(socket);
  assert.equal(Buffer.from(await io.readExactly(7)).toString(), "half of");
  await io.write("go");
  await assert.rejects(io.read(), { code: "ERR_TARGET_UNREACHABLE" });
  await assert.rejects(socket.closed, { code: "ERR_TARGET_UNREACHABLE" });
});

test("abort() resets the connection", async () => {
  begin();
  const ended = [];
  const port = await startServer((socket) => void socket.on("error", ({ code }) => ended.push(code)).resume());
  const socket = connect(`127.0.0.1:${port}`);
  await socket.opened;
  await socket.writable.abort();
  await assert.rejects(socket.closed, { code: "ERR_ABORTED" });
  await until(() => ended.length);
});

test("a server that does not read holds the writer back, and one that is not read is held back", async () => {
  const network = begin();
  let offered = 0;
  const port = await startServer((socket) => {
    socket.pause();
    const chunk = Buffer.alloc(65_536);
    const offer = () => {
      while (socket.write(chunk)) offered += chunk.length;
      socket.once("drain", offer);
    };
    offer();
  });
  const socket = connect(`127.0.0.1:${port}`);
  await socket.opened;
  const writer = socket.writable.getWriter();
  let taken = 0;
  const writing = (async () => {
    for (;;) {
      await writer.write(new Uint8Array(65_536));
      taken += 65_536;
    }
  })().catch(() => {});
  await network.still(() => taken + offered);
  assert.ok(taken < 24 << 20, `${taken} were taken`);
  assert.equal(writer.desiredSize, 0);
  writer.abort();
  await writing;
});

test("TLS: what was verified is told, and what was agreed on", async () => {
  const network = begin();
  const port = await startEcho();
  network.answer = { ok: true, tls: { ...VERIFIED, alpn: "imap", extra: 1 } };
  const socket = connect(`127.0.0.1:${port}`, { secureTransport: "on", servername: "mail.test", alpn: ["imap"] });
  assert.deepEqual(await socket.opened, { remoteAddress: `127.0.0.1:${port}`, localAddress: null, alpn: "imap", tls: { ...VERIFIED, alpn: "imap" } });
  assert.deepEqual(network.asked, [{ connect: `tls://127.0.0.1:${port}`, servername: "mail.test", alpn: ["imap"] }]);
  assert.throws(() => socket.startTls(), { code: "ERR_INVALID_STATE" });
  socket.close();
  const other = connect(`127.0.0.1:${port}`, { secureTransport: "on", sni: "other.test", alpn: ["imap"] });
  network.answer = { ok: true, tls: VERIFIED };
  assert.equal((await other.opened).alpn, null);
  assert.equal(network.asked[1].servername, "other.test");
});

test("TLS: an answer that proves nothing is none, and what was written stays here", async () => {
  const network = begin();
  const heard = [];
  const port = await startServer((socket) => void socket.on("data", (data) => heard.push(data)));
  for (const [answer, code, options] of /** @type {[any, string, any?][]} */ ([
    [{ ok: true }, "ERR_HEAD_INVALID"],
    [{ ok: true, tls: null }, "ERR_HEAD_INVALID"],
    [{ ok: true, tls: "TLSv1.3" }, "ERR_HEAD_INVALID"],
    [{ ok: true, tls: { ...VERIFIED, certificate: "AB".repeat(32) } }, "ERR_HEAD_INVALID"],
    [{ ok: true, tls: { ...VERIFIED, servername: undefined } }, "ERR_HEAD_INVALID"],
    [{ ok: true, tls: { ...VERIFIED, alpn: 7 } }, "ERR_HEAD_INVALID"],
    [{ ok: true, tls: { ...VERIFIED, alpn: "h2" } }, "ERR_BAD_REPLY"],
    [{ ok: true, tls: { ...VERIFIED, alpn: "h2" } }, "ERR_BAD_REPLY", { alpn: ["imap"] }],
  ])) {
    network.answer = answer;
    const socket = connect(`127.0.0.1:${port}`, { secureTransport: "on", ...options });
    const writing = socket.writable.getWriter().write("secret");
    await assert.rejects(socket.opened, { code }, JSON.stringify(answer));
    await assert.rejects(writing, { code });
  }
  await network.roundTrip();
  assert.deepEqual(heard, []);
  for (const options of [{ servername: "a.test" }, { sni: "a.test" }, { alpn: ["h2"] }, { secureTransport: "yes" }, { secureTransport: true }]) {
    await assert.rejects(connect("127.0.0.1:9", /** @type {any} */ (options)).opened, { code: "ERR_INVALID_ARGUMENT" }, JSON.stringify(options));
  }
});

/** A server of lines: it says what it is, and yes to everything. @param {string} [more] what comes with the yes */
const startLines = (more = "") =>
  startServer((socket) => {
    socket.write("220 ready\r\n");
    socket.on("data", (data) => socket.write(`250 ${`${data}`.trim()}\r\n${more}`));
  });

test("startTls(): the same connection, behind what was written, for another socket", async () => {
  const network = begin();
  const port = await startLines();
  const plain = connect(`127.0.0.1:${port}`, { secureTransport: "starttls", servername: "first.test", alpn: ["smtp"] });
  const io = await byteStream(plain);
  assert.equal(await io.readLine(), "220 ready");
  await io.write("STARTTLS\r\n");
  assert.equal(await io.readLine(), "250 STARTTLS");
  const secure = plain.startTls({ expectedServerHostname: "mail.test" });
  assert.equal(plain.upgraded, true);
  const first = await byteStream(secure);
  first.write("EHLO\r\n");
  assert.deepEqual((await secure.opened).tls, VERIFIED);
  assert.deepEqual(network.asked, [{ connect: `tcp://127.0.0.1:${port}`, starttls: true }, { starttls: 1, at: 10, heard: 25, servername: "mail.test", alpn: ["smtp"] }]);
  assert.equal(await first.readLine(), "250 EHLO");
  assert.deepEqual([secure.upgraded, (await io.read()).length], [false, 0]);
  await assert.rejects(io.write("x"), { code: "ERR_INVALID_STATE" });
  await plain.closed;
  assert.throws(() => plain.startTls(), { code: "ERR_INVALID_STATE" });
  assert.throws(() => secure.startTls(), { code: "ERR_INVALID_STATE" });
  first.release();
  await secure.close();
  await until(() => !network.core.streams.size);
});

test("startTls(): at once, and behind writes that nobody waited for", async () => {
  const network = begin();
  const { port, heard } = await startListener();
  const plain = connect(`127.0.0.1:${port}`, { secureTransport: "starttls" });
  const writer = plain.writable.getWriter();
  for (let i = 0; i < 20; i++) writer.write("x".repeat(10_000));
  const secure = plain.startTls();
  const second = secure.writable.getWriter();
  second.write("y");
  await second.close();
  assert.equal(network.asked[1].at, 200_000);
  assert.equal(await heard, "x".repeat(200_000) + "y");
});

test("startTls(): what the server said before TLS is not taken for what it says within", async () => {
  const network = begin();
  const rest = async (/** @type {any} */ plain, /** @type {any} */ secure) => {
    for (const promise of [secure.opened, secure.closed, secure.readable.getReader().read(), secure.writable.getWriter().write("x")]) await assert.rejects(promise, { code: "ERR_STARTTLS_DIRTY" });
    await plain.closed;
    await until(() => !network.core.streams.size);
  };
  // It is here, and nobody has read it.
  const port = await startLines("250 injected\r\n");
  const plain = connect(`127.0.0.1:${port}`, { secureTransport: "starttls" });
  const reader = plain.readable.getReader({ mode: "byob" });
  const writer = plain.writable.getWriter();
  await reader.read(new Uint8Array(11));
  await writer.write("STARTTLS\r\n");
  await reader.read(new Uint8Array(14));
  await until(() => session().core.streams.get(1)?.in.end !== session().core.streams.get(1)?.in.start);
  await rest(plain, plain.startTls());

  // It came with what was read.
  const third = connect(`127.0.0.1:${port}`, { secureTransport: "starttls" });
  const lines = await byteStream(third);
  await lines.readLine();
  await lines.write("STARTTLS\r\n");
  assert.equal(await lines.readLine(), "250 STARTTLS");
  await rest(third, third.startTls());
  lines.release();

  // It comes while the gateway is asked.
  const late = await startLines();
  const second = connect(`127.0.0.1:${late}`, { secureTransport: "starttls" });
  const io = await byteStream(second);
  await io.readLine();
  network.onstarttls = async ({ tcp }) => {
    const before = tcp.bytesRead;
    tcp.write("NOOP\r\n");
    await until(() => tcp.bytesRead > before);
  };
  await rest(second, second.startTls());
});

test("startTls(): a refusal is the end of both", async () => {
  const network = begin();
  const port = await startLines();
  const plain = connect(`127.0.0.1:${port}`, { secureTransport: "starttls" });
  await (await byteStream(plain)).readLine();
  network.answer = { error: "ERR_TARGET_TLS" };
  const secure = plain.startTls();
  await assert.rejects(secure.opened, { code: "ERR_TARGET_TLS" });
  await plain.closed;
  assert.throws(() => connect("127.0.0.1:9").startTls(), { code: "ERR_INVALID_STATE" });
});

test("TCPSocket: the shape of Direct Sockets", async () => {
  begin();
  const port = await startEcho();
  // What is another shape's means nothing here.
  const options = { noDelay: true, keepAliveDelay: 1000, dnsQueryType: "ipv4", secureTransport: "on" };
  const socket = new TCPSocket("127.0.0.1", port, /** @type {any} */ (options));
  await assert.rejects(socket.close(), { name: "InvalidStateError" });
  const { readable, writable, ...place } = await socket.opened;
  assert.deepEqual(place, { remoteAddress: "127.0.0.1", remotePort: port });
  assert.deepEqual(Object.keys(socket).sort(), ["close", "closed", "opened"]);
  const writer = writable.getWriter();
  await writer.write(bytes("hello"));
  const reader = readable.getReader({ mode: "byob" });
  assert.equal(Buffer.from((await reader.read(new Uint8Array(3))).value ?? []).toString(), "hel");
  await assert.rejects(socket.close(), { name: "InvalidStateError" });
  await writer.close();
  assert.equal(Buffer.from((await reader.read(new Uint8Array(3))).value ?? []).toString(), "lo");
  assert.equal((await reader.read(new Uint8Array(3))).done, true);
  await socket.closed;
});

test("TCPSocket: a direction stays open behind the end of the server, and close() is for both", async () => {
  begin();
  const { port, heard } = await startListener("done");
  const socket = new TCPSocket("127.0.0.1", port);
  const { readable, writable } = await socket.opened;
  const io = await byteStream({ readable });
  assert.equal(await io.readLine(), "done");
  io.release();
  const writer = writable.getWriter();
  await writer.write(bytes("still"));
  writer.releaseLock();
  await socket.close();
  assert.equal(await heard, "still");
});

test("TCPSocket: options that cannot be, and a server that is not there", async () => {
  begin();
  for (const options of [{ keepAliveDelay: 999 }, { sendBufferSize: 0 }, { receiveBufferSize: 0 }, { dnsQueryType: "ipv5" }]) {
    assert.throws(() => new TCPSocket("127.0.0.1", 9, /** @type {any} */ (options)), TypeError, JSON.stringify(options));
  }
  for (const port of [0, -1, 1.5, NaN, 70_000_000]) await assert.rejects(new TCPSocket("127.0.0.1", port).opened, { code: "ERR_INVALID_ARGUMENT" });
  const socket = new TCPSocket("127.0.0.1", 1);
  for (const promise of [socket.opened, socket.closed]) await assert.rejects(promise, { code: "ERR_TARGET_CONNECTION_REFUSED" });
});

test("a connection outlives its carriers", async () => {
  const network = begin();
  const port = await startEcho();
  const io = await byteStream(connect(`127.0.0.1:${port}`));
  for (let i = 0; i < 5; i++) {
    const sent = Uint8Array.from({ length: 5000 + i }, (_, at) => at * i);
    const writing = io.write(sent);
    network.cut();
    assert.deepEqual(await io.readExactly(sent.length), sent);
    await writing;
  }
  await io.end();
  assert.equal((await io.read()).length, 0);
});
