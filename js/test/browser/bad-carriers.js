// Bad input on the carrier `http`: requests that no good page makes, in an order that none has. Each has its code, and what it
// costs is the request, or the carrier, as spec/protocol.md §9.1 says.

import { once } from "node:events";
import net from "node:net";
import { helloJson } from "./by-hand.js";
import { downBody, Line, NOW, POLL, PREAMBLE, records, STREAM, upBody, words } from "./http-wire.js";
import { decode, frame, hello, PING, resume, RESUME, WELCOME } from "./wire.js";

/** @typedef {import("./bad-frames.js").Case} Case @typedef {import("./by-hand.js").World} World */

const ping = frame(PING, "12345678");
const UNKNOWN = "404 ERR_CARRIER_UNKNOWN";
const SEQUENCE = "409 ERR_CARRIER_SEQUENCE";
const REQUEST = "400 ERR_CARRIER_REQUEST";
const TOO_LARGE = "413 ERR_BODY_TOO_LARGE";
const FORBIDDEN = "403 ERR_ORIGIN_FORBIDDEN";

/** @param {World} world @param {object} [who] */
const line = (world, who = { origin: world.origin }) => new Line(world.url, who);

/** Types of frames in an answer. @param {Buffer} body */
const types = (body) =>
  records(body.subarray(PREAMBLE.length)).messages.flatMap((message) => decode(message).frames.map(({ type }) => type));

/** A session over a line: messages 2 up and `ack` down are next. @param {World} world */
async function attached(world) {
  const one = line(world);
  await one.up(0, hello(helloJson()));
  const first = await one.down(0, POLL);
  if (types(first.body)[0] !== WELCOME) throw new Error("no WELCOME");
  await one.up(1, resume());
  let ack = 1;
  for (;;) {
    const { body } = await one.down(ack, POLL);
    ack += records(body.subarray(PREAMBLE.length)).messages.length;
    if (types(body).includes(RESUME)) return { one, ack };
  }
}

/** Whether the carrier still serves. @param {Line} one @param {number} seq @param {number} ack */
async function serves(one, seq, ack) {
  const answers = [await one.up(seq, ping), await one.down(ack, NOW)];
  return answers.every(({ status }) => status < 300) ? "lives" : answers.map(words).join(", ");
}

/**
 * A request on a carrier that is attached; how it is answered, and what became of the carrier.
 * @param {string} name
 * @param {string} expected
 * @param {(one: Line, ack: number, world: World) => Promise<string>} act
 * @param {number} [next] the number of the next message up, when it was all
 * @returns {Case}
 */
const on = (name, expected, act, next = 2) => ({
  name,
  kinds: ["http"],
  expected,
  async run(world) {
    const { one, ack } = await attached(world);
    try {
      return `${await act(one, ack, world)}; carrier ${await serves(one, next, ack)}`;
    } finally {
      one.drop();
    }
  },
});

/** A request of nobody. @param {string} name @param {string} expected @param {(world: World) => Promise<any>} act @returns {Case} */
const alone = (name, expected, act) => ({
  name,
  kinds: ["http"],
  expected,
  run: async (world) => {
    const got = await act(world);
    return typeof got === "string" ? got : words(got);
  },
});

/** A connection that says whatever it is told to. @param {World} world @param {(Buffer | string)[]} parts */
async function raw({ url }, ...parts) {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  for (const part of parts) socket.write(part);
  return socket;
}

/** Status and code of what comes on a connection. @param {net.Socket} socket @returns {Promise<string>} */
function answer(socket) {
  return new Promise((resolve) => {
    let text = "";
    const settle = (/** @type {string} */ words) => (clearTimeout(timer), socket.destroy(), resolve(words));
    const timer = setTimeout(() => settle("silence"), 15_000);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!text.includes("\r\n\r\n")) return;
      const code = /pageport-error: (\w+)/i.exec(text)?.[1];
      settle([text.split(" ")[1], code].filter(Boolean).join(" "));
    });
    socket.on("close", () => settle("ended"));
  });
}

/** @param {World} world @param {string} path @param {number} length */
const head = ({ url, origin }, path, length) =>
  `POST ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nOrigin: ${origin}\r\nContent-Length: ${length}\r\n\r\n`;

