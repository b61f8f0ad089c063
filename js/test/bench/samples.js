// What several rounds have measured: medians, ranges, and in which order a round visits whom.

/** Sorted ones are as good. @param {number[]} values @param {number} share of the values below it */
export const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];

/** The one in the middle, or between the two there. @param {number[]} values */
export function at50(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}

/** @param {number[]} values */
export const spread = (values) => ({ median: at50(values), least: Math.min(...values), most: Math.max(...values) });

/** Each round begins with another one. @template T @param {T[]} list @param {number} by @returns {T[]} */
export const turned = (list, by) => list.map((_, index) => list[(index + by) % list.length]);
