// A WebSocket server that does what its URL says, step by step: what the browser's own class and ours are both shown. It must
// never know which of the two it talks to.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { unframe } from "../ws-wire.js";

/**
 * A step: before the handshake `status`, `protocol`, `header`, `accept`, `drop`, `garbage`; behind it `send`, `binary`, `ping`, `raw` (hex),
 * `together` (what follows is one write), `close`, `fin`, `reset`, `wait` (for a message), `echo`, `mute` (never answers a Close),
 * `over` (ends the connection at the next bytes, which are a Close frame), `reply` (hex, to whatever comes first; then the end), `tell` (what came with the handshake).
 * @typedef {[what: string, ...args: any[]]} Step
 */
/** What a connection was like from here. @typedef {{ path: string, offered: string | null, origin: string | null, cookie: boolean, messages: (string | number)[], close: [number, string] | null }} Seen */

const HANDSHAKE = new Set(["status", "protocol", "header", "accept", "drop", "garbage"]);
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** @returns {Promise<{ url: string, port: number, seen: Map<string, Seen>, close: () => void }>} `url` without a slash at the end */
export async function startWebSocketServer() {
  /** @type {Map<string, Seen>} by the `id` of the URL */
  const seen = new Map();
  const http = createServer((request, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => false });
  http.on("upgrade", (request, tcp, head) => {
    tcp.on("error", () => {});
    const url = new URL(request.url ?? "/", "http://server");
    /** @type {Step[]} */
    const steps = JSON.parse(url.searchParams.get("steps") ?? '[["echo"]]');
    /** @type {Seen} */
    const record = {
      path: url.pathname,
      offered: request.headers["sec-websocket-protocol"] ?? null,
      origin: request.headers.origin ?? null,
      cookie: "cookie" in request.headers,
      messages: [],
      close: null,
    };
    seen.set(url.searchParams.get("id") ?? "", record);
    const before = steps.filter(([what]) => HANDSHAKE.has(what));
    const after = steps.filter(([what]) => !HANDSHAKE.has(what));
    if (!answer(request, tcp, before)) return;
    const socket = new OpenSocket(sockets, request, tcp, head);
    serve(socket.ws, tcp, after, record);
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (http.address());
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    seen,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      http.close();
      http.closeAllConnections();
    },
  };
}

/** Answers the handshake; whether it has come about. @param {import("node:http").IncomingMessage} request @param {import("node:stream").Duplex} tcp @param {Step[]} steps */
function answer(request, tcp, steps) {
  const key = request.headers["sec-websocket-key"];
  const headers = [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", createHash("sha1").update(key + GUID).digest("base64")],
  ];
  let status = 101;
  for (const [what, ...args] of steps) {
    if (what === "drop") return tcp.destroy(), false;
    if (what === "garbage") return tcp.end("nonsense\r\n\r\n"), false;
    if (what === "status") status = args[0];
    if (what === "protocol") headers.push(["Sec-WebSocket-Protocol", args[0]]);
    if (what === "accept") headers[2] = ["Sec-WebSocket-Accept", args[0]];
    if (what === "header") {
      const at = headers.findIndex(([name]) => name === args[0]);
      if (at >= 0) headers.splice(at, 1);
      if (args[1] !== undefined) headers.push([args[0], args[1]]);
    }
  }
  if (status !== 101) {
    tcp.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n`);
    return false;
  }
  tcp.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  return true;
}

/** What `ws` makes of a connection whose handshake has been answered here. */
class OpenSocket {
  /** @param {WebSocketServer} server @param {import("node:http").IncomingMessage} request @param {any} tcp @param {Buffer} head */
  constructor(server, request, tcp, head) {
    const { write } = tcp;
    // Its own answer to the handshake stays here.
    tcp.write = () => true;
    server.handleUpgrade(request, tcp, head, (ws) => {
      /** @type {import("ws").WebSocket} */
      this.ws = ws;
    });
    tcp.write = write;
  }
}

/** @param {any} ws @param {any} tcp @param {Step[]} steps @param {Seen} record */
async function serve(ws, tcp, steps, record) {
  /** @type {((value?: unknown) => void)[]} */
  const waiting = [];
  let came = 0;
  let isEcho = false;
  ws.on("error", () => {});
  ws.on("close", (code, reason) => (record.close ??= [code, `${reason}`]));
  ws.on("message", (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) => {
    record.messages.push(isBinary ? data.length : data.length > 100 ? `${data.length} bytes` : `${data}`);
    if (isEcho) ws.send(data, { binary: isBinary });
    const wake = waiting.shift();
    if (wake) wake();
    else came++;
  });
  for (const [what, ...args] of steps) {
    if (what === "send") ws.send(args[0]);
    if (what === "binary") ws.send(Buffer.from(args[0]));
    if (what === "ping") ws.ping(args[0]);
    if (what === "raw") tcp.write(Buffer.from(args[0], "hex"));
    if (what === "together") tcp.cork();
    if (what === "close") ws.close(...args);
    if (what === "fin") tcp.end();
    if (what === "reset") tcp.resetAndDestroy();
    if (what === "mute") tcp.removeAllListeners("data"), tcp.resume();
    if (what === "over") {
      tcp.removeAllListeners("data");
      tcp.once("data", (/** @type {Buffer} */ chunk) => {
        const [{ payload }] = unframe(chunk);
        record.close = payload.length ? [payload[0] * 256 + payload[1], Buffer.from(payload.subarray(2)).toString()] : [1005, ""];
        tcp.end();
      });
    }
    if (what === "reply") {
      tcp.removeAllListeners("data");
      tcp.once("data", () => tcp.end(Buffer.from(args[0], "hex")));
    }
    if (what === "echo") isEcho = true;
    if (what === "tell") ws.send(JSON.stringify({ ...record, messages: undefined, close: undefined }));
    if (what === "wait" && !(came && came--)) await new Promise((resolve) => waiting.push(resolve));
  }
  tcp.uncork();
}
