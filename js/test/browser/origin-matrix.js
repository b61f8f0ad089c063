// All doors with all origins: who comes in, and whether anybody was asked or reached before that was decided.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { workDirectory } from "../proxies/daemon.js";
import { BARREN, CARRIERS, DIALECTS, NATIVE } from "./origin-doors.js";
import { ALLOWED, BASE } from "./origin-vectors.js";

/** @typedef {import("./origin-doors.js").Place} Place */

export const TOKEN = "a-token-for-tests";
export const DOORS = { ...CARRIERS, ...DIALECTS };
export const REFUSED = "403 ERR_ORIGIN_FORBIDDEN";

/**
 * A gateway that lets these origins and one token reach these targets, in every dialect.
 * @param {{ host: string, port: number }[]} targets the first one has a public name, too
 * @param {{ origins?: string[], dns?: string[], base?: string }} [options]
 */
export function configOf(targets, { origins = [ALLOWED], dns = [], base = BASE } = {}) {
  return `listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
base = "${base}"
dns = ${JSON.stringify(dns)}
[link]
origins = ${JSON.stringify(origins)}
[dialects]
tcp = true
websockify = true
upgrade = true
wisp = true
[websockify]
targets = "${aliases(targets[0])}"
[[token]]
name = "program"
sha256 = "${createHash("sha256").update(TOKEN).digest("hex")}"
may = ["listen", "connect"]
${targets.map(({ host, port }) => `[[allow]]\nto = "${host}:${port}"\nprotocol = "tcp"\n`).join("")}`;
}

/** The file that gives a target a public name. @param {{ host: string, port: number }} target */
export function aliases({ host, port }) {
  const file = join(workDirectory("aliases"), "targets");
  writeFileSync(file, `target: ${host}:${port}\n`);
  return file;
}

/** @param {import("./gateway.js").Gateway} gateway @param {{ host: string, port: number }} target @returns {Place} */
export const placeOf = ({ port }, { host, port: at }) => ({ url: `http://127.0.0.1:${port}`, host: `${BASE}:${port}`, target: { host, port: at } });

/**
 * Every door with every one of these origins; what was said otherwise than expected.
 * @param {Place} place @param {Record<string, string | string[]>} origins @param {Record<string, import("./origin-doors.js").Door>} [doors]
 * @param {(string | undefined)[]} [tokens] where somebody shows a good credential, too, the origin is no better
 */
export async function refusals(place, origins, doors = DOORS, tokens = [undefined, TOKEN]) {
  const faults = [];
  let tried = 0;
  for (const [name, door] of Object.entries(doors)) {
    for (const [what, origin] of Object.entries(origins)) {
      // HTTP/2 of Node's sends no field twice.
      if (Array.isArray(origin) && name.includes("HTTP/2")) continue;
      for (const token of tokens) {
        tried++;
        const said = await door(place, { origin, token });
        if (said !== REFUSED) faults.push(`${name}, ${what}${token ? ", with a token" : ""}: ${said}`);
      }
    }
  }
  return { tried, faults };
}

/** Every door without an origin, or with what lets in; in words. @param {Place} place @param {Record<string, import("./origin-doors.js").Door>} [doors] */
export async function admissions(place, doors = DOORS) {
  /** @type {Record<string, Record<string, string>>} */
  const rows = {};
  for (const [name, door] of Object.entries(doors)) {
    rows[name] = {
      nobody: await door(place, {}),
      "a wrong token": await door(place, { token: "wrong" }),
      "the allowed origin": await door(place, { origin: ALLOWED }),
      "the token": await door(place, { token: TOKEN }),
    };
  }
  return rows;
}

/** What that has to be. @param {string} name */
export function expected(name) {
  const isDialect = name in DIALECTS;
  const barren = name === "http, close" ? "204" : "200";
  const reached = BARREN.includes(name) ? barren : "reached";
  return {
    nobody: isDialect ? "401 ERR_CREDENTIAL_REQUIRED" : BARREN.includes(name) ? barren : "CLOSE ERR_CREDENTIAL_REQUIRED",
    "a wrong token": "401 ERR_CREDENTIAL_INVALID",
    "the allowed origin": NATIVE.includes(name) ? REFUSED : reached,
    "the token": reached,
  };
}
