// Pages that connect to TCP servers, in both browsers behind the real gateway: each server has one habit, and the page sees it as it is.

import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { SCENES } from "./tcp-scenes.js";
import { startServers } from "./tcp-servers.js";

/** Where what should come might never come. */
const PATIENCE_MS = 60_000;

let gateway;
let site;
/** @type {Awaited<ReturnType<typeof startServers>>} */
let servers;
before(async () => {
  [site, servers] = await Promise.all([startSite(), startServers()]);
  const env = { SSL_CERT_FILE: servers.authority, PAGEPORT_LIMITS__CONNECT_TIMEOUT: "2s" };
  gateway = await startGateway({ args: servers.allow, env });
});
after(async () => {
  site?.close();
  servers?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`a page in ${name} that connects to TCP servers`, { timeout: PATIENCE_MS }, () => {
    let browser;
    /** @type {import("./tcp-scenes.js").World} */
    let world;
    const open = async () => {
      const page = await browser.newPage();
      await page.goto(`${site.local}/sockets`);
      /** @param {string} what @param {string} server @param {object} [more] @returns {Promise<any>} */
      const act = (what, server, more) => {
        const place = { gateway: gateway.url, port: servers.ports[server], ...more };
        return page.evaluate(async ([what, place]) => (await import(/** @type {any} */ ("/pages/sockets.js")))[what](place), [what, place]);
      };
      return { page, act };
    };
    before(async () => {
      browser = await launch();
      world = { ...(await open()), open, site, servers };
    });
    after(() => browser?.close());

    for (const [name, scene] of Object.entries(SCENES)) test(name, () => scene(world));
  });
}
