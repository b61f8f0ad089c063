// A page and a native program through real proxies, and on a bad path: a sample of what the proofs N4 and N5 do at length.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { squid } from "../proxies/forward.js";
import { habitProxy, withoutUdp } from "../proxies/habits.js";
import { climb } from "../proxies/ladder.js";
import { haproxy, nginx } from "../proxies/reverse.js";
import { seenThrough } from "../proxies/seen.js";
import { startGateway } from "./gateway.js";

const { HABIT_PROXY = "", IMPAIRMENT_RELAY = "", PROBE = "" } = process.env;
const runtime = mkdtempSync(join(tmpdir(), "pageport-networks-"));
let gateway;
/** @type {import("../proxies/seen.js").Target} */
let target;

before(async () => {
  if (!HABIT_PROXY || !IMPAIRMENT_RELAY || !PROBE) throw new Error("run this through `cargo xtask test --only browser`");
  gateway = await startGateway({ env: { XDG_RUNTIME_DIR: runtime } });
  const token = readFileSync(join(runtime, `pageport/dev-${gateway.port}.token`), "utf8").trim();
  target = { port: gateway.port, secure: false, token };
});

after(async () => {
  await gateway?.stop();
  rmSync(runtime, { recursive: true, force: true });
});

/** @type {[string, (port: number) => Promise<import("../proxies/daemon.js").Proxy>, string, string][]} */
const WAYS = [
  ["squid, which makes tunnels to 443 only", squid, "http", "http"],
  ["nginx, which holds answers back and lets no upgrade through", nginx, "http", "http"],
  ["haproxy, which lets upgrades through", haproxy, "websocket", "bytes"],
  ["a proxy without tunnels that holds 64 KiB back", () => habitProxy(HABIT_PROXY, "holds", ["no-tunnels", "holds=65536"]), "http", "http"],
  ["a path without UDP", (port) => withoutUdp(IMPAIRMENT_RELAY, port), "websocket", "bytes"],
];

for (const [name, start, ofPage, ofProgram] of WAYS) {
  test(`through ${name}`, async () => {
    for (const [kind, carrier] of /** @type {const} */ ([["page", ofPage], ["program", ofProgram]])) {
      const seen = await seenThrough(kind, { name, gateway: "plain", start }, target, PROBE);
      assert.equal(seen.carrier, carrier, kind);
    }
  });
}

for (const [client, carrier] of /** @type {const} */ ([["page", "http"], ["program", "websocket"]])) {
  test(`a ${client} on 1 Mbit/200 ms keeps its carrier ${carrier}`, async () => {
    const binaries = { relay: IMPAIRMENT_RELAY, probe: PROBE };
    const seen = await climb({ rung: 3, client, carrier, target, binaries, seed: 1, bytes: 131_072 });
    assert.deepEqual([seen.carrier, seen.losses], [carrier, 0]);
    assert.ok(seen.through_relay > seen.bytes);
  });
}
