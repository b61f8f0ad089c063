// Every limit of the configuration at n and n + 1, over the wire. The list is the program's own: a limit without a case fails.

import { CASES, limits, pressAll } from "../browser/limits/index.js";
import { fact, table } from "./facts.mjs";

const failures = [];
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => {
  if (!holds) failures.push(words), console.log(`FAILED ${words}`);
};

const known = limits();
const cases = new Set(CASES.map(({ limit }) => limit));
for (const { limit } of known) must(cases.has(limit), `${limit} has no case`);
for (const limit of cases) must(known.some((one) => one.limit === limit), `${limit} is no limit`);
must(CASES.length === cases.size, "a limit has two cases");

const rows = [];
let right = 0;
await pressAll(({ limit, n, expected }, [at, beyond]) => {
  rows.push([limit, n, at, beyond]);
  right += Number(at === expected[0] && beyond === expected[1]);
  must(at === expected[0], `${limit} at ${n}: ${at}, not ${expected[0]}`);
  must(beyond === expected[1], `${limit} beyond ${n}: ${beyond}, not ${expected[1]}`);
});
rows.sort(([a], [b]) => (a < b ? -1 : 1));
table(["limit", "n", "at n", "beyond"], rows);
fact({ limits: known.length, cases: cases.size, as_documented: right });
if (failures.length) {
  console.log(`${failures.length} of what has to be seen was not`);
  process.exit(1);
}
