/** The session against itself, over a network that breaks anywhere: no byte lost, doubled or reordered, nothing hangs or leaks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "./random.js";
import { World } from "./session-world.js";

/** PAGEPORT_SEED=7 runs one seed only, PAGEPORT_SEEDS=5000 more of them. */
const ONLY = Number(process.env.PAGEPORT_SEED ?? 0);
const SEEDS = Number(process.env.PAGEPORT_SEEDS ?? 300);

/** @typedef {ConstructorParameters<typeof World>[1]} Options */

/** @param {string} name @param {Options} options @param {number} share of the seeds */
function sweep(name, options, share) {
  test(name, () => {
    const seeds = Math.ceil(SEEDS * share);
    let cuts = 0;
    let attaches = 0;
    let moved = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      if (ONLY && seed !== ONLY) continue;
      const world = new World(new Random(seed), options);
      assert.deepEqual(faultsOf(world), [], `PAGEPORT_SEED=${seed}`);
      cuts += world.cuts;
      attaches += world.gateway.attaches;
      moved += world.moved;
    }
    console.log(`${name}: ${seeds} seeds, ${cuts} cuts, ${attaches} attaches, ${moved} moves`);
    assert.ok(ONLY || !options.moveOnceIn || moved > seeds, "nothing moved");
    assert.ok(ONLY || (cuts > seeds && attaches > seeds), "the network was too good");
  });
}

/** @param {World} world */
function faultsOf(world) {
  try {
    return world.run().slice(0, 3);
  } catch (error) {
    return [error.stack];
  }
}

sweep("thirty streams over a network that breaks", {}, 0.4);
sweep("cuts in the middle of nearly everything", { cutOnceIn: 15, bytes: 5000 }, 0.2);
sweep("as many streams as the peer takes, and no more", { limits: { streams: 2 }, bytes: 3000 }, 0.1);
sweep("hardly any memory", { limits: { unreceived: 65_536, initial: 1024 }, budget: 20_000, bytes: 60_000, streams: 12 }, 0.1);
sweep("a gateway that goes away", { goAway: true }, 0.2);
sweep("moves while the carrier before still serves", { moveOnceIn: 60 }, 0.3);
sweep("moves all the time, over a network that breaks all the time", { moveOnceIn: 20, cutOnceIn: 60, bytes: 8000 }, 0.2);

/** What a session must notice, so that the sweeps above mean something. @type {Record<string, (world: World) => (message: Uint8Array) => Uint8Array | undefined>} */
const TAMPERING = {
  "loses one message": (world) => once(world, () => undefined),
  "flips a byte": (world) => once(world, (message) => message.with(message.length - 1, message[message.length - 1] ^ 1)),
  "cuts a message short": (world) => once(world, (message) => message.subarray(0, -1)),
};

for (const [name, tamper] of Object.entries(TAMPERING)) {
  test(`a network that ${name} is noticed`, () => {
    let noticed = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(new Random(seed), { cutOnceIn: 1e9, bytes: 20_000, steps: 1500 });
      world.tamper = tamper(world);
      noticed += faultsOf(world).length ? 1 : 0;
    }
    console.log(`${name}: noticed in ${noticed} of 20 runs`);
    // What was on its way to a reader who had stopped is rightly ignored.
    assert.ok(noticed >= 10, `noticed in ${noticed} of 20 runs`);
  });
}

/** Tampers with one large message. @param {World} world @param {(message: Uint8Array) => Uint8Array | undefined} how */
function once(world, how) {
  let left = 1;
  return (/** @type {Uint8Array} */ message) => (message.length > 2000 && world.random.onceIn(3) && left-- > 0 ? how(message) : message);
}
