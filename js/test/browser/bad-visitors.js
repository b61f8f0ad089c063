// Bad input behind a visitor's handshake, where the gateway looks at nothing: the page itself answers, by the codes of
// RFC 6455, and it costs that visitor.

import { randomBytes } from "node:crypto";
import net from "node:net";
import { handshake } from "./bad-requests.js";

/** @typedef {import("./bad-frames.js").Case} Case */

const PATIENCE_MS = 8_000;
const MIB = 1 << 20;

/** @param {string} name @param {number} code @param {Buffer} bytes @returns {Case} */
function visitor(name, code, bytes) {
  return {
    name,
    expected: `close ${code}`,
    kinds: ["http"],
    async run({ url, name }) {
      const { hostname, port } = new URL(url);
      const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
      socket.write(handshake({ host: `${name}.localhost` }));
      try {
        return await answer(socket, bytes);
      } finally {
        socket.destroy();
      }
    },
  };
}

/**
 * A frame of a client. `length` is what its header says.
 * @param {number} first
 * @param {Buffer | string} payload
 * @param {{ masked?: boolean, length?: number }} [odd]
 */
function frame(first, payload, { masked = true, length } = {}) {
  const body = Buffer.from(payload);
  const size = length ?? body.length;
  const header = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = (masked ? 0x80 : 0) | (size < 126 ? size : size < 65_536 ? 126 : 127);
  if (size > 65_535) header.writeBigUInt64BE(BigInt(size), 2);
  else if (size > 125) header.writeUInt16BE(size, 2);
  const key = masked ? randomBytes(4) : Buffer.alloc(0);
  return Buffer.concat([header, key, masked ? body.map((byte, i) => byte ^ key[i & 3]) : body]);
}

const FIN = 0x80;
const TEXT = 1;
const CLOSE = 8;

/** @type {Case[]} */
export const visitors = [
  visitor("a visitor that closes in order, for comparison", 1000, frame(FIN | CLOSE, Buffer.of(3, 232))),
  visitor("a visitor's text with invalid UTF-8", 1007, frame(FIN | TEXT, Buffer.of(0xc3, 0x28))),
  visitor("a visitor's frame that is not masked", 1002, frame(FIN | TEXT, "x", { masked: false })),
  visitor("a visitor's frame with a reserved bit", 1002, frame(FIN | 0x40 | TEXT, "x")),
  visitor("a visitor's frame of a reserved opcode", 1002, frame(FIN | 3, "x")),
  visitor("a visitor's close with a code that is none", 1002, frame(FIN | CLOSE, Buffer.of(3, 237))),
  visitor("a visitor that announces 16 MiB + 1", 1009, frame(FIN | TEXT, "x", { length: 16 * MIB + 1 })),
  visitor("a visitor that announces 2^62 bytes", 1009, frame(FIN | TEXT, "x", { length: 2 ** 62 })),
  visitor(
    "a visitor's message of 16,385 fragments",
    1008,
    Buffer.concat([frame(TEXT, ""), ...Array(16_384).fill(frame(0, ""))]),
  ),
];

/**
 * What comes back behind the 101: the code of a close frame.
 * @param {net.Socket} socket
 * @param {Buffer} bytes
 * @returns {Promise<string>}
 */
function answer(socket, bytes) {
  let all = Buffer.alloc(0);
  let begun = false;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS, "silence");
    const settle = (words) => (clearTimeout(timer), resolve(words));
    socket.on("error", (error) => settle(`error ${/** @type {any} */ (error).code}`));
    socket.on("close", () => settle("connection ended without a close frame"));
    socket.on("data", (chunk) => {
      all = Buffer.concat([all, chunk]);
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!all.subarray(0, 12).equals(Buffer.from("HTTP/1.1 101"))) return settle(all.subarray(0, 12).toString());
      const behind = all.subarray(end + 4);
      if (!begun) socket.write(bytes);
      begun = true;
      if (behind.length >= 4 && behind[0] === (FIN | CLOSE)) settle(`close ${behind.readUInt16BE(2)}`);
      else if (behind.length >= 2 && behind[0] !== (FIN | CLOSE)) settle(`frame ${behind[0]}`);
    });
  });
}
