// Limits of the carrier `http`: how many there are, what each may have under way, and when its answers end.

import { DATA, data, decode, frame, hello, PING, prefix, resume, WELCOME } from "../wire.js";
import { helloJson, LIMITS } from "../by-hand.js";
import { Line, NOW, POLL, PREAMBLE, records, STREAM, upBody, words } from "../http-wire.js";
import { afterTime, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */
/** @typedef {import("../wire.js").Frame} Frame */

const ping = frame(PING, "12345678");

/** @param {Rig} rig */
const line = (rig) => new Line(rig.url, { token: rig.world.token });

/** A line that has said HELLO and is welcome: message 1 is next, and one has come. @param {Rig} rig */
async function welcomed(rig) {
  const one = line(rig);
  // Visitors may send much before anybody has said that it was read.
  await one.up(0, hello(helloJson({ limits: { ...LIMITS, initial: 65_536 } })));
  const { body } = await one.down(0, POLL);
  const [message] = records(body.subarray(PREAMBLE.length)).messages;
  if (decode(message).frames[0].type !== WELCOME) throw new Error("no WELCOME");
  return one;
}

/** What of a body comes whose end never does. */
const PART = 4_000;

/**
 * The beginning of a body for `/link/up`, whose end never comes.
 * @param {Rig} rig @param {Line} one @param {number} seq
 */
async function unfinished(rig, one, seq) {
  const peer = await rig.connect();
  const head = `POST /link/up HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rig.world.token}\r\nContent-Length: ${2 * PART}\r\n\r\n`;
  peer.send(Buffer.concat([Buffer.from(head), upBody(one.id, seq, Buffer.alloc(PART))]));
  return peer;
}

/** Waits until the gateway keeps so much of bodies: only then it is certain which came first. @param {Rig} rig @param {number} bytes */
async function kept(rig, bytes) {
  while (Number(/^pageport_memory_bytes (\d+)$/m.exec(await rig.metrics())?.[1]) < bytes) await wait(10);
}

/** A line that has a listener for requests, whose name has come; `ack` messages were read. @param {Rig} rig */
async function listening(rig) {
  const one = await welcomed(rig);
  await one.up(1, resume());
  await one.up(2, data(1, 0, prefix({ listen: "http" })));
  for (;;) {
    const { body } = await one.down(1, POLL);
    const name = /"name":"([^"]+)"/.exec(`${body}`)?.[1];
    if (name) return { one, name, ack: 1 + records(body.subarray(PREAMBLE.length)).messages.length };
  }
}

/** Bytes of streams that a page has been sent. @param {{ frames: Frame[] }} carrier */
const received = ({ frames }) => frames.reduce((sum, { type, rest }) => sum + (type === DATA ? rest.length : 0), 0);

/** A request with a body of so many bytes, to a listener. @param {Rig} rig @param {string} name @param {number} bytes */
async function upload(rig, name, bytes) {
  const peer = await rig.connect();
  peer.send(`POST / HTTP/1.1\r\nHost: ${name}.localhost\r\nContent-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`);
}

/** @type {Case[]} */
export const REQUESTS = [
  {
    limit: "http_carriers",
    n: 2,
    expected: ["200,200", "503 ERR_CONNECTION_LIMIT"],
    async run(rig) {
      const at = [];
      for (let count = 0; count < 2; count++) at.push(words(await line(rig).down(0, NOW)));
      return [`${at}`, words(await line(rig).down(0, NOW))];
    },
  },
  {
    limit: "http_uploads",
    n: 2,
    expected: ["two wait", "409 ERR_CARRIER_SEQUENCE"],
    async run(rig) {
      const one = await welcomed(rig);
      // Attached, so that nothing else of it has to come soon.
      await one.up(1, resume());
      const first = await unfinished(rig, one, 2);
      await kept(rig, PART);
      await unfinished(rig, one, 2);
      await kept(rig, 2 * PART);
      const at = first.received.length ? "answered" : "two wait";
      await unfinished(rig, one, 2);
      const beyond = await first.answer();
      // It has cost nothing but that request.
      const after = words(await one.up(2, ping));
      return [at, after === "204" ? beyond : `${beyond}, and then ${after}`];
    },
  },
  {
    limit: "http_order",
    n: "800ms",
    expected: ["204,204", "409 ERR_CARRIER_SEQUENCE"],
    async run(rig) {
      const one = await welcomed(rig);
      const second = one.up(2, ping);
      await wait(300);
      const at = `${[await one.up(1, resume()), await second].map(words)}`;
      const begin = performance.now();
      return [at, await afterTime(750, one.up(4, ping).then(words), begin)];
    },
  },
  {
    limit: "http_answer_bytes",
    n: "64KiB",
    expected: ["goes on", "ended"],
    async run(rig) {
      const { one, name, ack } = await listening(rig);
      let length = 0;
      let last = 0;
      const answer = one.down(ack, STREAM, (chunk) => (length += chunk.length)).then(({ body }) => {
        last = records(body.subarray(PREAMBLE.length)).messages.at(-1)?.length ?? 0;
        return "ended";
      });
      await upload(rig, name, 40_000);
      while (length < 40_000) await wait(10);
      const at = await Promise.race([answer, wait(200).then(() => "goes on")]);
      await upload(rig, name, 60_000);
      const beyond = await answer;
      // It ends behind the message that makes it long enough.
      return [at, length >= 65_536 && length - last < 65_536 + PREAMBLE.length ? beyond : `ended after ${length}`];
    },
  },
  {
    limit: "http_answer_time",
    n: "800ms",
    expected: ["goes on", "200"],
    async run(rig) {
      const one = await welcomed(rig);
      const begin = performance.now();
      const answer = one.down(1, STREAM).then(words);
      const at = await Promise.race([answer, wait(400).then(() => "goes on")]);
      return [at, await afterTime(795, answer, begin)];
    },
  },
  {
    limit: "http_kept",
    n: "16KiB",
    expected: ["200", "409 ERR_CARRIER_SEQUENCE"],
    async run(rig) {
      const { one, name, ack } = await listening(rig);
      /** Reads from there on until there is what is looked for, and goes without a word. @param {(frames: Frame[]) => any} find */
      const look = async (find) => {
        /** @type {any} */
        let found;
        let all = Buffer.alloc(0);
        const read = one.down(ack, STREAM, (chunk) => {
          all = Buffer.concat([all, chunk]);
          const { messages } = records(all.subarray(PREAMBLE.length));
          found = find(messages.flatMap((message) => decode(message).frames));
          if (found) one.newest?.destroy();
        });
        await read.catch(() => {});
        return found;
      };
      await upload(rig, name, 8_000);
      await look((frames) => received({ frames }) > 8_000);
      const at = words(await one.down(ack, NOW));
      await upload(rig, name, 60_000);
      await look((frames) => received({ frames }) > 60_000);
      return [at, words(await one.down(ack, NOW))];
    },
  },
];
