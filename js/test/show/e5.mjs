// Who comes from another origin than the allowed one, or from none and without a credential, gets nothing done: by every carrier and every dialect, before
// a server is reached or a name is looked up. The same in `dev` and without a configuration, and for pages of listeners' origins in Chromium.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { startGateway } from "../browser/gateway.js";
import { BARREN } from "../browser/origin-doors.js";
import { admissions, configOf, DOORS, expected, placeOf, refusals } from "../browser/origin-matrix.js";
import { ALLOWED, BASE, FOREIGN, FOREIGN_IN_DEV } from "../browser/origin-vectors.js";
import { startSite } from "../browser/site.js";
import { BASES, trespassing } from "../browser/trespass.js";
import { startNames, startTarget } from "../servers/counted.js";
import { fact, table } from "./facts.mjs";

const { PAGEPORT_BIN, PROBE } = process.env;
if (!PAGEPORT_BIN || !PROBE) throw new Error("PAGEPORT_BIN or PROBE is not set");

const failures = [];
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => {
  if (!holds) failures.push(words), console.log(`FAILED ${words}`);
};

const [target, names, site] = await Promise.all([startTarget(), startNames(), startSite()]);
const named = { host: "target.names.test", port: target.port };
fact({ pageport: spawnSync(PAGEPORT_BIN, ["--version"], { encoding: "utf8" }).stdout.trim(), doors: Object.keys(DOORS).length, origins: Object.keys(FOREIGN).length, origins_in_dev: Object.keys(FOREIGN_IN_DEV).length });
try {
  await matrix("by address", target);
  await matrix("by name", named);
  await listed();
  await development();
  await webtransport();
  await unconfigured();
  for (const base of BASES) await listeners(base);
} finally {
  target.close();
  names.close();
  site.close();
}
if (failures.length) console.log(`${failures.length} of what has to be seen was not`);
process.exit(failures.length ? 1 : 0);

/** What `act` brings, and what it cost others. @template T @param {() => Promise<T>} act @returns {Promise<[T, { connections: number, questions: number }]>} */
async function counted(act) {
  const before = [target.connections(), names.questions.length];
  const result = await act();
  return [result, { connections: target.connections() - before[0], questions: names.questions.length - before[1] }];
}

/** @param {string} how @param {{ host: string, port: number }} wanted */
async function matrix(how, wanted) {
  const gateway = await startGateway({ config: configOf([wanted, target], { dns: [names.server] }) });
  const place = placeOf(gateway, wanted);
  // The control comes first: whoever may, is led there through the same doors.
  const [rows, led] = await counted(() => admissions(place));
  const isNamed = wanted !== target;
  table(["target " + how, "nobody", "a wrong token", "the allowed origin", "the token"], Object.entries(rows).map(([name, row]) => [name, ...Object.values(row)]));
  fact({ target: how, control: "the allowed origin, or the token", doors: Object.keys(rows).length, ...led });
  if (isNamed) {
    // Its address is nobody's, so the name server is as far as it comes.
    const asked = Object.keys(DOORS).length - BARREN.length;
    must(led.questions >= asked, `whoever may has the name looked up: ${led.questions} questions`);
    for (const [name, row] of Object.entries(rows)) for (const who of /** @type {const} */ (["nobody", "a wrong token"])) must(row[who] === expected(name)[who], `${name}, ${who}: ${row[who]}`);
  } else {
    for (const [name, row] of Object.entries(rows)) must(JSON.stringify(row) === JSON.stringify(expected(name)), `${name}: ${JSON.stringify(row)}`);
    must(led.connections === Object.values(rows).flatMap(Object.values).filter((said) => said === "reached").length, "each of them is one connection");
  }
  const [{ tried, faults }, cost] = await counted(() => refusals(place, FOREIGN));
  fact({ target: how, tried, refused: tried - faults.length, ...cost });
  for (const fault of faults) must(false, fault);
  must(tried > 1_000 && cost.connections === 0 && cost.questions === 0, `nobody was asked or reached: ${JSON.stringify(cost)}`);
  const [, nobody] = await counted(async () => {
    for (const door of Object.values(DOORS)) for (const token of [undefined, "wrong"]) await door(place, { token });
  });
  fact({ target: how, without: "an origin and a good credential", tried: 2 * Object.keys(DOORS).length, ...nobody });
  must(nobody.connections === 0 && nobody.questions === 0, "nor for nobody");
  await gateway.kill();
}

/** Listing a listener's origin does not help. */
async function listed() {
  const origins = [ALLOWED, FOREIGN["a listener's, and listed"]].map(String);
  const gateway = await startGateway({ config: configOf([target], { origins }) }).catch((/** @type {Error} */ error) => error);
  if (gateway instanceof Error) {
    const code = /ERR_\w+/.exec(gateway.message)?.[0];
    fact({ origins_that_list_a_listener: "the configuration is refused", code });
    must(code === "ERR_CONFIG_INVALID", "a configuration that lists a listener's origin is refused, or means nothing");
    return;
  }
  const [{ tried, faults }, cost] = await counted(() => refusals(placeOf(gateway, target), { listed: origins[1] }));
  fact({ origins_that_list_a_listener: "mean nothing", tried, refused: tried - faults.length, ...cost });
  must(faults.length === 0 && cost.connections === 0, `a listener's origin is not let in because it is listed: ${faults}`);
  await gateway.kill();
}

