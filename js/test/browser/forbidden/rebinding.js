// A name server whose owner means harm (RFC 1035, over UDP and TCP): names that lead to an ordinary address and to one of the gateway's own network, by turns or together.

import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";

const FOUR = 1;
const ALIAS = 5;
const SIX = 28;
const GOOD = "8.8.8.8";
/** What fits an answer by UDP here; longer ones are cut, and asked for again by TCP. */
const MOST = 512;

/** Addresses of a name, by how often it was asked for. @type {Record<string, (time: number) => string[]>} */
const NAMES = {
  "good.test": () => [GOOD],
  /** First the one, then the other. */
  "flip.test": (time) => [time % 2 ? "127.0.0.1" : GOOD],
  "mixed.test": () => [GOOD, "127.0.0.1"],
  /** The two families differ. */
  "families.test": () => [GOOD, "::1"],
  "alias.test": () => ["=inner.invalid"],
  "inner.invalid": () => ["169.254.169.254"],
  "many.test": () => [...Array.from({ length: 99 }, (_, i) => `8.8.8.${i + 1}`), "127.0.0.1"],
};

/** Names that no connection may come of but to the good address. */
export const HARMFUL = ["flip.test", "mixed.test", "families.test", "alias.test", "many.test"];

/** At a port of 127.0.0.1, for both. */
export async function startNameServer() {
  /** @type {Record<string, number>} */
  const asked = {};
  const udp = dgram.createSocket("udp4");
  udp.on("message", (query, { port, address }) => {
    const whole = answer(query, asked);
    if (whole.length <= MOST) return udp.send(whole, port, address);
    // Cut (TC): only the question.
    const cut = Buffer.from(query.subarray(0, endOfQuestion(query)));
    cut.writeUInt16BE(0x8600, 2);
    cut.fill(0, 6, 12);
    udp.send(cut, port, address);
  });
  await once(udp.bind(0, "127.0.0.1"), "listening");
  const { port } = udp.address();
  const tcp = net.createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {}).on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length > 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
        const end = 2 + bytes.readUInt16BE(0);
        const whole = answer(bytes.subarray(2, end), asked);
        bytes = bytes.subarray(end);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(whole.length);
        socket.write(Buffer.concat([length, whole]));
      }
    });
  });
  await once(tcp.listen(port, "127.0.0.1"), "listening");
  return { port, asked, close: () => (udp.close(), tcp.close()) };
}

/** @param {Buffer} query */
function endOfQuestion(query) {
  let at = 12;
  while (query[at]) at += query[at] + 1;
  return at + 5;
}

/** @param {string} name */
const labels = (name) => Buffer.concat([...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.of(0)]);

/** @param {Buffer} query @param {Record<string, number>} asked how often a name was asked for */
function answer(query, asked) {
  const end = endOfQuestion(query);
  const words = [];
  for (let at = 12; query[at]; at += query[at] + 1) words.push(query.toString("latin1", at + 1, at + 1 + query[at]));
  const name = words.join(".").toLowerCase();
  const type = query.readUInt16BE(end - 4);
  const addresses = NAMES[name]?.(Math.floor((asked[name] ?? 0) / 2));
  asked[name] = (asked[name] ?? 0) + 1;
  const records = (addresses ?? []).flatMap((text) => record(Buffer.of(0xc0, 12), text, type));
  // Behind an alias stands what it leads to, as who knows it says at once.
  const alias = addresses?.find((text) => text.startsWith("="))?.slice(1);
  if (alias) records.push(...NAMES[alias](0).flatMap((text) => record(labels(alias), text, type)));
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8400 | (query.readUInt16BE(2) & 0x0100) | (addresses ? 0 : 3), 2);
  head.writeUInt16BE(records.length, 6);
  head.fill(0, 8);
  return Buffer.concat([head, query.subarray(12, end), ...records]);
}

/** An address, or `=name`, as a record of a name with a life of 0; nothing where another type was asked for. @param {Buffer} owner @param {string} text @param {number} type */
function record(owner, text, type) {
  const [kind, data] = text.startsWith("=")
    ? [ALIAS, labels(text.slice(1))]
    : net.isIPv6(text)
      ? [SIX, Buffer.from([...Array(15).fill(0), 1])]
      : [FOUR, Buffer.from(text.split(".").map(Number))];
  if (kind !== ALIAS && kind !== type) return [];
  return [Buffer.concat([owner, Buffer.from([0, kind, 0, 1, 0, 0, 0, 0, 0, data.length]), data])];
}
