// A tab is a TCP server: netcat, Python's sockets and Redis' own clients connect to the public ports of pages in both browsers. Bytes
// are hashed at both ends, each direction ends on its own, and nobody gets a port that somebody else has.

import { createHash, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { launchChromium, launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { run, TcpPage } from "../browser/tcp.js";
import { fact } from "./facts.mjs";

const CLIENT_PY = fileURLToPath(new URL("../../../xtask/python/tcp_client.py", import.meta.url));
const BYTES = 16 << 20;
const COMMANDS = 5_000;

const failures = [];
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => {
  if (!holds) failures.push(words), console.log(`FAILED ${words}`);
};

const [gateway, site] = await Promise.all([startGateway(), startSite()]);
const browsers = [await launchChromium(), await launchFirefox()];
try {
  fact({ nc: (await run("nc", ["-h"])).err.split("\n")[0], python: (await run("python3", ["--version"])).out.trim(), redis: (await run("redis-cli", ["--version"])).out.trim() });
  for (const browser of browsers) {
    fact({ browser: browser.name, version: browser.version });
    const page = await TcpPage.open(browser, site, gateway.url);
    await netcat(page);
    await python(page);
    await redis(page);
    await tabs(page, browser);
  }
  await strangers();
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  site.close();
  await gateway.stop();
}
if (failures.length) {
  console.log(`${failures.length} of what has to be seen was not`);
  process.exit(1);
}

/** @param {TcpPage} page */
async function netcat(page) {
  const data = randomBytes(BYTES);
  const nc = async (/** @type {string} */ role) => {
    const { port } = await page.serve(role);
    return run("nc", ["-N", "127.0.0.1", `${port}`], data, "buffer");
  };
  const { out, code } = await nc("echo");
  fact({ client: "nc", bytes: out.length, sent: sha256(data), received: sha256(out), exit: code });
  must(sha256(out) === sha256(data) && code === 0, "nc gets back what it sent");
  const spoilt = await nc("spoil");
  fact({ control: "the page changes bits", bytes: spoilt.out.length, found: sha256(spoilt.out) !== sha256(data) });
  must(sha256(spoilt.out) !== sha256(data), "a changed bit is noticed");
}

/** @param {TcpPage} page */
async function python(page) {
  const client = async (/** @type {string} */ what, /** @type {string} */ role) => {
    const place = await page.serve(role);
    const { out } = await run("python3", [CLIENT_PY, what, "127.0.0.1", `${place.port}`, `${BYTES}`]);
    return { ...JSON.parse(out), ...(await page.ends(place, 1)) };
  };
  const both = await client("both", "echo");
  fact({ client: "python", ends_first: "client", bytes: both.bytes, sent: both.sent, received: both.received, end: both.end, page: both.ends[0] });
  must(both.received === both.sent && both.end === "clean" && both.ends[0] === "closed", "Python gets back what it sent, and a clean end");
  const behind = await client("both", "count");
  fact({ client: "python", answered_behind_the_end_of: BYTES, answer_bytes: behind.bytes, end: behind.end, page: behind.ends[0] });
  must(behind.received === sha256(`${BYTES} bytes\n`) && behind.ends[0] === "closed", "the page answers behind the client's end");
  const last = await client("last", "first");
  fact({ client: "python", ends_first: "page", bytes: last.bytes, page_heard_behind_its_end: last.heard, end: last.end, page: last.ends[0] });
  must(last.heard === BYTES && last.end === "clean" && last.ends[0] === "closed", "the page hears what comes behind its own end");
  const aborted = await client("both", "abort");
  fact({ control: "the page aborts", client: "python", bytes: aborted.bytes, end: aborted.end, page: aborted.ends[0] });
  must(aborted.end === "reset" && aborted.ends[0] === "ERR_ABORTED", "an abort is not an end");
}

/** @param {TcpPage} page */
async function redis(page) {
  const { port } = await page.serve("resp");
  const cli = async (/** @type {string[]} */ ...words) => (await run("redis-cli", ["-p", `${port}`, ...words])).out.replace(/\n$/, "");
  const large = "0123456789abcdef".repeat(65_536);
  /** @type {[string[], string][]} */
  const talk = [
    [["PING"], "PONG"],
    [["SET", "greeting", "grüß dich"], "OK"],
    [["GET", "greeting"], "grüß dich"],
    [["GET", "nothing"], ""],
    [["INCR", "visits"], "1"],
    [["-r", "3", "INCR", "visits"], "2\n3\n4"],
    [["SET", "visits", "many"], "OK"],
    [["INCR", "visits"], "ERR value is not an integer or out of range\n"],
    [["DEL", "visits", "greeting", "nothing"], "2"],
    [["FLUSHALL"], "ERR unknown command 'FLUSHALL'\n"],
  ];
  for (const [words, expected] of talk) {
    const answer = await cli(...words);
    must(answer === expected, `redis-cli ${words.join(" ")}: ${answer}, not ${expected}`);
  }
  await run("redis-cli", ["-p", `${port}`, "-x", "SET", "large"], large);
  const got = await cli("GET", "large");
  must(got === large, "a value of 1 MiB comes back");
  fact({ client: "redis-cli", commands: talk.length + 2, largest_value: got.length });
  const { out } = await run("redis-benchmark", ["-p", `${port}`, "-t", "set,get,incr", "-c", "50", "-n", `${COMMANDS}`, "--csv"]);
  for (const line of out.split("\n").filter((line) => /^"(SET|GET|INCR)/.test(line))) {
    const [test, rate, , , p50, , p99] = line.replaceAll('"', "").split(",");
    fact({ client: "redis-benchmark", command: test, connections: 50, requests: COMMANDS, per_second: rate, p50_ms: p50, p99_ms: p99 });
  }
  const counted = await cli("GET", "counter:__rand_int__");
  must(Number(counted) === COMMANDS, `redis-benchmark counted to ${counted}, not ${COMMANDS}`);
}

/** Two pages of one origin, which have the same key. @param {TcpPage} page @param {import("../browser/driver.js").Browser} browser */
async function tabs(page, browser) {
  const place = await page.serve("echo");
  const other = await TcpPage.open(browser, site, gateway.url);
  const refused = await other.serve("echo", { localPort: place.port });
  const outside = await other.serve("echo", { localPort: 9 });
  fact({ port: place.port, second_tab: refused.error, outside_of_the_range: outside.error });
  must(refused.error === "ERR_PORT_UNAVAILABLE", `a second tab cannot take the port: ${refused.error}`);
  must(outside.error === "ERR_PORT_UNAVAILABLE", `no page gets a port outside of the range: ${outside.error}`);
  await page.close(place);
  const later = await other.serve("echo", { localPort: place.port });
  must(later.port === place.port, `once it is closed the other tab can: ${later.error}`);
}

/** Two pages in two browsers, which have different keys. */
async function strangers() {
  const [one, two] = await Promise.all(browsers.map((browser) => TcpPage.open(browser, site, gateway.url)));
  const place = await one.serve("echo");
  const refused = await two.serve("echo", { localPort: place.port });
  await one.close(place);
  const resting = await two.serve("echo", { localPort: place.port });
  const again = await one.serve("echo", { localPort: place.port });
  fact({ port: place.port, other_browser: refused.error, while_it_rests: resting.error, its_own_key: again.error ?? "listens again" });
  must(refused.error === "ERR_PORT_UNAVAILABLE" && resting.error === "ERR_PORT_UNAVAILABLE", "another key gets the port neither at once nor while it rests");
  must(again.port === place.port, "its own key does");
}

/** @param {Uint8Array | string} data */
function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}
