// Pages that send datagrams to UDP servers, in both browsers behind the real gateway.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { startServers } from "./udp-servers.js";

/** Where what should come might never come. */
const PATIENCE_MS = 60_000;
const SIZES = [0, 1, 17, 512, 1_199, 1_200];

let gateway;
let site;
/** @type {Awaited<ReturnType<typeof startServers>>} */
let servers;
before(async () => {
  [site, servers] = await Promise.all([startSite(), startServers()]);
  gateway = await startGateway({ args: servers.allow });
});
after(async () => {
  site?.close();
  servers?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`a page in ${name} that sends datagrams`, { timeout: PATIENCE_MS }, () => {
    let browser;
    let page;
    /** What a page does with the server of this name. @param {string} what @param {string} server @param {object} [more] @returns {Promise<any>} */
    const act = (what, server, more, there = page) => {
      const place = { gateway: gateway.url, port: servers.ports[server], ...more };
      return there.evaluate(async ([what, place]) => (await import(/** @type {any} */ ("/pages/datagrams.js")))[what](place), [what, place]);
    };
    before(async () => {
      browser = await launch();
      page = await browser.newPage();
      await page.goto(`${site.local}/datagrams`);
    });
    after(() => browser?.close());

    test("gets each of them back as it was, whatever carries the session", async () => {
      const info = { remoteAddress: "127.0.0.1", remotePort: servers.ports.echo };
      const same = SIZES.map(() => true);
      const closed = { locked: "InvalidStateError", closing: "well", closed: "well" };
      for (const carrier of ["websocket", "http", "webtransport"]) {
        const other = await browser.newPage();
        await other.goto(`${site.local}/datagrams`);
        const seen = await act("echo", "echo", { sizes: SIZES, carriers: [carrier] }, other);
        assert.deepEqual(seen, { same, info, carrier, ...closed });
        await other.close();
      }
    });

    test("has sockets that hear only what is theirs", async () => {
      const [one, other] = await act("two", "echo");
      const expected = (/** @type {number} */ which) => Array.from({ length: 20 }, (_, i) => `${which} ${i}`);
      assert.deepEqual([one, other], [expected(1), expected(2)]);
    });

    test("looks names up at a name server", async () => {
      assert.deepEqual(await act("lookup", "dns", { name: "page.test" }), { id: 0x1234, code: 0, address: "192.0.2.7" });
      assert.deepEqual(await act("lookup", "dns", { name: "nobody.test" }), { id: 0x1234, code: 3, address: null });
    });

    test("loses what is too long, and nothing else", async () => {
      const failed = ["ERR_INVALID_ARGUMENT", "TypeError", "TypeError", "TypeError", "TypeError"];
      assert.deepEqual(await act("oversize", "long"), { failed, length: 1_200, closed: "well" });
    });

    test("is told where it may not go, and where nobody listens", async () => {
      assert.deepEqual(await act("failing", "forbidden"), Array(3).fill("ERR_TARGET_FORBIDDEN"));
      assert.equal(servers.heard.forbidden, 0);
      assert.deepEqual(await act("refused", "refused"), Array(3).fill("ERR_TARGET_CONNECTION_REFUSED"));
    });

    test("cannot be bound, and may give up", async () => {
      const [bound, why, wrong, ...given] = await act("unusual", "silent");
      assert.deepEqual([bound, wrong, given], ["ERR_UNSUPPORTED", "TypeError", ["ERR_ABORTED", "ERR_ABORTED"]]);
      assert.match(why, /remoteAddress/);
    });
  });
}
