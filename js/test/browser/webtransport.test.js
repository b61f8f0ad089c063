// The carrier `webtransport` in real browsers behind the real gateway.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";

let gateway;
let site;
before(async () => {
  [gateway, site] = await Promise.all([startGateway(), startSite()]);
});
after(async () => {
  site?.close();
  await gateway?.stop();
});

/** Sends a body and takes the answer's. @param {string} url @param {Buffer} body */
const echo = (url, body) =>
  new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(url);
    const asked = request({ host: "127.0.0.1", port, path: pathname, method: "POST", headers: { host: `${hostname}:${port}` } });
    asked.on("error", reject);
    asked.on("response", (response) => {
      const hash = createHash("sha256");
      response.on("data", (chunk) => hash.update(chunk));
      response.on("end", () => resolve(hash.digest("hex")));
      response.on("error", reject);
    });
    asked.end(body);
  });

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`WebTransport in ${name}`, () => {
    let browser;
    let page;
    let url;
    before(async () => {
      browser = await launch();
      page = await browser.newPage();
      await page.goto(`${site.local}/empty`);
      url = await page.evaluate(async (gateway) => (await import(/** @type {any} */ ("/pages/webtransport.js"))).open(gateway), gateway.url);
    });
    after(() => browser?.close());
    const seen = () => page.evaluate(async () => (await import(/** @type {any} */ ("/pages/webtransport.js"))).seen());

    test("twenty visitors get back what they sent, byte for byte, large bodies on native streams", async () => {
      const bodies = Array.from({ length: 20 }, (_, at) => randomBytes(1 + at * 65_537));
      const hashes = await Promise.all(bodies.map((body) => echo(url, body)));
      assert.deepEqual(
        hashes,
        bodies.map((body) => createHash("sha256").update(body).digest("hex")),
      );
      const { native, ended, gone } = await seen();
      assert.deepEqual([ended, gone], [-1, false]);
      assert.ok(native > 1_000_000, `${native} bytes on native streams`);
    });
  });
}
