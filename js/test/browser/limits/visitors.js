// Limits of visitors, by name and by port.

import { farewell } from "../wire.js";
import { accept, afterTime, SLACK_MS, visitOn, wait } from "./rig.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {import("./rig.js").Rig} Rig */

const TCP = "[tcp]\nports = \"PORT\"";
const READY = { ok: true };

/** A page at the one public port. @param {Rig} rig */
async function atPort(rig) {
  const page = await rig.page();
  const reply = await page.ask(1, { listen: "tcp" });
  if (reply.port !== rig.ports) throw new Error(`no port but ${JSON.stringify(reply)}`);
  return page;
}

/** Whether a connection at a port is let in, when its page lets everybody in. @param {import("./rig.js").Peer} peer */
const reset = async (peer, ms = SLACK_MS) => ((await peer.until(() => peer.ended, ms)) ? "reset" : "open");

/** @type {Case[]} */
export const VISITORS = [
  {
    limit: "accept_timeout",
    n: "800ms",
    expected: ["101", "504 ERR_ACCEPT_TIMEOUT"],
    async run(rig) {
      const { page, name } = await rig.listener();
      const intime = await rig.knock(name);
      await visitOn(page, 2);
      const begin = performance.now();
      const late = await rig.knock(name);
      await visitOn(page, 4);
      await wait(300);
      accept(page, 2);
      return [await intime.answer(), await afterTime(800, late.answer(), begin)];
    },
  },
  {
    limit: "parked_wait",
    n: "1s",
    expected: ["101", "503 ERR_LISTENER_AWAY"],
    async run(rig) {
      const { page, name } = await rig.listener();
      const away = async () => {
        page.carrier.drop();
        // Who comes before the gateway knows waits for an answer instead.
        while (!/\{state="parked"\} 1/.test(await rig.metrics())) await wait(20);
      };
      await away();
      const intime = await rig.knock(name);
      await wait(300);
      const entries = [[1, page.received(1).length, 4_096]];
      await rig.again(page, { entries });
      await visitOn(page, 2);
      accept(page, 2);
      const at = await intime.answer();
      await away();
      const begin = performance.now();
      const late = await rig.knock(name);
      return [at, await afterTime(1_000, late.answer(), begin)];
    },
  },
  {
    limit: "port_connections",
    n: 2,
    config: TCP,
    expected: ["open open", "reset"],
    async run(rig) {
      const page = await atPort(rig);
      const peers = [];
      for (const stream of [2, 4]) {
        peers.push(await rig.connect(rig.ports));
        await visitOn(page, stream);
        accept(page, stream, READY);
      }
      const third = await rig.connect(rig.ports);
      const beyond = await reset(third);
      return [`${await reset(peers[0], 0)} ${await reset(peers[1], 0)}`, beyond];
    },
  },
  {
    limit: "port_accept_queue",
    n: 2,
    config: TCP,
    expected: ["open open", "reset"],
    async run(rig) {
      const page = await atPort(rig);
      // The page answers nobody.
      const peers = [await rig.connect(rig.ports), await rig.connect(rig.ports)];
      await visitOn(page, 4);
      const third = await rig.connect(rig.ports);
      const beyond = await reset(third);
      return [`${await reset(peers[0], 0)} ${await reset(peers[1], 0)}`, beyond];
    },
  },
  {
    limit: "port_accept_rate",
    n: 3,
    config: TCP,
    expected: ["3 at once", "reset, and later let in"],
    async run(rig) {
      await atPort(rig);
      const begin = performance.now();
      const peers = await Promise.all(Array.from({ length: 20 }, () => rig.connect(rig.ports)));
      const took = performance.now() - begin;
      await wait(500);
      const open = peers.filter((peer) => !peer.ended).length;
      // A slow machine lets in one more for each third of a second that passes.
      const most = 3 + Math.ceil((took * 3) / 1_000);
      await wait(1_100);
      const later = await rig.connect(rig.ports);
      const again = (await reset(later, 300)) === "open" ? "reset, and later let in" : "reset for good";
      return [open >= 3 && open <= most ? "3 at once" : `${open} in ${took} ms`, open < 20 ? again : "never reset"];
    },
  },
  {
    limit: "port_rest",
    n: "1500ms",
    config: TCP,
    expected: ["ERR_PORT_UNAVAILABLE", "given to another"],
    async run(rig) {
      const page = await atPort(rig);
      const other = await rig.page();
      page.send(farewell(0));
      await page.carrier.until((carrier) => carrier.ended);
      const begin = performance.now();
      await wait(300);
      const at = (await other.ask(1, { listen: "tcp" })).error;
      await wait(1_500 + 300 - (performance.now() - begin));
      const reply = await other.ask(3, { listen: "tcp" });
      return [at, reply.port === rig.ports ? "given to another" : JSON.stringify(reply)];
    },
  },
];
