// Runs cases of bad input against a gateway, next to a bystander that has to go on working, and says what was expected
// and what was seen. It must never let a case pass because nothing happened: no answer is an answer too.

import { attaching } from "./bad-attach.js";
import { carriers } from "./bad-carriers.js";
import { frames } from "./bad-frames.js";
import { requests } from "./bad-requests.js";
import { streams } from "./bad-streams.js";
import { visitors } from "./bad-visitors.js";

/** @typedef {import("./bad-frames.js").Case} Case */
/**
 * @typedef {{ group: string, name: string, kind: string, expected: string, got: string, bystander: string, passed:
 *   boolean }} Result
 */

/** @type {Record<string, Case[]>} */
export const GROUPS = { frames, attaching, streams, carriers, requests, visitors };

/**
 * Every case that takes less than `within` milliseconds by its nature; those that take long run beside the others.
 * @param {import("./by-hand.js").World} world
 * @param {{ echo: () => Promise<string> }} bystander
 * @param {number} [within]
 * @returns {Promise<Result[]>}
 */
export async function runAll(world, bystander, within = Infinity) {
  const all = Object.entries(GROUPS).flatMap(([group, cases]) =>
    cases.flatMap((one) => one.kinds.map((kind) => ({ group, one, kind }))),
  );
  const wanted = all.filter(({ one }) => (one.ms ?? 0) < within);
  const slow = wanted
    .filter(({ one }) => one.ms)
    .map(({ group, one, kind }) => runCase(group, one, kind, world, bystander));
  /** @type {Map<Case, Result[]>} */
  const results = new Map();
  for (const { group, one, kind } of wanted.filter(({ one }) => !one.ms)) {
    results.set(one, [...(results.get(one) ?? []), await runCase(group, one, kind, world, bystander)]);
  }
  return [...results.values()].flat().concat(await Promise.all(slow));
}

/**
 * @param {string} group
 * @param {Case} one
 * @param {import("./by-hand.js").Kind | "http"} kind
 * @returns {Promise<Result>}
 */
export async function runCase(group, one, kind, world, bystander) {
  const got = await one.run(world, /** @type {any} */ (kind)).catch((error) => `failed: ${error.message}`);
  const wrong = await bystander.echo();
  const { name, expected } = one;
  return { group, name, kind, expected, got, bystander: wrong || "echoes", passed: got === expected && !wrong };
}