async function development() {
  const gateway = await startGateway({ args: ["--allow", `tcp://127.0.0.1:${target.port}`] });
  const place = { ...placeOf(gateway, target), host: `localhost:${gateway.port}` };
  const [{ tried, faults }, cost] = await counted(() => refusals(place, FOREIGN_IN_DEV, DOORS, [undefined]));
  fact({ gateway: "dev", tried, refused: tried - faults.length, ...cost });
  must(faults.length === 0 && cost.connections === 0, `dev: ${faults}`);
  const [said, control] = await counted(() => DOORS["/tcp by WebSocket"](place, { origin: "http://localhost:8080" }));
  fact({ gateway: "dev", control: "http://localhost:8080", said, ...control });
  must(said === "reached" && control.connections === 1, "a page of this machine reaches it");
  await gateway.kill();
}

/** By another implementation of WebTransport than the gateway's side has. */
async function webtransport() {
  const runtime = mkdtempSync(join(tmpdir(), "pageport-e5-"));
  const gateway = await startGateway({ args: ["--allow", `tcp://127.0.0.1:${target.port}`], env: { XDG_RUNTIME_DIR: runtime } });
  // Pages of this machine are allowed there, and fields have ASCII in them.
  const vectors = { ...FOREIGN, ...FOREIGN_IN_DEV };
  const origins = Object.entries(vectors).filter(([name, origin]) => typeof origin === "string" && /^[\x20-\x7e]*$/.test(origin) && !name.startsWith("this machine"));
  const ask = async (/** @type {(string | null)[]} */ origins) => {
    const env = { ...process.env, GATEWAY: `${gateway.url}/`, TOKEN: "none", PID: String(gateway.pid), ORIGINS: JSON.stringify(origins), TARGET: `127.0.0.1:${target.port}` };
    const child = spawn(/** @type {string} */ (PROBE), ["origins"], { env, stdio: ["ignore", "pipe", "inherit"] });
    const [out] = await Promise.all([text(child.stdout), once(child, "exit")]);
    for (const line of out.split("\n")) if (line.startsWith("fault")) console.log(line);
    return out.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).said);
  };
  const [said, cost] = await counted(() => ask(origins.map(([, origin]) => String(origin))));
  fact({ carrier: "webtransport", tried: said.length, refused: said.filter((status) => status === "403").length, ...cost });
  must(said.length === origins.length && said.every((status) => status === "403") && cost.connections === 0, `webtransport: ${said}`);
  const [[nobody, allowed], control] = await counted(() => ask([null, "http://localhost:8080"]));
  fact({ carrier: "webtransport", nobody, control: "http://localhost:8080", said: allowed, ...control });
  must(nobody === "CLOSE ERR_CREDENTIAL_REQUIRED" && allowed === "reached" && control.connections === 1, `webtransport: ${nobody}, ${allowed}`);
  await gateway.kill();
  rmSync(runtime, { recursive: true });
}

async function unconfigured() {
  const gateway = await startGateway({ command: ["gateway"], env: { PAGEPORT_LISTEN: "127.0.0.1:0", PAGEPORT_ADMIN: "127.0.0.1:0" } });
  const place = { ...placeOf(gateway, target), host: `localhost:${gateway.port}` };
  const [rows, cost] = await counted(async () => ({ ...(await admissions(place)) }));
  const [{ faults }, more] = await counted(() => refusals(place, { "this machine": "http://localhost:8080", itself: gateway.url }, DOORS, [undefined]));
  const said = Object.values(rows).flatMap(Object.values);
  table(["no configuration", "nobody", "a wrong token", "an origin", "a token"], Object.entries(rows).map(([name, row]) => [name, ...Object.values(row)]));
  fact({ gateway: "without a configuration", tried: said.length, reached: said.filter((word) => word === "reached").length, ...cost });
  must(!said.includes("reached") && cost.connections + more.connections === 0, "without a configuration nothing is reached");
  // Where a dialect is off there is no such path, nor a CONNECT to it; carriers refuse the origin.
  must(faults.every((fault) => /: 40[45] ERR_(NOT_FOUND|METHOD_NOT_ALLOWED)$/.test(fault)), `${faults}`);
  await gateway.kill();
}

/** @param {string} base */
async function listeners(base) {
  const [{ origin, allowed, there, here, version }, cost] = await counted(() => trespassing(base, site, target));
  table([`chromium ${version}`, "an allowed page", `${origin}: at the gateway`, "at its own origin"], Object.keys(allowed).map((way) => [way, allowed[way], there[way], here[way]]));
  const reached = (/** @type {Record<string, string>} */ row) => Object.values(row).filter((said) => said === "reached").length;
  fact({ base, origin, ways: Object.keys(allowed).length, open_to_an_allowed_page: reached(allowed), open_to_the_stranger: reached(there) + reached(here), ...cost });
  must(reached(there) + reached(here) === 0, `a page of ${origin} gets nowhere`);
  must(reached(allowed) === Object.keys(allowed).length - (base === BASE ? 1 : 0), "a page of an allowed origin gets everywhere");
  must(cost.connections === 5, `only the allowed page has connections: ${cost.connections}`);
}
