/**
 * What was taken out of a stream and that nobody has asked for yet: for whoever has to know that nothing is left.
 *
 * Must never keep a stream alive.
 */

/** @type {WeakMap<ReadableStream, () => number>} */
const readers = new WeakMap();

/** @param {ReadableStream} readable @param {() => number} bytes how many are held */
export const holds = (readable, bytes) => void readers.set(readable, bytes);

/** In bytes. @param {ReadableStream} readable */
export const heldOf = (readable) => readers.get(readable)?.() ?? 0;
