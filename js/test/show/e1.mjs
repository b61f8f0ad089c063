// Pages in Chromium are clients of real servers behind the real gateway: IRC, XMPP, IMAP, Redis, PostgreSQL and VNC. What they see is compared with what the servers' own clients and files say. Whom no rule allows, or nobody vouches for, is not reached.

import { readFileSync } from "node:fs";
import { launchChromium } from "../browser/driver.js";
import { driveIrc, driveMail, driveScreen } from "../browser/gallery-clients.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { certified } from "../servers/certificate.js";
import { ClientPage } from "../servers/client-page.js";
import { startDovecot } from "../servers/dovecot.js";
import { startNgircd } from "../servers/ngircd.js";
import { startPostgres } from "../servers/postgres.js";
import { startProsody } from "../servers/prosody.js";
import { startRedis } from "../servers/redis.js";
import { imap, unverified } from "../servers/scenes/imap.js";
import { irc } from "../servers/scenes/irc.js";
import { postgres } from "../servers/scenes/postgres.js";
import { redis } from "../servers/scenes/redis.js";
import { vnc } from "../servers/scenes/vnc.js";
import { xmpp } from "../servers/scenes/xmpp.js";
import { startVnc } from "../servers/vnc.js";
import { fact, table } from "./facts.mjs";
import { run } from "./programs.mjs";

/** A scene that stands still has failed. */
const WITHIN_MS = 120_000;

const certificate = certified();
const [chat, messages, mail, stranger, store, hidden, database, screen, second] = await Promise.all([
  startNgircd(),
  startProsody({ certificate }),
  startDovecot({ certificate }),
  startDovecot(),
  startRedis(),
  startRedis(),
  startPostgres({ certificate }),
  startVnc({ width: 500, height: 340 }),
  startVnc({ width: 500, height: 340 }),
]);
const servers = [chat, messages, mail, stranger, store, hidden, database, screen, second];
const plain = [chat, messages, mail, stranger, store, database, screen, second].map(({ host, port }) => `tcp://${host}:${port}`);
const secure = [messages, mail, stranger].map(({ host, tlsPort }) => `tls://${host}:${tlsPort}`);
const gateway = await startGateway({ args: [...plain, ...secure].flatMap((target) => ["--allow", target]), env: { SSL_CERT_FILE: certificate.certFile } });
const [site, browser] = [await startSite(), await launchChromium()];
const world = { site, browser, gateway };
const rig = /** @type {any} */ ({ gateway, chat, mail, store, screen: second });

/** @type {Record<string, () => Promise<object>>} */
const SCENES = {
  "ngircd, two pages in a channel": () => irc(world, chat),
  "prosody, STARTTLS": () => xmpp(world, messages, "starttls"),
  "prosody, TLS": () => xmpp(world, messages, "on"),
  "dovecot, TLS": () => imap(world, mail, "on"),
  "dovecot, STARTTLS": () => imap(world, mail, "starttls"),
  "redis, and redis-cli": () => redis(world, store),
  "PostgreSQL, SCRAM": () => postgres(world, database, false),
  "PostgreSQL, SCRAM within TLS": () => postgres(world, database, true),
  "TigerVNC with noVNC": () => vnc(world, screen),
  "gallery: IRC, two tabs": () => driveIrc(browser, rig),
  "gallery: a mailbox, both ways into TLS": () => driveMail(browser, rig),
  "gallery: a VNC screen": () => driveScreen(browser, rig),
  "control: a certificate that nobody vouches for": async () => fails("ERR_TARGET_TLS", [await unverified(world, stranger, "on"), await unverified(world, stranger, "starttls")]),
  "control: a Redis that no rule allows": async () => {
    const page = await ClientPage.open(world, "redis-client");
    const before = await connections();
    const code = await page.attempt("open", { host: hidden.host, port: hidden.port });
    const counted = (await connections()) - before;
    return { ...fails("ERR_TARGET_FORBIDDEN", [code]), ...fails(1, [counted], "connections_it_saw_besides_the_question") };
  },
};

const failures = [];
try {
  await versions();
  const rows = [];
  for (const [name, act] of Object.entries(SCENES)) {
    const begin = performance.now();
    const seen = await within(act()).catch((error) => (failures.push(name), { FAILED: String(error.message).split("\n").slice(0, 6).join(" ") }));
    const ms = Math.round(performance.now() - begin);
    fact({ scene: name, ...seen, ms });
    rows.push([name, "FAILED" in seen ? "NO" : "yes", ms]);
  }
  table(["scene", "holds", "ms"], rows);
} finally {
  await browser.close();
  site.close();
  await gateway.stop();
  await Promise.all(servers.map((server) => server.stop()));
}
if (failures.length) console.log(`not seen: ${failures.join("; ")}`);
process.exit(failures.length ? 1 : 0);

async function versions() {
  const said = async (/** @type {string} */ command, /** @type {string[]} */ args) => {
    const { out, err } = await run(command, args);
    return (out.toString() + err).split("\n")[0].trim();
  };
  fact({ pageport: await said(process.env.PAGEPORT_BIN ?? "", ["--version"]), chromium: browser.version });
  for (const { name, version } of new Map(servers.map((server) => [server.name, server])).values()) fact({ server: name, version });
  const novnc = JSON.parse(readFileSync(new URL("../../node_modules/@novnc/novnc/package.json", import.meta.url), "utf8")).version;
  fact({ novnc, psql: await said("psql", ["--version"]), redis_cli: await said("redis-cli", ["--version"]) });
  fact({ clients_in_the_page: "our own for IRC, XMPP, IMAP, Redis and PostgreSQL, noVNC for VNC; and the gallery's" });
}

/** How many connections the hidden Redis has ever had, by its own account, this question among them. */
async function connections() {
  const { out } = await run("redis-cli", ["-p", String(hidden.port), "INFO", "stats"]);
  return Number(/total_connections_received:(\d+)/.exec(out.toString())?.[1]);
}

/** @param {unknown} expected @param {unknown[]} got */
function fails(expected, got, name = "said") {
  if (got.some((value) => value !== expected)) throw new Error(`${name}: ${got}, not ${expected}`);
  return { [name]: expected };
}

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
function within(promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${WITHIN_MS} ms`)), WITHIN_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
