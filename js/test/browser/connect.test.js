// What a page reaches through the gateway is a real server: `ws`, without TLS and with a certificate of an authority of its own.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { WebSocketServer } from "ws";
import { HandPage } from "./by-hand.js";
import { startGateway } from "./gateway.js";
import { data, prefix } from "./wire.js";

const TOKEN = "a-token-that-may-connect";
const place = mkdtempSync(join(tmpdir(), "pageport-connect-"));
const path = (/** @type {string} */ name) => join(place, name);
/** @type {(() => unknown)[]} */
const ends = [() => rmSync(place, { recursive: true, force: true })];
after(async () => {
  for (const end of ends.reverse()) await end();
});

const openssl = (/** @type {string[]} */ ...args) => execFileSync("openssl", args, { stdio: "ignore" });

/** An authority, and a certificate for localhost that it has signed. */
function certify() {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-days", "2", "-subj", "/CN=test authority", "-keyout", path("ca.key"), "-out", path("ca.pem"));
  openssl("req", ...key, "-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr"));
  writeFileSync(path("ext"), "subjectAltName=DNS:localhost\n");
  const signer = ["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-extfile", path("ext")];
  openssl("x509", "-req", "-in", path("server.csr"), ...signer, "-days", "2", "-out", path("server.pem"));
  return { key: readFileSync(path("server.key")), cert: readFileSync(path("server.pem")) };
}

/** A `ws` server that says what it was asked, and then everything it is told. @param {import("node:http").Server} server */
async function echo(server) {
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => (offered.has("v2") ? "v2" : false) });
  sockets.on("connection", (socket, { url, headers }) => {
    socket.send(JSON.stringify({ url, fields: Object.keys(headers).sort() }));
    socket.on("message", (message, binary) => socket.send(message, { binary }));
  });
  await once(server.listen(0, "localhost"), "listening");
  ends.push(() => (sockets.close(), server.closeAllConnections(), server.close()));
  return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
}

/** A frame as clients send them (RFC 6455 §5.2). @param {number} opcode @param {Buffer} payload shorter than 126 bytes */
function masked(opcode, payload) {
  const mask = randomBytes(4);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, payload.map((byte, at) => byte ^ mask[at % 4])]);
}

const certificate = certify();
const plain = await echo(createHttp());
const secure = await echo(createHttps(certificate));
const gateway = await startGateway({
  config: `
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
[[token]]
name = "test"
sha256 = "${createHash("sha256").update(TOKEN).digest("hex")}"
may = ["connect"]
[[allow]]
to = "localhost:${plain}"
protocol = "ws"
[[allow]]
to = "localhost:${secure}"
protocol = "wss"
ca = "${path("ca.pem")}"
`,
});
ends.push(() => gateway.stop());
const world = { url: gateway.url, origin: "", token: TOKEN, name: "", helloTimeout: 10_000 };

for (const url of [`ws://localhost:${plain}/path?query`, `wss://localhost:${secure}/path?query`]) {
  test(`frames reach ${url.split(":")[0]} and come back as the server wrote them`, async () => {
    const page = await HandPage.attached(world, "bytes");
    const head = { connect: url, protocols: ["v1", "v2"] };
    const reply = await page.ask(1, head);
    assert.deepEqual(reply, { ok: true, status: 101, headers: [["sec-websocket-protocol", "v2"]] });
    const sent = prefix(head).length;
    const begin = prefix(reply).length;
    const came = () => page.received(1).subarray(begin);

    const text = masked(1, Buffer.from("hello"));
    page.send(data(1, sent, text));
    await page.carrier.until(() => came().includes(Buffer.from("\x81\x05hello", "latin1")));
    const first = came();
    assert.equal(first[0], 0x81, "an unmasked text frame");
    const { url: seen, fields } = JSON.parse(`${first.subarray(first[1] === 126 ? 4 : 2, first.indexOf("}") + 1)}`);
    assert.equal(seen, "/path?query");
    const names = ["connection", "host", "sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version", "upgrade", "user-agent"];
    assert.deepEqual(fields, names, "and nothing else");

    // Close, and the server's answer to it; then the server ends the connection, which ends the stream.
    page.send(data(1, sent + text.length, masked(8, Buffer.from([0x03, 0xe8]))));
    await page.carrier.until(() => came().subarray(-4).equals(Buffer.from([0x88, 2, 0x03, 0xe8])));
    page.drop();
  });
}
