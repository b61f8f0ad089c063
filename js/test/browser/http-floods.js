// Much of what is bad, on the carrier `http`: what a gateway holds for it stays within what its limits say.

import { once } from "node:events";
import net from "node:net";
import { HandPage, helloJson, LIMITS } from "./by-hand.js";
import { Line, POLL, STREAM, upBody } from "./http-wire.js";
import { growth, resident } from "./memory.js";
import { data, frame, hello, PING, prefix, resume } from "./wire.js";

/** @typedef {{ name: string, seen: string, growth: number, limit: number, right: boolean }} Flood */
/** @typedef {import("./by-hand.js").World} World */

const MIB = 1 << 20;
const ping = frame(PING, "12345678");

/** So many at a time. @param {number} count @param {number} together @param {(at: number) => Promise<unknown>} act */
async function many(count, together, act) {
  let next = 0;
  await Promise.all(Array.from({ length: together }, async () => {
    while (next < count) await act(next++);
  }));
}

/** How often each answer came. @param {Map<string, number>} counts */
const tally = (counts) => [...counts].map(([answer, count]) => `${count} x ${answer}`).join(", ");

/** @param {Map<string, number>} counts @param {{ status: number, code: string }} answer */
function count(counts, { status, code }) {
  const words = code ? `${status} ${code}` : `${status}`;
  counts.set(words, (counts.get(words) ?? 0) + 1);
}

/** Carriers that begin, and never say HELLO. @param {World} world */
async function begun(world) {
  const counts = new Map();
  const lines = new Line(world.url, { origin: world.origin });
  await many(12_000, 32, async () => {
    const one = new Line(world.url, { origin: world.origin });
    one.agent = lines.agent;
    count(counts, await one.down(0, 2));
  });
  lines.drop();
  return tally(counts);
}

/** Requests for carriers that never were. @param {World} world */
async function unknown(world) {
  const counts = new Map();
  const lines = new Line(world.url, { origin: world.origin });
  await many(20_000, 32, async (at) => {
    const one = new Line(world.url, { origin: world.origin });
    one.agent = lines.agent;
    count(counts, at % 2 ? await one.up(7, ping) : await one.down(7, STREAM));
  });
  lines.drop();
  return tally(counts);
}

