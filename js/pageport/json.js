/**
 * Strict JSON objects (spec/protocol.md §2): what JSON.parse lets through is refused here where two readers could differ.
 *
 * Must never accept duplicate keys, lone surrogates, or numbers that are no numbers to others.
 */

import { fail } from "./errors.js";
import { utf8 } from "./frames.js";
import { DEPTH } from "./limits.js";

/** In text that JSON.parse takes: a string, with the colon that makes it a key; a bracket; a number. */
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|([[{])|[\]}]|-?\d[\d.eE+-]*/g;

/** @typedef {Record<string, unknown>} Json */

/**
 * Numbers with a fraction or an exponent become null, so that nothing takes them for the integers of the protocol.
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
        if (/[.eE]|^-0/.test(token)) token = "null";
      } else open.shift();
      return broken ? "!" : token;
    });
    return /^\s*{/.test(text) ? JSON.parse(strict) : fail(code);
  } catch {
    return fail(code);
  }
}

/** What a value has to be: a string that matches, an integer within bounds, or what a function says. @typedef {RegExp | [min: number, max?: number] | ((value: any) => unknown)} Rule */

/** @param {any} value @param {any} rule @returns {unknown} */
const obeys = (value, rule) =>
  rule.test
    ? value === value + "" && rule.test(value)
    : rule.call
      ? rule(value)
      : Number.isSafeInteger(value) && value >= rule[0] && value <= (rule[1] ?? value);

/** The rule for a key that may be absent. @param {Rule} rule @returns {Rule} */
export const maybe = (rule) => (value) => value === undefined || obeys(value, rule);

/** The rule for a list. @param {Rule} rule @param {number} most @returns {Rule} */
export const list = (rule, most) => (value) =>
  Array.isArray(value) && value.length <= most && value.every((item) => obeys(item, rule));

/**
 * Those keys of an object that rules are given for.
 * @param {any} object
 * @param {number} code what to fail with
 * @param {Record<string, Rule>} rules
 * @returns {any}
 */
export function check(object, code, rules) {
  /** @type {any} */
  const checked = {};
  for (const key in rules) checked[key] = obeys(object[key], rules[key]) ? object[key] : fail(code);
  return checked;
}
