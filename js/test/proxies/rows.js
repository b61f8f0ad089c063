// The ways that are tried: each is a proxy, a gateway behind it, and what is known of the two.

import { apacheForward, privoxy, squid, tinyproxy } from "./forward.js";
import { habitProxy, withoutUdp } from "./habits.js";
import { apacheReverse, apacheUpgrade, haproxy, nginx, nginxBuffering, nginxUpgrade } from "./reverse.js";

/** @typedef {import("./daemon.js").Proxy} Proxy */
/**
 * @typedef {object} Row
 * @property {string} name
 * @property {"plain" | "tls"} gateway `tls`: at port 443, where every proxy makes tunnels to
 * @property {(target: number) => Promise<Proxy>} start
 * @property {number} [quietMs] how long nothing is said before it has to work still
 */

/** Debian's, as they come. @type {Row[]} */
export const INSTALLED = [
  ...[squid, tinyproxy, privoxy, apacheForward].flatMap((start) => [
    { name: `${start.name}, http gateway`, gateway: /** @type {const} */ ("plain"), start },
    { name: `${start.name}, https gateway`, gateway: /** @type {const} */ ("tls"), start },
  ]),
  { name: "apache2 reverse", gateway: "plain", start: apacheReverse },
  { name: "apache2 reverse, upgrade=ANY", gateway: "plain", start: apacheUpgrade },
  { name: "nginx", gateway: "plain", start: nginx },
  { name: "nginx, buffering", gateway: "plain", start: nginxBuffering },
  { name: "nginx, upgrade", gateway: "plain", start: nginxUpgrade },
  { name: "haproxy", gateway: "plain", start: haproxy },
];

/**
 * Ours, with habits.
 * @param {string} binary the built `habit-proxy`
 * @param {string} relay the built `impairment-relay`
 * @returns {Row[]}
 */
export const habits = (binary, relay) => [
  { name: "UDP blocked", gateway: "plain", start: (target) => withoutUdp(relay, target) },
  { name: "CONNECT only", gateway: "tls", start: () => habitProxy(binary, "CONNECT only", ["only-tunnels"]) },
  { name: "no CONNECT, holds 64 KiB", gateway: "plain", start: () => habitProxy(binary, "no CONNECT, holds 64 KiB", ["no-tunnels", "holds=65536"]) },
  { name: "cuts after 20 s idle", gateway: "plain", quietMs: 45_000, start: () => habitProxy(binary, "cuts after 20 s idle", ["idle=20"]) },
  {
    name: "no CONNECT, cuts after 20 s idle",
    gateway: "plain",
    quietMs: 45_000,
    start: () => habitProxy(binary, "no CONNECT, cuts after 20 s idle", ["no-tunnels", "idle=20"]),
  },
];
