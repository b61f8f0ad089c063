// A live session with many streams is moved from carrier to carrier while it is cut: who waits how long, and whether every byte arrives.

import { createHash, randomBytes } from "node:crypto";
import { dial } from "./tcp.js";

/** What a session is moved through, and what it then says that carries it. */
export const WAYS = [
  ["websocket", "websocket"],
  ["http-poll", "http"],
  ["webtransport", "webtransport"],
  ["websocket", "websocket"],
  ["http", "http"],
];

/**
 * @param {import("./carriers.js").CarriedPage} page carried by the first of the ways
 * @param {object} options
 * @param {number} options.bytes in each direction, over all streams
 * @param {number} options.streams
 * @param {string[][]} options.ways
 * @param {() => number} options.random below 1
 * @param {(way: string) => void} options.cut breaks the path somehow
 * @param {number} options.calm milliseconds between two cuts, on the average
 */
export async function move(page, { bytes, streams, ways, random, cut, calm }) {
  const place = await page.serve("echo");
  const share = Math.floor(bytes / streams);
  let came = 0;
  let cuts = 0;
  let way = ways[0][0];
  const failures = [];
  let slowest = 0;
  // Each way has its share of every stream, which nobody says before it is in place: none could be left with nothing to carry, however long it took.
  let open = 1;
  let next = signal();

  const talks = Array.from({ length: streams }, async (_, i) => {
    const socket = await dial(place);
    let last = performance.now();
    const [sent, got] = [createHash("sha256"), createHash("sha256")];
    const heard = (async () => {
      for await (const chunk of socket) {
        slowest = Math.max(slowest, performance.now() - last);
        last = performance.now();
        got.update(chunk);
        came += chunk.length;
      }
    })();
    const block = randomBytes(65_536);
    const said = (async () => {
      for (let left = share; left > 0; ) {
        while (!failures.length && share - left >= (share * open) / ways.length) await next.comes;
        block.writeUInt32BE(left, 0);
        const part = Buffer.from(block.subarray(0, Math.min(left, block.length)));
        sent.update(part);
        left -= part.length;
        if (!socket.write(part)) await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
      }
      socket.end();
    })();
    try {
      await Promise.all([heard, said]);
      if (got.digest("hex") !== sent.digest("hex")) failures.push(`stream ${i}: other bytes came back`);
    } catch (error) {
      failures.push(`stream ${i}: ${error.code ?? error}`);
    }
    // There is no waiting for the share of one that failed.
    if (failures.length) next.come();
  });
  let isOver = false;
  const all = Promise.all(talks).then(() => (isOver = true));

  const carried = [];
  const cutting = (async () => {
    while (!isOver) {
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, calm * 2 * random()))]);
      if (!isOver) cut(way), cuts++;
    }
  })();
  for (const [at, [name, carrier]] of ways.entries()) {
    const from = came;
    const begin = performance.now();
    if (at) {
      const { changes } = await page.ask("state");
      await page.ask("force", [name]);
      await page.ask("until", { carrier, changes: changes.length });
      // Not before: QUIC believes in no new address until its handshake is over, and on a busy machine there would be one too many in each.
      way = name;
      open = at + 1;
      next.come();
      next = signal();
    }
    const moved = Math.round(performance.now() - begin);
    const least = (bytes * (at + 1)) / (ways.length + 1);
    while (!isOver && came < least) await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 50))]);
    carried.push({ way: name, carrier: (await page.ask("state")).carrier, moved_ms: moved, bytes: came - from, ms: Math.round(performance.now() - begin) });
  }
  await Promise.all([all, cutting]);
  const { changes } = await page.ask("state");
  return { came, cuts, slowest: Math.round(slowest), failures, carried, changes };
}

/** Something that comes once. */
function signal() {
  let come = () => {};
  const comes = new Promise((resolve) => (come = () => resolve(undefined)));
  return { comes, come };
}