/** Whether a page of that origin may read an answer. @param {import("./http-wire.js").Answer} got */
const shown = (got) => `${words(got)}, shown to ${got.headers["access-control-allow-origin"] ?? "nobody"}`;

/** @type {Case[]} */
export const carriers = [
  on("a good message and request, for comparison", "204, 200; carrier lives", async (one, ack) =>
    [await one.up(2, ping), await one.down(ack, NOW)].map(words).join(", "), 3),

  alone("up from a wrong origin", `${FORBIDDEN}, shown to nobody`, async (world) =>
    shown(await line(world, { origin: "https://evil.example" }).up(0, hello(helloJson())))),
  alone("down from a wrong origin", `${FORBIDDEN}, shown to nobody`, async (world) =>
    shown(await line(world, { origin: "https://evil.example" }).down(0, STREAM))),
  alone("up from the origin of a listener", FORBIDDEN, (world) => line(world, { origin: "http://x.localhost" }).up(0, ping)),
  alone("up from `null`", FORBIDDEN, (world) => line(world, { origin: "null" }).up(0, ping)),
  alone("up with a wrong token", "401 ERR_CREDENTIAL_INVALID", (world) => line(world, { token: "wrong" }).up(0, ping)),
  alone("a refusal that the page may read", `${UNKNOWN}, shown to http://localhost:1234`, async (world) =>
    shown(await line(world).up(7, ping))),
  on("another allowed origin on the same carrier", "403 ERR_ATTACH_ORIGIN, 403 ERR_ATTACH_ORIGIN; carrier lives", async (one, ack, world) => {
    const other = line(world, { origin: "http://127.0.0.1:1234" });
    other.id = one.id;
    return [await other.up(2, ping), await other.down(ack, NOW)].map(words).join(", ");
  }),
  on("a credential in place of the origin", "403 ERR_ATTACH_ORIGIN; carrier lives", async (one, ack, world) => {
    const other = line(world, { token: world.token });
    other.id = one.id;
    return words(await other.down(ack, NOW));
  }),

  alone("up with an unknown id", UNKNOWN, (world) => line(world).up(1, ping)),
  alone("down with an unknown id", UNKNOWN, (world) => line(world).down(1, NOW)),
  on("a message that skips one", `${SEQUENCE}; carrier ${UNKNOWN}, ${UNKNOWN}`, async (one) => words(await one.up(4, ping))),
  on("a message whose predecessor never comes", `${SEQUENCE}; carrier ${UNKNOWN}, ${UNKNOWN}`, async (one) => words(await one.up(3, ping))),
  on("a message far away", `${SEQUENCE}; carrier ${UNKNOWN}, ${UNKNOWN}`, async (one) => words(await one.up(2 ** 53 - 1, ping))),
  on("a message that came long ago", "204; carrier lives", async (one) => words(await one.up(0, hello(helloJson())))),
  on("overlapping uploads of one number", "204, 204, 204; carrier lives", async (one) =>
    (await Promise.all([one.up(2, ping), one.up(2, ping), one.up(2, ping)])).map(words).join(", "), 3),
  on("an acknowledgement of what was never sent", `${SEQUENCE}; carrier ${UNKNOWN}, ${UNKNOWN}`, async (one, ack) => words(await one.down(ack + 1, NOW))),
  on("an acknowledgement that goes back", `${SEQUENCE}; carrier lives`, async (one, ack) => {
    await one.down(ack, NOW);
    return words(await one.down(ack - 1, NOW));
  }),
  on("two readers", "the older one ended; carrier lives", async (one, ack) => {
    const first = one.down(ack, STREAM);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = one.down(ack, STREAM).catch(() => {});
    const { status, body } = await first;
    one.newest?.destroy();
    await second;
    return status === 200 && body.subarray(0, PREAMBLE.length).equals(PREAMBLE) ? "the older one ended" : `${status}`;
  }),

  on("an empty message", `${REQUEST}; carrier lives`, async (one) => words(await one.up(2, Buffer.alloc(0)))),
  on("a message of 262,145 bytes", `${TOO_LARGE}; carrier lives`, async (one) => words(await one.up(2, Buffer.alloc(262_145)))),
  on("the same in chunks, without a length", `${TOO_LARGE}; carrier lives`, async (one, _, world) => {
    const socket = await raw(world, head(world, "/link/up", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked"));
    const body = upBody(one.id, 2, Buffer.alloc(300_000));
    socket.write(`${body.length.toString(16)}\r\n`);
    socket.write(body);
    return answer(socket);
  }),
  alone("a HELLO of 60,000 bytes", TOO_LARGE, (world) => line(world).up(0, Buffer.alloc(60_000))),
  alone("a body of 100 MB, announced", TOO_LARGE, async (world) => answer(await raw(world, head(world, "/link/up", 1e8)))),
  alone("a request for messages of 26 bytes", TOO_LARGE, (world) => line(world).ask("down", Buffer.alloc(26))),
  alone("up without a body", REQUEST, (world) => line(world).ask("up", Buffer.alloc(0))),
  alone("up with half an id", REQUEST, (world) => line(world).ask("up", Buffer.alloc(8))),
  alone("up with a number above 2^53", REQUEST, (world) => line(world).ask("up", Buffer.alloc(30, 0xff))),
  alone("down without a mode", REQUEST, (world) => line(world).ask("down", Buffer.alloc(17))),
  alone("down with an unknown mode", REQUEST, (world) => line(world).down(0, 3)),
  alone("down with bytes behind it", REQUEST, (world) => line(world).ask("down", Buffer.concat([downBody(line(world).id, 0, NOW), Buffer.alloc(1)]))),

  on("an upload that is aborted, and made again", "204; carrier lives", async (one, _, world) => {
    const body = upBody(one.id, 2, Buffer.concat([ping, ping]));
    const socket = await raw(world, head(world, "/link/up", body.length), body.subarray(0, -3));
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.resetAndDestroy();
    return words(await one.up(2, ping));
  }, 3),
  on("an upload that is begun and left, and another one complete before it", "204, 204; carrier lives", async (one, _, world) => {
    const body = upBody(one.id, 2, ping);
    const socket = await raw(world, head(world, "/link/up", body.length), body.subarray(0, -3));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = words(await one.up(2, ping));
    socket.write(body.subarray(-3));
    return `${second}, ${await answer(socket)}`;
  }, 3),
  alone("an upload after the session's end", UNKNOWN, async (world) => {
    const { one, ack } = await attached(world);
    await one.up(2, frame(0x16, Buffer.from([0, 0])));
    // The gateway has nothing more to say; once that is confirmed, the id means nothing.
    for (let at = ack; ; ) {
      const { status, body } = await one.down(at, NOW);
      if (status !== 200) break;
      at += records(body.subarray(PREAMBLE.length)).messages.length;
    }
    return one.up(3, ping);
  }),
  alone("a head that never ends", "431 ERR_HEADERS_TOO_LARGE", async (world) => {
    const socket = await raw(world, head(world, "/link/up", 20).slice(0, -2));
    const sending = setInterval(() => socket.write(`x-more: ${"y".repeat(1_000)}\r\n`), 1);
    return answer(socket).finally(() => clearInterval(sending));
  }),
  {
    name: "a head that trickles",
    kinds: ["http"],
    expected: "ended",
    ms: 10_000,
    async run(world) {
      const socket = await raw(world, head(world, "/link/up", 20).slice(0, -2));
      const sending = setInterval(() => socket.write("x: y\r\n"), 500);
      return answer(socket).finally(() => clearInterval(sending));
    },
  },
  {
    name: "a body that stands still",
    kinds: ["http"],
    expected: "408 ERR_BODY_TIMEOUT",
    ms: 60_000,
    run: async (world) => {
      const socket = await raw(world, head(world, "/link/up", 100), Buffer.alloc(10));
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve("silence"), 75_000);
        socket.once("data", (chunk) => {
          clearTimeout(timer);
          socket.destroy();
          const text = chunk.toString("latin1");
          resolve([text.split(" ")[1], /pageport-error: (\w+)/i.exec(text)?.[1]].filter(Boolean).join(" "));
        });
      });
    },
  },
  alone("GET of /link/up", "405 ERR_METHOD_NOT_ALLOWED", async (world) => answer(await raw(world, head(world, "/link/up", 0).replace("POST", "GET")))),
  alone("PUT of /link/down", "405 ERR_METHOD_NOT_ALLOWED", async (world) => answer(await raw(world, head(world, "/link/down", 0).replace("POST", "PUT")))),
];
