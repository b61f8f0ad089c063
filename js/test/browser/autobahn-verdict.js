// What of the Autobahn test suite is run, and what counts as passed. It must never let a case go missing: a suite that
// lost a case, or a run that ended early, is a failure like any other.

/**
 * What the fuzzing client writes down: `behavior` and `result` about the messages, the other two about the end.
 * @typedef {{ id: string, behavior: string, behaviorClose: string, result: string, resultClose: string, ms: number }
 *   } Result
 * @typedef {{ versions: Record<string, string>, planned: string[], results: Result[], errors: string[] }} Summary
 */

/** Everything that applies to a server without compression (12 and 13). There is no group 8 or 11. */
export const GROUPS = { 1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1 };

/** The same without the large messages (9). */
export const SMALL_GROUPS = { 1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 10: 1 };

/** Of every group what is most unlike the rest; among them 16 MiB in one frame, and 4 MiB in 65,536. */
export const SAMPLE = [
  "1.1.1", "1.1.8", "1.2.7",
  "2.4", "2.5", "2.10",
  "3.2", "3.7",
  "4.1.3", "4.2.3",
  "5.2", "5.8", "5.15", "5.18", "5.20",
  "6.1.3", "6.2.4", "6.3.2", "6.4.2", "6.6.5", "6.20.1",
  "7.1.3", "7.3.2", "7.3.5", "7.5.1", "7.7.3", "7.9.5",
  "9.2.6", "9.3.1", "9.5.6",
  "10.1.1",
];

export const SMALL_SAMPLE = ["1.1.7", "2.6", "5.6", "6.4.4"];

/** For our client: the controls are cases too. */
export const CLIENT_SAMPLE = ["1.1.7", "1.2.7", "2.5", "3.4", "4.1.3", "5.8", "5.18", "6.4.2", "6.6.5", "7.1.3", "7.3.5", "7.5.1", "7.7.3", "7.9.5", "9.1.3", "9.3.1", "10.1.1"];

const ACCEPTED = ["OK", "NON-STRICT", "INFORMATIONAL"];

/** Patterns that the suite understands. @param {Record<string, number> | string[]} wanted */
export function patterns(wanted) {
  return Array.isArray(wanted) ? wanted : Object.keys(wanted).map((group) => `${group}.*`);
}

/**
 * What is wrong with a run; nothing if it passed.
 * @param {Summary} summary
 * @param {Record<string, number> | string[]} wanted how many cases of each group, or which cases
 * @returns {string[]}
 */
export function faults({ planned, results, errors }, wanted) {
  const ran = results.map(({ id }) => id);
  const counted = perGroup(ran);
  const expected = Array.isArray(wanted) ? perGroup(wanted) : wanted;
  return [
    ...Object.keys({ ...expected, ...counted })
      .filter((group) => counted[group] !== expected[group])
      .map((group) => `group ${group}: ${counted[group] ?? 0} cases were run, not ${expected[group] ?? 0}`),
    ...(Array.isArray(wanted) ? wanted : planned).filter((id) => !ran.includes(id)).map((id) => `${id}: was not run`),
    ...ran.filter((id, at) => ran.indexOf(id) !== at).map((id) => `${id}: was run twice`),
    ...results.filter((r) => !ACCEPTED.includes(r.behavior)).map((r) => `${r.id}: ${r.behavior}: ${r.result}`),
    ...results
      .filter((r) => !ACCEPTED.includes(r.behaviorClose))
      .map((r) => `${r.id}: close: ${r.behaviorClose}: ${r.resultClose}`),
    ...errors.map((error) => `in the suite: ${error}`),
  ];
}

/** How often there was which outcome, of both kinds together where they agree. @param {Result[]} results */
export function outcomes(results) {
  return tally(results.map((r) => (r.behavior === r.behaviorClose ? r.behavior : `${r.behavior}/${r.behaviorClose}`)));
}

/** @param {string[]} ids @returns {Record<string, number>} */
export function perGroup(ids) {
  return tally(ids.map((id) => id.split(".")[0]));
}

/** Counts in a word, for one line. @param {Record<string, unknown>} counts */
export function list(counts) {
  return Object.entries(counts).map(([key, value]) => `${key}:${value}`).join(",");
}

/** @param {string[]} words */
function tally(words) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
