// Limits of HTTP/2 connections: frames by hand (RFC 9113), without upgrade, since clients keep to what they are told.

import { afterTime, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */
/** @typedef {import("./rig.js").Peer} Peer */
/** @typedef {{ type: number, flags: number, stream: number, payload: Buffer }} Frame */

const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 7, 8];
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4];
const [MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE] = [3, 4];
const DEFAULT_WINDOW = 65_535;
/** RFC 9113 §7 */
const ERRORS = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM"];

/** @param {number} type @param {number} flags @param {number} stream @param {Buffer} payload */
function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as they are, never indexed (RFC 7541 §6.2.3). @param {string} method @param {string} host */
function fields(method, host) {
  const list = [[":method", method], [":scheme", "http"], [":path", "/"], [":authority", host]];
  return Buffer.concat(
    list.map(([name, value]) => Buffer.from(`\x10${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`, "latin1")),
  );
}

/** A connection that has said hello. @param {Rig} rig */
async function connect(rig) {
  const peer = await rig.connect();
  peer.send(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(SETTINGS, 0, 0), frame(SETTINGS, ACK, 0)]));
  const settings = await peer.until(() => frames(peer).find(({ type, flags }) => type === SETTINGS && !(flags & ACK)));
  if (!settings) throw new Error("no SETTINGS");
  // What comes behind a PING has been seen by the other side.
  await ping(peer);
  return { peer, settings: settings.payload };
}

/** @param {Peer} peer @returns {Frame[]} */
function frames({ received }) {
  const all = [];
  for (let at = 0; at + 9 <= received.length; ) {
    const length = received.readUIntBE(at, 3);
    if (at + 9 + length > received.length) break;
    const [type, flags, stream] = [received[at + 3], received[at + 4], received.readUInt32BE(at + 5)];
    all.push({ type, flags, stream, payload: received.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  return all;
}

/** Whether a PING is answered. @param {Peer} peer */
async function ping(peer) {
  const token = Buffer.from(`${Math.random()}`.slice(2, 10).padEnd(8, "0"));
  peer.send(frame(PING, 0, 0, token));
  const answered = await peer.until(() => peer.ended || frames(peer).some(({ type, flags, payload }) => type === PING && flags & ACK && payload.equals(token)), 3_000);
  return answered === true && !peer.ended;
}

/** How a stream, or its connection, was refused; `lives` otherwise. @param {Peer} peer @param {number} id */
async function fate(peer, id) {
  await ping(peer);
  const reset = frames(peer).find(({ type, stream }) => type === RST_STREAM && stream === id);
  const away = frames(peer).find(({ type }) => type === GOAWAY);
  if (reset) return ERRORS[reset.payload.readUInt32BE(0)];
  return away ? ERRORS[away.payload.readUInt32BE(4)] : "lives";
}

/** @param {Buffer} payload @param {number} wanted */
function setting(payload, wanted) {
  for (let at = 0; at < payload.length; at += 6) if (payload.readUInt16BE(at) === wanted) return payload.readUInt32BE(at + 2);
}

/** How much may be sent over a connection before anything is taken. @param {Peer} peer */
function connectionWindow(peer) {
  const updates = frames(peer).filter(({ type, stream }) => type === WINDOW_UPDATE && stream === 0);
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), DEFAULT_WINDOW);
}

/** A listener for requests whose page is away: whoever comes waits, and nothing of it is read. @param {Rig} rig */
async function awayPage(rig) {
  const page = await rig.page();
  const { name } = await page.ask(1, { listen: "http" });
  page.drop();
  await wait(100);
  return `${name}.localhost`;
}

/** @type {Case[]} */
export const HTTP2 = [
  {
    limit: "h2_streams",
    n: 2,
    also: { parked_wait: "1m" },
    expected: ["lives lives, as announced", "REFUSED_STREAM"],
    async run(rig) {
      const host = await awayPage(rig);
      const { peer, settings } = await connect(rig);
      for (const id of [1, 3, 5]) peer.send(frame(HEADERS, END_HEADERS | END_STREAM, id, fields("GET", host)));
      const beyond = await fate(peer, 5);
      const announced = setting(settings, MAX_CONCURRENT_STREAMS) === 2 ? "as announced" : "not as announced";
      const resets = frames(peer).filter(({ type, stream }) => type === RST_STREAM && stream < 5).length;
      return [`${resets ? "reset" : "lives lives"}, ${announced}`, beyond];
    },
  },
  {
    limit: "h2_window",
    n: "65KiB",
    also: { parked_wait: "1m" },
    expected: ["lives, as announced", "FLOW_CONTROL_ERROR"],
    async run(rig) {
      const host = await awayPage(rig);
      const answers = [];
      let announced = 0;
      for (const bytes of [66_560, 66_561]) {
        const { peer, settings } = await connect(rig);
        announced = setting(settings, INITIAL_WINDOW_SIZE) ?? 0;
        peer.send(frame(HEADERS, END_HEADERS, 1, fields("POST", host)));
        for (let left = bytes; left; left -= Math.min(left, 16_384)) peer.send(frame(DATA, 0, 1, Buffer.alloc(Math.min(left, 16_384))));
        answers.push(await fate(peer, 1));
      }
      return [`${answers[0]}, ${announced === 66_560 ? "as announced" : announced}`, answers[1]];
    },
  },
  {
    limit: "h2_receive",
    n: 16 * (1 << 20),
    also: { h2_window: "1MiB" },
    expected: ["1048576", "983040"],
    async run(rig) {
      // A sixteenth of what is left: of all, and of what the first connection has left.
      const [one, other] = [await connect(rig), await connect(rig)];
      return [`${connectionWindow(one.peer)}`, `${connectionWindow(other.peer)}`];
    },
  },
  {
    limit: "h2_idle",
    n: "1s",
    expected: ["lives", "GOAWAY"],
    async run(rig) {
      const begin = performance.now();
      const { peer } = await connect(rig);
      await wait(300);
      const at = (await ping(peer)) ? "lives" : "gone";
      const away = peer.until(() => frames(peer).some(({ type }) => type === GOAWAY) && "GOAWAY");
      return [at, await afterTime(1_000, away.then((how) => how ?? "silence"), begin)];
    },
  },
];
