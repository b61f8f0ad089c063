/**
 * Integers of the wire: QUIC variable-length integers (RFC 9000 §16).
 *
 * Must never hand out an integer that a JavaScript number does not hold exactly without saying so: above MAX it is wrong.
 */

/** The largest integer of the wire. */
export const MAX = Number.MAX_SAFE_INTEGER;

/** Each value in its shortest form, one after the other. @param {number[]} values */
export function ints(...values) {
  /** @type {number[]} */
  const out = [];
  for (let value of values) {
    const power = value < 64 ? 0 : value < 16384 ? 1 : value < 2 ** 30 ? 2 : 3;
    const at = out.length;
    for (let i = 1 << power; i--; value = Math.floor(value / 256)) out[at + i] = value % 256;
    out[at] |= power << 6;
  }
  return out;
}

/**
 * The integer at a position, and the position behind it. Where the bytes end it is NaN, or the position is behind the end.
 * @param {ArrayLike<number>} bytes
 * @param {number} at
 */
export function peekInt(bytes, at) {
  let value = bytes[at] & 63;
  for (let rest = 1 << (bytes[at++] >> 6); --rest; ) value = value * 256 + bytes[at++];
  return [value, at];
}
