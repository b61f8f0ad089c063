// Where a page's script spends its time, of a profile as Chromium takes it.

/** How many costs are told of. */
const COSTS = 3;

/** The largest ones, in percent of the time that the page was not idle. @typedef {{ idle_percent: number, costs: { percent: number, symbol: string }[] }} Costs */

/**
 * @param {{ nodes: any[], samples: number[], timeDeltas: number[] }} profile
 * @returns {Costs}
 */
export function costsOf({ nodes, samples, timeDeltas }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  /** @type {Map<string, number>} */
  const costs = new Map();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    costs.set(name, (costs.get(name) ?? 0) + timeDeltas[at]);
  }
  const all = [...costs.values()].reduce((sum, cost) => sum + cost, 0);
  const idle = costs.get("(idle)") ?? 0;
  for (const name of ["(idle)", "(root)"]) costs.delete(name);
  const largest = [...costs].sort(([, a], [, b]) => b - a).slice(0, COSTS);
  const percent = (/** @type {number} */ part, /** @type {number} */ whole) => Number(((part / whole) * 100).toFixed(1));
  return {
    idle_percent: percent(idle, all),
    costs: largest.map(([symbol, cost]) => ({ percent: percent(cost, all - idle), symbol })),
  };
}

/** @param {{ functionName: string, url: string, lineNumber: number }} frame */
function nameOf({ functionName, url, lineNumber }) {
  const file = url.split("/").at(-1);
  // What the engine says in brackets is no function, and what has no file is the browser's own.
  return file ? `${functionName || "(anonymous)"} ${file}:${lineNumber + 1}` : functionName;
}
