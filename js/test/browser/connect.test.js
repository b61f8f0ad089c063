// Pages that connect, in both browsers: to each other by name, and to a WebSocket server through cuts.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { startWebSocketServer } from "./websocket-server.js";

let gateway;
let site;
let server;
before(async () => {
  [site, server] = await Promise.all([startSite(), startWebSocketServer()]);
  gateway = await startGateway({ args: ["--allow", server.url] });
});
after(async () => {
  site?.close();
  server?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`connecting in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("pages find each other by name, in every way, before and after a reload", async () => {
      const host = await browser.newPage();
      const guest = await browser.newPage();
      await guest.goto(`${site.other}/guest`);
      const found = [];
      for (let loads = 0; loads < 2; loads++) {
        await host.goto(`${site.local}/host`);
        const [page, socket, random] = await call(host, "listen", gateway.url, `meeting-${name}`);
        found.push([page, random]);
        assert.equal(page, `page:meeting-${name}`);
        const { same, rest, answers, closed, aborted } = await call(guest, "talk", gateway.url, page, socket);
        assert.deepEqual([same, rest, closed, aborted], [true, 0, { closeCode: 3000, reason: "" }, "ERR_ABORTED"]);
        assert.deepEqual(answers, [`${site.other} ${socket}path?q=1 hi`, `${site.other} ${socket}by/name?q hi`, `${site.other} ${socket} stream`]);
      }
      assert.deepEqual(found[1], found[0]);
    });

    test("a WebSocket in the place of the browser's own outlives its carriers: nothing lost, doubled or out of order", async () => {
      const page = await browser.newPage();
      await page.goto(`${site.local}/cuts`);
      const { wrong, cuts, installed } = await call(page, "throughCuts", gateway.url, `${server.url}/`);
      assert.equal(wrong, 0);
      assert.deepEqual(installed, [true, true, true]);
      assert.ok(cuts >= 3, `${cuts} cuts`);
    });
  });
}

/** @param {import("./driver.js").Page} page @param {string} what @param {...unknown} args @returns {Promise<any>} */
function call(page, what, ...args) {
  return page.evaluate(async ([what, args]) => (await import(/** @type {any} */ ("/pages/connecting.js")))[what](...args), /** @type {[string, any[]]} */ ([what, args]));
}
