// Clients of Wisp that exist, unchanged, against the real binary: the library of the protocol's authors as npm has it, v1 and v2, in Node and in both browsers. What it
// was sent and what it got has the same hash, datagrams come back, and what is refused has its reason. A wrong password, a gateway where Wisp is off, and
// a target that no rule allows must get nowhere.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchChromium, launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { startSite } from "../browser/site.js";
import { inNode, inPage, startTargets, VERSION } from "../browser/wisp.js";
import { fact } from "./facts.mjs";

const BYTES = 16 << 20;
const STREAMS = 64;

const runtime = mkdtempSync(join(tmpdir(), "pageport-show-"));
const [site, servers] = await Promise.all([startSite(), startTargets({ bytes: BYTES, streams: STREAMS })]);
const args = servers.allowed.flatMap((target) => ["--allow", target]);
const env = { XDG_RUNTIME_DIR: runtime };
const gateway = await startGateway({ args, env });
const off = await startGateway({ args, env: { ...env, PAGEPORT_DIALECTS__WISP: "false" } });
const place = (/** @type {any} */ { url }) => `${url.replace("http", "ws")}/wisp/`;
const secret = (/** @type {any} */ { port }) => readFileSync(join(runtime, `pageport/dev-${port}.token`), "utf8");

/** @param {string} client @param {any} seen @param {number} version */
function show(client, seen, version) {
  assert.equal(seen.version, version);
  assert.equal(seen.up.heard, seen.up.sent);
  assert.deepEqual(seen.down, servers.expected);
  assert.deepEqual(seen.hello, ["hello through Wisp", 2]);
  assert.deepEqual([seen.refused, seen.forbidden, seen.datagram], [0x44, 0x48, "a datagram"]);
  assert.deepEqual([seen.many, seen.lengths], [1, 1]);
  fact({
    client,
    wisp: `v${version}`,
    up: `${BYTES} bytes, sha256 ${seen.up.heard.slice(0, 16)}`,
    down: `${seen.down.bytes} bytes, sha256 ${seen.down.hash.slice(0, 16)}`,
    streams_at_once: STREAMS,
    datagram: seen.datagram,
    refused: "0x44",
    forbidden: "0x48",
  });
}

try {
  fact({
    gateway: execFileSync(process.env.PAGEPORT_BIN ?? "", ["--version"], { encoding: "utf8" }).trim(),
    library: `@mercuryworkshop/wisp-js ${VERSION}`,
    node: process.version,
  });
  show("node, password", await inNode(place(gateway), secret(gateway), servers.targets), 2);
  for (const launch of [launchChromium, launchFirefox]) {
    const browser = await launch();
    try {
      for (const version of [1, 2]) {
        const seen = await inPage(browser, site.local, place(gateway), { wisp_version: version }, servers.targets);
        show(`${browser.name} ${browser.version}`, seen, version);
      }
    } finally {
      await browser.close();
    }
  }
  // Controls: these must get nowhere.
  await assert.rejects(inNode(place(gateway), "wrong", servers.targets), /no connection/);
  await assert.rejects(inNode(place(off), secret(off), servers.targets), /no connection/);
  const astray = inNode(place(gateway), secret(gateway), { ...servers.targets, closed: 9, bytes: 0, streams: 1 });
  assert.equal((await astray).refused, 0x48, "nobody listens there either, and nobody was asked");
  fact({ wrong_password: "no connection", switched_off: "no connection", without_a_rule: "0x48, not 0x44" });
} finally {
  site.close();
  servers.stop();
  await Promise.all([gateway.stop(), off.stop()]);
  rmSync(runtime, { recursive: true });
}
