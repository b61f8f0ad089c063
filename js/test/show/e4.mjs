// Forbidden destinations: refused before a packet leaves, also where everything is allowed by a wildcard; names whose owner means harm, a thousand times; redirects.

import { execFileSync } from "node:child_process";
import { inNamespace } from "../browser/forbidden/namespace.js";
import { overlooked, summary } from "../browser/forbidden/verdict.js";
import { fact } from "./facts.mjs";

const TRIES = 1_000;
fact({ kernel: execFileSync("uname", ["-r"], { encoding: "utf8" }).trim(), nft: execFileSync("nft", ["--version"], { encoding: "utf8" }).trim() });
/** @type {any[]} */
const lines = [];
await inNamespace("inside.js", [`${TRIES}`], (line) => {
  lines.push(line);
  fact(Object.fromEntries(Object.entries(line).map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : value])));
});
const { wrong, whole, ...seen } = summary(lines);
const missed = overlooked(lines);
fact({ ...seen, wrong: wrong.length, spoilt: lines.length, spoilt_and_not_noticed: missed });
process.exit(whole && !wrong.length && !missed && seen.hosts >= 60 && seen.packets === 0 && seen.tries >= TRIES && seen.toOwnNetwork === 0 ? 0 : 1);
