// The carrier `webtransport` in real browsers behind the real gateway: bodies on native streams, and sessions that move.

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

/** @param {Buffer} body */
const hashOf = (body) => createHash("sha256").update(body).digest("hex");

/** Sends a body, and takes the answer's hash. @param {string} url @param {Buffer} body @returns {Promise<string>} */
const echo = (url, body) =>
  new Promise((resolve, reject) => {
    const { host, port } = new URL(url);
    const asked = request({ host: "127.0.0.1", port, method: "POST", headers: { host } });
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
    /** @param {string} name @param {unknown} [arg] @returns {Promise<any>} */
    const call = (name, arg) =>
      page.evaluate(
        async (/** @type {any} */ [name, arg]) => (await import(/** @type {any} */ ("/pages/webtransport.js")))[name](arg),
        [name, arg],
      );
    before(async () => {
      browser = await launch();
      page = await browser.newPage();
      await page.goto(`${site.local}/empty`);
      url = await call("open", [gateway.url, ["webtransport"]]);
    });
    after(() => browser?.close());

    test("twenty visitors get back what they sent, large bodies by native streams", async () => {
      const bodies = Array.from({ length: 20 }, (_, at) => randomBytes(1 + at * 65_537));
      const hashes = await Promise.all(bodies.map((body) => echo(url, body)));
      assert.deepEqual(hashes, bodies.map(hashOf));
      const { carrier, native } = await call("seen");
      assert.equal(carrier, "webtransport");
      assert.ok(native >= 5, `${native} native streams`);
    });

    test("a session moves to WebSocket and back while twenty bodies are on their way", async () => {
      const bodies = Array.from({ length: 20 }, () => randomBytes(3_000_000));
      let left = bodies.length;
      const hashes = Promise.all(bodies.map((body) => echo(url, body).finally(() => left--)));
      let moves = 0;
      for (let turn = 0; left; turn++, moves++) await call("carry", [turn % 2 ? "webtransport" : "websocket"]);
      assert.deepEqual(await hashes, bodies.map(hashOf));
      const { changes } = await call("seen");
      assert.ok(moves >= 3, `${moves} moves`);
      assert.ok(changes.filter((change) => change.endsWith("moved")).length >= 3, `${changes}`);
    });
  });
}
