/**
 * The one error class of the module.
 *
 * Must never carry a secret: messages end up in logs and on screens.
 */

import { ABORTED, nameOf, numberOf } from "./codes.js";

/** What every promise of the module rejects with. */
export class PageportError extends Error {
  /**
   * @param {number | string} code a number of the wire, or a name of spec/errors.md
   * @param {string} [message] for people; the code if there is nothing more to say
   */
  constructor(code, message) {
    const name = typeof code === "number" ? nameOf(code) : code;
    super(message || name);
    this.name = "PageportError";
    /** A name of spec/errors.md, or `ERR_<number>` for one that is not listed there. */
    this.code = name;
    /** What to do about it. */
    this.hint = `See ${name} in the list of error codes.`;
  }
}

/** @param {number} code @param {string} [message] @returns {never} */
export function fail(code, message) {
  throw new PageportError(code, message);
}

/** The number that says on the wire why an application ended something. @param {any} reason a number of 32 bits, an error, or anything @returns {number} */
export function codeOf(reason) {
  const code = reason >>> 0 === reason ? reason : numberOf(reason?.code);
  return code < 0 ? ABORTED : code;
}
