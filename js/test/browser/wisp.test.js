// The client library of Wisp's authors, unchanged, through the real gateway: both versions in both browsers, and v2 with a password in Node.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { inNode, inPage, startTargets } from "./wisp.js";

const runtime = mkdtempSync(join(tmpdir(), "pageport-wisp-"));
let gateway;
let site;
let servers;
let url = "";
before(async () => {
  [site, servers] = await Promise.all([startSite(), startTargets({ bytes: 2 << 20, streams: 16 })]);
  const args = servers.allowed.flatMap((/** @type {string} */ target) => ["--allow", target]);
  gateway = await startGateway({ args, env: { XDG_RUNTIME_DIR: runtime } });
  url = `${gateway.url.replace("http", "ws")}/wisp/`;
});
after(async () => {
  site?.close();
  servers?.stop();
  await gateway?.stop();
  rmSync(runtime, { recursive: true });
});

/** @param {any} seen @param {number} version */
function check(seen, version) {
  const { up, down, ...rest } = seen;
  assert.equal(up.heard, up.sent);
  assert.deepEqual(down, servers.expected);
  assert.deepEqual(rest, {
    version,
    motd: rest.motd,
    hello: ["hello through Wisp", 2],
    many: 1,
    lengths: 1,
    refused: 0x44,
    forbidden: 0x48,
    datagram: "a datagram",
  });
}

test("a program shows the token as a password", { timeout: 60_000 }, async () => {
  const token = readFileSync(join(runtime, `pageport/dev-${gateway.port}.token`), "utf8");
  check(await inNode(url, token, servers.targets), 2);
  await assert.rejects(inNode(url, "wrong", servers.targets), /no connection/);
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`wisp-js in ${name}`, { timeout: 90_000 }, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    for (const version of [1, 2])
      test(`reaches targets by v${version}`, async () => {
        check(await inPage(browser, site.local, url, { wisp_version: version }, servers.targets), version);
      });
  });
}
