// The degradation ladder: a page in Chromium and a native program on paths from 100 Mbit/16 ms to 256 kbit/800 ms with stalls. On every rung
// but the last each carrier is forced, on the last one they choose. What is sent comes back byte for byte, and no carrier is lost.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../browser/gateway.js";
import { climb } from "../proxies/ladder.js";
import { fact, table } from "./facts.mjs";

const { PROBE, IMPAIRMENT_RELAY, RUNG, CLIENT, CARRIER } = process.env;
if (!PROBE || !IMPAIRMENT_RELAY) throw new Error("PROBE or IMPAIRMENT_RELAY is not set");
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const LAST = 5;
/** Forced, by client. */
const CARRIERS = { page: ["webtransport", "websocket", "http", "http-poll"], program: ["webtransport", "bytes", "websocket", "http"] };

const runtime = mkdtempSync(join(tmpdir(), "pageport-n4-"));
const gateway = await startGateway({ env: { XDG_RUNTIME_DIR: runtime } });
const token = readFileSync(join(runtime, `pageport/dev-${gateway.port}.token`), "utf8").trim();
const { carriers } = await (await fetch(`${gateway.url}/.well-known/pageport`)).json();
const offer = carriers.find((/** @type {any} */ { kind }) => kind === "webtransport");
const hash = Buffer.from(offer.hashes[0], "base64url").toString("hex");
const scene = { target: { port: gateway.port, secure: false, token, hash }, binaries: { relay: IMPAIRMENT_RELAY, probe: PROBE }, seed };
fact({ seed });

let failed = false;
/** @type {unknown[][]} */
const rows = [];
try {
  for (let rung = 0; rung <= LAST; rung++) {
    for (const client of /** @type {const} */ (["page", "program"])) {
      for (const carrier of rung < LAST ? CARRIERS[client] : [undefined]) {
        if ((RUNG && Number(RUNG) !== rung) || (CLIENT && CLIENT !== client) || (CARRIER && CARRIER !== carrier)) continue;
        const seen = await climb({ ...scene, rung, client, carrier }).catch((error) => ({ error: error.message.split("\n")[0] }));
        const isGood = !("error" in seen) && seen.losses === 0 && seen.through_relay > seen.bytes && (!carrier || carrier.startsWith(String(seen.carrier)));
        failed ||= !isGood;
        fact({ rung, client, forced: carrier ?? "none", ...seen });
        rows.push([rung, client, carrier ?? "any", isGood ? "yes" : "NO", ..."error" in seen ? [seen.error] : [seen.path, seen.carrier, seen.mbit, seen.usable_ms, seen.losses]]);
      }
    }
  }
  // The control: a carrier that is cut counts as lost, and is replaced.
  const control = await climb({ ...scene, rung: 2, client: "page", cut: true });
  fact({ control: "cut", losses: control.losses, came_back: control.bytes });
  failed ||= control.losses === 0;
} finally {
  await gateway.stop();
  rmSync(runtime, { recursive: true });
}
table(["rung", "client", "forced", "holds", "path", "carrier", "Mbit/s", "usable ms", "losses"], rows);
process.exit(failed ? 1 : 0);
