// Limits of sessions: how many, for how long, and what each may hold.

import { Claimant } from "../claimant.js";
import { connect, helloJson, said } from "../by-hand.js";
import { listen } from "../names-cases.js";
import { ACK, CLOSE, DATA, data, DETACH, FIN, frame, hello, ints, PING, PONG, prefix, WELCOME } from "../wire.js";
import { accept, afterTime, visitOn, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */
/** @typedef {import("../by-hand.js").HandPage} HandPage */

/** The code, once the page's carrier is told to end, or `lives` when a PING is answered. @param {HandPage} page */
const fate = (page) => page.answer();

/** A page that listens, with a visitor who is in; how long the page's reply was. @param {Rig} rig */
async function visited(rig, stream = 2, listener = undefined) {
  const { page, name } = listener ?? (await rig.listener());
  const visitor = await rig.knock(name);
  await visitOn(page, stream);
  const length = accept(page, stream);
  await visitor.answer();
  return { page, name, visitor, length };
}

/** The highest limit that the gateway has granted for a stream. @param {HandPage} page @param {number} stream */
function granted(page, stream) {
  let highest = 0;
  for (const { type, payload } of page.carrier.frames) {
    if (type !== ACK) continue;
    for (let at = 0; at < payload.length; ) {
      const entry = [];
      for (let part = 0; part < 3; part++) {
        const size = 1 << (payload[at] >> 6);
        let value = payload[at] & 63;
        for (let byte = 1; byte < size; byte++) value = value * 256 + payload[at + byte];
        entry.push(value);
        at += size;
      }
      if (entry[0] === stream) highest = Math.max(highest, entry[2]);
    }
  }
  return highest;
}

/** How many bytes of a stream have come, prefix included. @param {HandPage} page @param {number} stream */
function came(page, stream) {
  let bytes = 0;
  for (const { type, ints, rest } of page.carrier.frames) if (type === DATA && ints[0] === stream) bytes += rest.length;
  return bytes;
}

/** Until a number stands still for a while. @param {() => number} read @param {number} [times] looked at, 50 ms apart */
async function settled(read, times = 10) {
  for (let last = -1, same = 0; ; ) {
    const now = read();
    same = now === last ? same + 1 : 0;
    if (same === times) return now;
    last = now;
    await wait(50);
  }
}

/** @type {Case[]} */
export const SESSIONS = [
  {
    limit: "sessions",
    n: 2,
    expected: ["WELCOME WELCOME", "DETACH ERR_SESSION_LIMIT"],
    async run(rig) {
      const answers = [];
      for (let count = 0; count < 3; count++) {
        const carrier = await connect(rig.world, "bytes");
        carrier.send(hello(helloJson()));
        answers.push(said(await carrier.next([WELCOME, CLOSE, DETACH])));
      }
      return [`${answers[0]} ${answers[1]}`, answers[2]];
    },
  },
  {
    limit: "listeners_per_session",
    n: 2,
    expected: ["true true", "ERR_LISTENER_LIMIT"],
    async run(rig) {
      const page = await rig.page();
      const replies = [];
      for (const stream of [1, 3, 5]) replies.push(await page.ask(stream, { listen: "websocket" }));
      return [`${replies[0].ok} ${replies[1].ok}`, replies[2].error];
    },
  },
  {
    limit: "names_per_session",
    n: 2,
    expected: ["ok", "ERR_CLAIM_REQUIRED"],
    async run(rig) {
      const [page, key] = [await rig.page(), new Claimant()];
      for (const name of ["one", "two"]) {
        await listen(page, name, key.of(page, name));
        // The listener ends, the proof stays.
        const stream = page.streams;
        page.send(data(stream, prefixLength({ listen: "websocket", name, claim: key.of(page, name) }), "", FIN));
        await page.carrier.until(({ frames }) => frames.some(({ type, ints }) => type === DATA && ints[0] === stream && ints[2] & FIN));
      }
      const at = await listen(page, "two", undefined);
      await listen(page, "three", key.of(page, "three"));
      return [at, await listen(page, "one", undefined)];
    },
  },
  {
    limit: "claims_per_attach",
    n: 2,
    expected: ["ok ok", "ERR_CLAIM_STALE"],
    run: (rig) => threeNames(rig, new Claimant(), new Claimant()),
  },
  {
    limit: "names_per_key",
    n: 2,
    expected: ["ok ok", "ERR_NAME_LIMIT"],
    async run(rig) {
      const key = new Claimant();
      return threeNames(rig, key, key);
    },
  },
  { limit: "names", n: 2, expected: ["ok ok", "ERR_NAME_LIMIT"], run: (rig) => threeNames(rig, new Claimant(), new Claimant()) },
  {
    limit: "streams_per_session",
    n: 2,
    expected: ["lives", "CLOSE ERR_STREAM_LIMIT"],
    async run(rig) {
      const page = await rig.page();
      for (const stream of [1, 3]) await page.ask(stream, { listen: "websocket" });
      const at = await fate(page);
      page.send(data(5, 0, "x"));
      return [at, await fate(page)];
    },
  },
  {
    limit: "initial_window",
    n: "1KiB",
    expected: ["lives", "CLOSE ERR_FLOW_CONTROL"],
    async run(rig) {
      const answers = [];
      for (const bytes of [1024, 1025]) {
        const page = await rig.page();
        // The beginning of a head that announces 8,192 bytes.
        page.send(data(1, 0, Buffer.concat([Buffer.from([0x60, 0x00]), Buffer.alloc(bytes - 2, " ")])));
        answers.push(await fate(page));
      }
      return [answers[0], answers[1]];
    },
  },
  {
    limit: "window_max",
    n: "128KiB",
    expected: ["131072", "never more"],
    async run(rig) {
      const { page, length } = await visited(rig);
      let [sent, limit, most] = [length, 4_096, 0];
      // Always as much as is granted, and the visitor takes it all, so that the window grows as far as it may. What is granted
      // and not yet sent is never more than the window.
      while (sent < 4 << 20) {
        limit = Math.max(limit, granted(page, 2));
        page.carrier.frames.length = 0;
        most = Math.max(most, limit - sent);
        const bytes = Math.min(16_384, limit - sent);
        if (bytes) page.send(data(2, sent, Buffer.alloc(bytes)));
        else if (!(await page.carrier.until(() => granted(page, 2) > limit))) break;
        sent += bytes;
      }
      return [`${Math.min(most, 131_072)}`, most <= 131_072 ? "never more" : `${most}`];
    },
  },
  {
    limit: "session_unreceived",
    n: "64KiB",
    expected: ["65536", "and then as much as was received"],
    async run(rig) {
      const { page, visitor } = await visited(rig);
      // Heads and replies are not what is counted, so they are out of the way.
      const head = came(page, 2);
      page.send(ints(ACK, 1, came(page, 1), 4_096, 2, head, 1 << 24));
      visitor.send(Buffer.alloc(1 << 20));
      const kept = (await settled(() => came(page, 2))) - head;
      page.send(ints(ACK, 2, head + 1000, 1 << 24));
      const more = (await settled(() => came(page, 2))) - head;
      return [`${kept}`, more === kept + 1000 ? "and then as much as was received" : `${more}`];
    },
  },
  {
    limit: "session_receive",
    n: "128KiB",
    also: { initial_window: "4KiB" },
    expected: ["a half for first raises", "never more"],
    async run(rig) {
      const listener = await rig.listener();
      const own = prefixLength({ listen: "websocket" });
      await settled(() => granted(listener.page, 1));
      let above = granted(listener.page, 1) - own - 4_096;
      for (let stream = 2; stream <= 40; stream += 2) {
        const { page, visitor, length } = await visited(rig, stream, listener);
        visitor.socket.pause();
        await settled(() => granted(page, stream), 4);
        above += Math.max(0, granted(page, stream) - length - 4_096);
      }
      // First raises are paid from one half of the budget, and each takes at most half of what is left of it.
      const half = 65_536;
      return [above > half * 0.99 ? "a half for first raises" : `${above}`, above <= half ? "never more" : `${above}`];
    },
  },
  {
    limit: "memory",
    n: "16MiB",
    expected: ["up to 16 MiB", "refused"],
    async run(rig) {
      const pumps = [];
      for (let count = 0; count < 4; count++) {
        const each = await visited(rig).catch(() => undefined);
        if (!each) break;
        each.page.send(ints(ACK, 2, 0, 1 << 26));
        each.visitor.send(Buffer.alloc(10 << 20));
        pumps.push(each);
      }
      await settled(() => pumps.reduce((sum, { page }) => sum + came(page, 2), 0));
      const used = await metric(rig, "pageport_memory_bytes");
      // New sessions are refused, or room was made by ending one that holds more than its share.
      const carrier = await connect(rig.world, "bytes");
      carrier.send(hello(helloJson()));
      const answer = said(await carrier.next([WELCOME, CLOSE, DETACH]));
      const ended = pumps.filter(({ page }) => page.carrier.ended).length;
      const refused = ended > 0 || answer === "DETACH ERR_OVERLOADED";
      return [used <= 16 << 20 ? "up to 16 MiB" : `${used}`, refused ? "refused" : `${answer}, ${ended} ended, ${used}`];
    },
  },
  {
    limit: "lease",
    n: "1500ms",
    expected: ["WELCOME", "CLOSE ERR_SESSION_LOST"],
    async run(rig) {
      const [kept, lost] = [await rig.page(), await rig.page()];
      const begin = performance.now();
      kept.drop(), lost.drop();
      await wait(500);
      const at = await rig.again(kept);
      await wait(1_500 + 1_000 - (performance.now() - begin));
      return [at, await rig.again(lost)];
    },
  },
  {
    limit: "drain",
    n: "1s",
    expected: ["still there", "ended"],
    async run(rig) {
      const { page, visitor } = await visited(rig);
      const begin = performance.now();
      const ending = rig.gateway.stop().then(() => "ended");
      const alive = setInterval(() => page.carrier.ended || page.send(frame(PING, Buffer.alloc(8))), 100);
      await page.carrier.next([PONG]);
      await wait(500);
      const at = visitor.ended ? "gone" : "still there";
      const beyond = await afterTime(1_000, ending, begin);
      clearInterval(alive);
      return [at, beyond];
    },
  },
];

/** Where the raw bytes behind a head begin. @param {object} head */
const prefixLength = (head) => prefix(head).length;

/** @param {Rig} rig @param {Claimant} key @param {Claimant} last whose the third one is @returns {Promise<[string, string]>} */
async function threeNames(rig, key, last) {
  const page = await rig.page();
  const answers = [];
  for (const [name, owner] of /** @type {[string, Claimant][]} */ ([["one", key], ["two", key], ["three", last]]))
    answers.push(await listen(page, name, owner.of(page, name)));
  return [`${answers[0]} ${answers[1]}`, answers[2]];
}

/** @param {Rig} rig @param {string} name */
async function metric(rig, name) {
  const text = await rig.metrics();
  return Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1] ?? NaN);
}
