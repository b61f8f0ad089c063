// Connections that the operator's rules end, as a page sees it: each in its own way, and no other connection with them.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { startServers } from "./tcp-servers.js";

let site;
/** @type {Awaited<ReturnType<typeof startServers>>} */
let servers;
before(async () => {
  [site, servers] = await Promise.all([startSite(), startServers()]);
});
after(() => {
  site?.close();
  servers?.close();
});

/** @param {Record<string, string>} rules what each server's rule says besides where it is */
const configOf = (rules) => `
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
[link]
origins = [${JSON.stringify(site.local)}]
${Object.entries(rules).map(([name, more]) => `[[allow]]\nto = "127.0.0.1:${servers.ports[name]}"\nprotocol = "tcp"\n${more}\n`).join("")}`;

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`a page in ${name}, with rules`, { timeout: 60_000 }, () => {
    let browser;
    let gateway;
    let page;
    /** @param {string} what @param {string} server @returns {Promise<any>} */
    const act = (what, server, more = {}) => {
      const place = { gateway: gateway.url, port: servers.ports[server], ...more };
      return page.evaluate(async ([what, place]) => (await import(/** @type {any} */ ("/pages/sockets.js")))[what](place), [what, place]);
    };
    before(async () => {
      gateway = await startGateway({ config: configOf({ echo: "", lines: `idle = "500ms"`, count: `lifetime = "700ms"`, hole: "connections = 1", announce: "" }) });
      browser = await launch();
      page = await browser.newPage();
      await page.goto(`${site.local}/rules`);
    });
    after(async () => {
      await browser?.close();
      await gateway?.stop();
    });

    test("is told what is idle, what is too old, and what is one too many", async () => {
      for (const server of ["echo", "lines", "count", "hole"]) await act("wait", server);
      assert.deepEqual(await act("failing", "hole"), ["ERR_TARGET_LIMIT"]);
      assert.equal(await act("waited", "lines"), "ERR_TARGET_IDLE");
      assert.equal(await act("waited", "count"), "ERR_TARGET_LIFETIME");
    });

    test("loses what is no longer allowed, and nothing else", async () => {
      const left = servers.next("announce");
      await act("wait", "announce");
      await writeFile(gateway.file, configOf({ echo: "", hole: "connections = 1" }));
      assert.equal(await act("waited", "announce"), "ERR_TARGET_FORBIDDEN");
      assert.equal((await left)[0], "ECONNRESET");
      assert.deepEqual(await act("failing", "announce"), ["ERR_TARGET_FORBIDDEN"]);
      assert.deepEqual(await act("failing", "hole"), ["ERR_TARGET_LIMIT"]);
      const { same } = await act("echo", "echo", { bytes: 65_536 });
      assert.equal(same, true);
    });

    test("is told that its origin is not allowed, whatever it tries", async () => {
      page = await browser.newPage();
      await page.goto(`${site.other}/rules`);
      assert.deepEqual(await act("failing", "echo"), ["ERR_ORIGIN_FORBIDDEN"]);
      assert.equal(await act("listening", "echo"), "ERR_ORIGIN_FORBIDDEN");
    });
  });
}
