// What several rounds have measured: medians, ranges, and in which order a round visits whom.

/** Sorted ones are as good. @param {number[]} values @param {number} share of the values below it */
export const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];

/** @param {number[]} values */
export const at50 = (values) => quantile(values, 0.5);

/** @param {number[]} values */
export const spread = (values) => ({ median: at50(values), least: Math.min(...values), most: Math.max(...values) });

/** Each round begins with another one. @template T @param {T[]} list @param {number} by @returns {T[]} */
export const turned = (list, by) => list.map((_, index) => list[(index + by) % list.length]);
