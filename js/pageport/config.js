/**
 * What applies to the whole realm.
 *
 * Must never be read before it is needed: a page configures after it has imported.
 */

import { INVALID_ARGUMENT } from "./codes.js";
import { fail } from "./errors.js";

/**
 * @typedef {object} Configuration
 * @property {string} [gateway] an http(s) URL; by default the origin that this module was loaded from
 * @property {typeof WebSocket} [WebSocket] where the runtime has none of its own (Node before 22: package `ws`)
 * @property {string} [credential] for gateways that ask for one
 * @property {("webtransport" | "websocket" | "http" | "http-poll")[]} [carriers] only these are used, the best first, from now on also
 *   by sessions that are there; `http-poll` is `http` without streaming. By default `websocket` and `http`
 */

/** @type {Configuration} */
export const configuration = {};

/** Who has to know of a change at once. @type {Set<() => void>} */
export const watchers = new Set();

/** Sets what is given; applies to sessions that begin afterwards, `carriers` to all. @param {Configuration} options */
export function configure(options) {
  Object.assign(configuration, options);
  watchers.forEach((changed) => changed());
}

/** The origin of a gateway. @param {string} [gateway] */
export function originOf(gateway = configuration.gateway ?? import.meta.url) {
  const { origin } = new URL(gateway);
  return /^http/.test(origin) ? origin : fail(INVALID_ARGUMENT, "no gateway");
}
