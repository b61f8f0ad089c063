/**
 * Strict JSON objects (spec/protocol.md §2): what JSON.parse lets through is refused here where two readers could differ.
 *
 * Must never accept duplicate keys, lone surrogates, or numbers that are no numbers to others.
 */

import { fail } from "./errors.js";
import { utf8 } from "./frames.js";

/** How deep objects and lists may be nested, the outermost counted. */
const DEPTH = 8;

/** In text that JSON.parse takes: a string, with the colon that makes it a key; a bracket; a number. */
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|([[{])|[\]}]|-?\d[\d.eE+-]*/g;

/** @typedef {Record<string, unknown>} Json */

/**
 * Numbers with a fraction or an exponent become strings, so that nothing takes them for the integers of the protocol.
 * @param {Uint8Array} bytes
 * @param {number} code what to fail with
 * @returns {Json}
 */
export function parse(bytes, code) {
  const text = utf8(bytes, code);
  /** The keys of each object that is open, the innermost first. @type {Set<string>[]} */
  const open = [];
  try {
    JSON.parse(text);
    const strict = text.replace(TOKENS, (token, string, colon, opening) => {
      let broken;
      if (string) {
        const value = JSON.parse(string);
        broken = /\p{Cs}/u.test(value) || (colon && open[0].size === open[0].add(value).size);
      } else if (opening) broken = open.unshift(new Set()) > DEPTH;
      else if (/\d/.test(token)) {
        broken = !isFinite(+token);
        if (/[.eE]|^-0/.test(token)) token = `"${token}"`;
      } else open.shift();
      return broken ? "" : token;
    });
    return /^\s*{/.test(text) ? JSON.parse(strict) : fail(code);
  } catch {
    return fail(code);
  }
}

/**
 * Whether an object has these keys: a string that matches, or an integer within bounds.
 * @param {any} object
 * @param {Record<string, RegExp | [min: number, max?: number]>} rules
 */
export const fits = (object, rules) =>
  Object.entries(rules).every(([key, rule]) => {
    const value = object[key];
    return rule instanceof RegExp
      ? typeof value === "string" && rule.test(value)
      : Number.isSafeInteger(value) && value >= rule[0] && value <= (rule[1] ?? value);
  });
