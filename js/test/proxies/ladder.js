// Paths from good to hardly bearable, and a client on each: what it sends comes through, and nothing that makes progress is taken for dead.

import { startImpairmentRelay } from "../browser/impairment-relay.js";
import { pageThrough, programThrough } from "./client.js";

/** How many bytes go both ways on each rung of the relay's ladder: some seconds' worth. */
export const BYTES = [16_777_216, 8_388_608, 2_097_152, 524_288, 262_144, 131_072];
/** Longer than the slowest of them takes in its stalls. */
const HANG_MS = 240_000;

/**
 * @param {object} scene
 * @param {number} scene.rung
 * @param {"page" | "program"} scene.client
 * @param {string} [scene.carrier] the only one to try
 * @param {import("./seen.js").Target} scene.target
 * @param {{ relay: string, probe: string }} scene.binaries
 * @param {number} scene.seed
 * @param {number} [scene.bytes]
 * @param {boolean} [scene.cut] the control: the path is cut half-way
 */
export async function climb({ rung, client: kind, carrier, target, binaries, seed, bytes = BYTES[rung], cut = false }) {
  const relay = await startImpairmentRelay(binaries.relay, target.port, seed);
  const { rung: path } = await relay.say(`rung ${rung}`);
  const begun = performance.now();
  const way = { base: relay.url, ...(carrier && { carrier }), hang: HANG_MS, udp: relay.port };
  try {
    const client = kind === "page" ? await pageThrough(way) : await programThrough(binaries.probe, { ...way, token: target.token, hash: target.hash });
    try {
      await client.visit(target, 1, HANG_MS);
      const usable_ms = Math.round(performance.now() - begun);
      const sent = performance.now();
      const visited = client.visit(target, bytes, HANG_MS);
      if (cut) await relay.say("cut reset");
      await visited;
      const seconds = (performance.now() - sent) / 1_000;
      const { tcp, udp, stalled } = await relay.say("counts");
      return {
        path,
        carrier: client.carrier,
        now: await client.carrierNow(),
        listening_ms: client.ms,
        usable_ms,
        bytes,
        seconds: seconds.toFixed(1),
        mbit: ((bytes * 8) / 1e6 / seconds).toFixed(2),
        losses: await client.losses(),
        through_relay: tcp.up + udp.up,
        connections: tcp.begun,
        stalled_s: stalled.map((/** @type {number} */ share) => share.toFixed(1)).join("/"),
      };
    } finally {
      await client.close();
    }
  } finally {
    await relay.stop();
  }
}
