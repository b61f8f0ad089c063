/** Frames as bytes, for tests of the session: the counterpart of `decode`, which the module itself does not need whole. */

import { join, sizeOf } from "../pageport/frames.js";
import { ints } from "../pageport/varint.js";
import * as wire from "../pageport/wire.js";

/** @typedef {import("../pageport/frames.js").Frame} Frame */
/** @typedef {import("../pageport/frames.js").Part} Part */

/** A message of these frames. @param {...Frame} frames */
export const message = (...frames) => join(frames.flatMap(([type, ...fields]) => frame(type, ...payloadOf(type, fields))));

/** A frame of these bytes. @param {number} type @param {Part[]} payload @returns {Part[]} */
export const frame = (type, ...payload) => [ints(type, sizeOf(payload)), ...payload];

/** @param {unknown} object */
export const json = (object) => new TextEncoder().encode(JSON.stringify(object));

/** A head or reply as it begins a direction. @param {unknown} object */
export const prefix = (object) => join([ints(json(object).length), json(object)]);

/** @param {number} type @param {any[]} fields @returns {Part[]} */
function payloadOf(type, [a, b, c, d, e]) {
  switch (type) {
    case wire.RESUME:
      return [[a], ints(b), c.flatMap(entryOf)];
    case wire.DATA:
      return [ints(a, b), [c], d];
    case wire.ACK:
      return a.map((/** @type {number[]} */ entry) => ints(...entry));
    case wire.DETACH:
    case wire.CLOSE:
      return [ints(a), new TextEncoder().encode(b)];
    case wire.DATAGRAM:
      return [ints(a), b];
    case wire.RESET:
    case wire.STOP:
    case wire.GOAWAY:
      return [ints(...[a, b, c, d, e].filter((field) => field !== undefined))];
    default:
      return [a];
  }
}

/** @param {(number | undefined)[]} entry */
function entryOf([id, received, limit, code, final, stop]) {
  const signals = [code, final, stop].filter((field) => field !== undefined);
  const pending = (code === undefined ? 0 : 1) | (stop === undefined ? 0 : 2);
  return [...ints(id, received, limit), pending, ...ints(...signals)];
}
