// Every limit of the configuration, pressed from outside. Which there are is what `pageport config print` says: one without a case
// here is a failure.

import { execFileSync } from "node:child_process";
import { CONNECTING } from "./connecting.js";
import { DIALECTS } from "./dialects.js";
import { DOOR } from "./door.js";
import { HTTP2 } from "./http2.js";
import { REQUESTS } from "./requests.js";
import { Rig } from "./rig.js";
import { SESSIONS } from "./sessions.js";
import { VISITORS } from "./visitors.js";
import { WEBTRANSPORT } from "./webtransport.js";

/** @typedef {import("./rig.js").Case} Case */
/** @typedef {{ limit: string, value: string, range: string }} Limit */

/** @type {Case[]} */
export const CASES = [...CONNECTING, ...DIALECTS, ...DOOR, ...HTTP2, ...REQUESTS, ...SESSIONS, ...VISITORS, ...WEBTRANSPORT];

// Every gateway takes its files away when this process ends.
process.setMaxListeners(0);

/** All limits, from the program's own definition. @returns {Limit[]} */
export function limits() {
  const printed = execFileSync(process.env.PAGEPORT_BIN ?? "", ["config", "print"], { encoding: "utf8" });
  const section = printed.split("\n[limits]\n")[1].split("\n\n")[0];
  return [...section.matchAll(/^# .* (\S+ to \S+)\.\n(\w+) = "?([^"\n]+)"?$/gm)].map(([, range, limit, value]) => ({ limit, value, range }));
}

/** What is seen of one limit. @param {Case} test @returns {Promise<[at: string, beyond: string]>} */
export async function press(test) {
  const rig = await Rig.start(test);
  try {
    return await test.run(rig);
  } catch (error) {
    return [`${error}`, rig.gateway.log().slice(-500)];
  } finally {
    await rig.stop();
  }
}

/** Some at a time. @param {(test: Case, seen: [string, string]) => void} report */
export async function pressAll(report, together = 4) {
  // Those that take long first, so that nothing waits for one of them alone.
  const long = ["session_receive", "memory", "h2_idle", "port_accept_rate"];
  const left = [...CASES].sort((a, b) => Number(long.includes(b.limit)) - Number(long.includes(a.limit)));
  const one = async () => {
    for (let test = left.shift(); test; test = left.shift()) report(test, await press(test));
  };
  await Promise.all(Array.from({ length: together }, one));
}
