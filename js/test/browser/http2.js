// WebSockets over HTTP/2 (RFC 8441) from Node: a handshake by extended CONNECT, npm's ws on the stream behind it, and a
// bridge that lets a client of HTTP/1.1 come through it. The bridge never looks at what follows a handshake.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:http2";
import { createServer } from "node:net";
import { WebSocket } from "ws";

/**
 * A connection to a gateway: TLS with ALPN, or HTTP/2 from the first byte when the URL is `http:`.
 * @param {string} url @returns {Promise<import("node:http2").ClientHttp2Session>}
 */
export async function openSession(url) {
  const session = connect(url.replace(/^ws/, "http"), { rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  session.on("error", () => {});
  const [settings] = await once(session, "remoteSettings");
  if (!settings.enableConnectProtocol) throw new Error("no extended CONNECT in its SETTINGS");
  return session;
}

/**
 * The handshake alone.
 * @param {import("node:http2").ClientHttp2Session} session @param {string} url @param {Record<string, string>} [headers]
 * @returns {Promise<{ status: number, headers: Record<string, any>, stream: import("node:http2").ClientHttp2Stream }>}
 */
export async function knock(session, url, headers = {}) {
  const { protocol, host, pathname, search } = new URL(url);
  const stream = session.request(
    {
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": protocol.replace("ws", "http").slice(0, -1),
      ":authority": host,
      ":path": pathname + search,
      "sec-websocket-version": "13",
      ...headers,
    },
    { endStream: false },
  );
  stream.on("error", () => {});
  const [answer] = await once(stream, "response");
  return { status: Number(answer[":status"]), headers: answer, stream };
}

/** A `ws` client on the stream. @param {import("node:http2").ClientHttp2Stream} stream @returns {any} */
export function socketOn(stream) {
  const socket = /** @type {any} */ (new WebSocket(/** @type {any} */ (null), undefined, /** @type {any} */ ({ closeTimeout: 30_000 })));
  socket._isServer = false;
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 64 << 20, skipUTF8Validation: false });
  return socket;
}

/**
 * Takes WebSocket clients of HTTP/1.1 and brings each to the gateway as a stream of one HTTP/2 connection.
 * @param {string} gateway its URL @param {string} [target] the URL that all of them visit
 */
export async function startBridge(gateway, target) {
  const session = await openSession(gateway);
  let bridged = 0;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    takeHead(socket, async (head) => {
      const field = (name) => new RegExp(`^${name}: *(.*)\r$`, "im").exec(head)?.[1];
      const [, path] = head.split(" ");
      const protocols = field("sec-websocket-protocol");
      const url = target ?? new URL(path, gateway).href;
      const { status, headers, stream } = await knock(
        session,
        url,
        protocols ? { "sec-websocket-protocol": protocols } : {},
      );
      if (status !== 200) return socket.end(`HTTP/1.1 ${status} x\r\nconnection: close\r\n\r\n`);
      bridged++;
      const key = `${field("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const chosen = headers["sec-websocket-protocol"];
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n` +
          `sec-websocket-accept: ${createHash("sha1").update(key).digest("base64")}\r\n` +
          `${chosen ? `sec-websocket-protocol: ${chosen}\r\n` : ""}\r\n`,
      );
      socket.pipe(stream).pipe(socket);
      stream.on("close", () => socket.end());
      socket.on("close", () => stream.close());
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `ws://127.0.0.1:${port}`,
    count: () => bridged,
    close: () => (server.close(), session.close()),
  };
}

function takeHead(socket, then) {
  let head = "";
  const read = (chunk) => {
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    socket.off("data", read).pause();
    socket.unshift(Buffer.from(head.slice(end + 4), "latin1"));
    then(head.slice(0, end + 2));
  };
  socket.on("data", read);
}

/** A number from the gateway's metrics; 0 when it is not there yet. @param {string} admin @param {string} name */
export async function metric(admin, name) {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}