/** Bodies of one carrier of 256 KiB each, but for their last byte. @param {World} world */
async function unfinished(world) {
  const one = new Line(world.url, { origin: world.origin });
  await one.up(0, hello(helloJson()));
  await one.down(0, POLL);
  const body = upBody(one.id, 1, Buffer.alloc(262_144));
  const { hostname, port, host } = new URL(world.url);
  const head = `POST /link/up HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${world.origin}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const counts = new Map();
  const sockets = [];
  for (let at = 0; at < 200; at++) {
    const socket = net.connect({ host: hostname, port: Number(port) });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      count(counts, { status: Number(text.split(" ")[1]), code: /pageport-error: (\w+)/i.exec(text)?.[1] ?? "" });
    });
    await once(socket, "connect");
    socket.write(head);
    await new Promise((resolve) => socket.write(body.subarray(0, -1), resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const answered = [...counts.values()].reduce((sum, one) => sum + one, 0);
  for (const socket of sockets) socket.destroy();
  one.drop();
  return `${sockets.length - answered} wait, ${tally(counts)}`;
}

/** Whole bodies of 256 KiB whose predecessor does not come. @param {World} world */
async function waiting(world) {
  const page = await HandPage.attached(world, "http");
  /** @type {Line} */
  const line = page.carrier.out.raw;
  const counts = new Map();
  const message = Buffer.concat(Array.from({ length: 200 }, () => frame(0x19, Buffer.from([1]), Buffer.alloc(1_200))));
  const sent = Array.from({ length: 200 }, () => line.up(3, message).then((answer) => count(counts, answer)));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await line.up(2, ping);
  await Promise.all(sent);
  const known = ["204", "409 ERR_CARRIER_SEQUENCE"];
  const total = known.reduce((sum, one) => sum + (counts.get(one) ?? 0), 0);
  const words = `${total} x 204 or 409, and then ${(await line.up(4, ping)).status}`;
  page.drop();
  return words;
}

/** Pages that ask for messages and never read them, with visitors who send. @param {World} world */
async function unread(world) {
  const { hostname, port } = new URL(world.url);
  const [pages, sockets] = [[], []];
  for (let at = 0; at < 40; at++) {
    const one = new Line(world.url, { token: world.token });
    await one.up(0, hello(helloJson({ limits: { ...LIMITS, initial: 65_536 } })));
    await one.down(0, POLL);
    await one.up(1, resume());
    await one.up(2, data(1, 0, prefix({ listen: "http" })));
    const { body } = await one.down(1, POLL);
    const more = /"name":"([^"]+)"/.exec(`${body}`) ?? /"name":"([^"]+)"/.exec(`${(await one.down(1, POLL)).body}`);
    // It asks, and lets the answer wait in its socket.
    one.down(1, STREAM).catch(() => {});
    const request = one.newest;
    request?.on("response", (answer) => answer.pause());
    pages.push(one);
    for (let visitor = 0; visitor < 10; visitor++) {
      const socket = net.connect({ host: hostname, port: Number(port) });
      socket.on("error", () => {});
      sockets.push(socket);
      socket.write(`POST / HTTP/1.1\r\nHost: ${more?.[1]}.localhost\r\nContent-Length: 10000000\r\n\r\n`);
      socket.write(Buffer.alloc(1_000_000));
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const words = `${pages.length} pages, ${sockets.length} visitors`;
  for (const socket of sockets) socket.destroy();
  for (const page of pages) page.drop();
  return words;
}

/** Messages that are answered, sent again and again. @param {World} world */
async function repeated(world) {
  const page = await HandPage.attached(world, "http");
  /** @type {Line} */
  const line = page.carrier.out.raw;
  const counts = new Map();
  await many(20_000, 16, async () => count(counts, await line.up(0, hello(helloJson()))));
  const words = `${tally(counts)}, and the page ${await page.answer()}`;
  page.drop();
  return words;
}

/**
 * All of them, one after the other.
 * @param {World} world
 * @param {number} pid of the gateway
 * @returns {Promise<Flood[]>}
 */
export async function floods(world, pid) {
  const all = [
    { name: "20,000 requests of unknown carriers", act: unknown, limit: 16 * MIB, wanted: /^20000 x 404 ERR_CARRIER_UNKNOWN$/ },
    // Measured the second time, when the allocator has what it keeps; all of them would be 50 MiB more.
    { name: "200 bodies of 256 KiB on one carrier, unfinished", act: unfinished, warm: true, limit: 16 * MIB, wanted: /^8 wait, 192 x 409 ERR_CARRIER_SEQUENCE$/ },
    { name: "200 bodies of 240 kB that wait for the one before them", act: waiting, warm: true, limit: 16 * MIB, wanted: /^200 x 204 or 409, and then 204$/ },
    // For each page: what is kept, one message, and windows of 64 KiB for each visitor that its HELLO granted.
    { name: "40 pages that do not read what 400 visitors send", act: unread, limit: 40 * 2 * MIB, wanted: /^40 pages, 400 visitors$/ },
    { name: "20,000 repetitions of a message", act: repeated, limit: 16 * MIB, wanted: /^20000 x 204, and the page lives$/ },
    // The last one, since they are there for a while. A carrier that waits for HELLO costs its state and its task; more than 10,000 are refused.
    { name: "12,000 carriers that never say HELLO", act: begun, limit: 80 * MIB, wanted: /^(9\d{3}|10000) x 200, 2\d{3} x 503 ERR_CONNECTION_LIMIT$/ },
  ];
  const results = [];
  for (const { name, act, warm, limit, wanted } of all) {
    if (warm) await act(world);
    const { result, growth: grown } = await growth({ gateway: () => resident(pid) }, () => act(world));
    results.push({ name, seen: result, growth: grown.gateway, limit, right: grown.gateway < limit && wanted.test(result) });
  }
  return results;
}
