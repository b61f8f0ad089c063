// Chromium and a native program through proxies that people have: usable within 3 s, and every byte through the proxy.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { startGateway } from "../browser/gateway.js";
import { INSTALLED, habits } from "../proxies/rows.js";
import { seenThrough } from "../proxies/seen.js";
import { verdict } from "../proxies/verdict.js";
import { fact, table } from "./facts.mjs";

const USABLE_MS = 3_000;
const only = process.env.ROW;
const { PROBE, HABIT_PROXY, IMPAIRMENT_RELAY } = process.env;
if (!PROBE || !HABIT_PROXY || !IMPAIRMENT_RELAY) throw new Error("PROBE, HABIT_PROXY or IMPAIRMENT_RELAY is not set");

const runtime = mkdtempSync(join(tmpdir(), "pageport-n5-"));
const env = { XDG_RUNTIME_DIR: runtime };
// Port 443 is the one that every proxy tunnels to.
const gateways = await Promise.all([
  startGateway({ env }),
  startGateway({ args: ["--tls", "--listen", "127.0.0.1:443"], env }),
]);
/** @type {Record<string, import("../proxies/seen.js").Target>} */
const targets = { plain: target(gateways[0], false), tls: target(gateways[1], true) };
targets.tls.trust = join(runtime, "gateway.pem");
writeFileSync(targets.tls.trust, await certificate(targets.tls.port));

let failed = false;
const rows = [];
try {
  for (const row of [...INSTALLED, ...habits(HABIT_PROXY, IMPAIRMENT_RELAY)].filter(({ name }) => !only || name.includes(only))) {
    for (const kind of /** @type {const} */ (["page", "program"])) {
      const seen = await seenThrough(kind, row, targets[row.gateway], PROBE).catch((error) => ({ error: error.message.split("\n")[0] }));
      const isGood = !("error" in seen) && seen.usable_ms <= USABLE_MS && seen.requests > 0;
      failed ||= !isGood;
      fact({ row: row.name, client: kind, ...seen });
      rows.push([row.name, kind, isGood ? "yes" : "NO", ..."error" in seen ? ["-", "-", "-"] : [seen.carrier, seen.usable_ms, seen.log_bytes]]);
    }
  }
  for (const row of INSTALLED.filter(({ name, gateway }) => gateway === "plain" && (!only || name.includes(only)))) {
    const { proxy, found, known } = await verdict(row, targets.plain).catch((error) => ({ proxy: row.name, found: error.message.split("\n")[0], known: "?" }));
    fact({ check: proxy, found, as_known: found === known ? "yes" : known });
    failed ||= found !== known;
  }
} finally {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  rmSync(runtime, { recursive: true });
}
table(["proxy", "client", "usable", "carrier", "ms", "bytes in its log"], rows);
process.exit(failed ? 1 : 0);

function target(gateway, secure) {
  // A URL does not say the port that its scheme has anyway.
  const port = gateway.port || 443;
  return { port, secure, token: readFileSync(join(runtime, `pageport/dev-${port}.token`), "utf8").trim() };
}

/** The gateway's own certificate, as it shows it. @param {number} port @returns {Promise<string>} */
function certificate(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false }, () => {
      const { raw } = socket.getPeerCertificate(true);
      socket.destroy();
      resolve(`-----BEGIN CERTIFICATE-----\n${raw.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`);
    });
    socket.once("error", reject);
  });
}
