// Pages in Chromium that try every way into a gateway: one of an allowed origin, and one whose origin is a listener's of that gateway.

import { launchChromium } from "./driver.js";
import { startGateway } from "./gateway.js";
import { aliases, configOf } from "./origin-matrix.js";
import { BASE } from "./origin-vectors.js";

/** Where listeners have their origins: in development, and under a base of the operator's. */
export const BASES = ["localhost", BASE];

/** A gateway with this base, and both pages at it. @param {string} base @param {{ local: string }} site @param {{ host: string, port: number }} target */
export async function trespassing(base, site, { host, port }) {
  const target = { host, port };
  const isDev = base === "localhost";
  const allowed = isDev ? site.local : `http://app.example:${new URL(site.local).port}`;
  const gateway = await startGateway(
    isDev
      ? { args: ["--allow", `tcp://${host}:${port}`], env: { PAGEPORT_WEBSOCKIFY__TARGETS: aliases(target) } }
      : { config: configOf([target], { origins: [allowed], base }) },
  );
  const browser = await launchChromium({ args: [`--host-resolver-rules=MAP *.${BASE} 127.0.0.1, MAP ${BASE} 127.0.0.1, MAP app.example 127.0.0.1`] });
  try {
    const seen = await trespasses({ browser, site: allowed, gateway: `http://${base}:${gateway.port}`, target });
    return { ...seen, version: browser.version };
  } finally {
    await browser.close();
    await gateway.kill();
  }
}

/**
 * @param {{ browser: import("./driver.js").Browser, site: string, gateway: string, target: { host: string, port: number } }} world `site`: an allowed
 *   origin; `gateway`: what its pages call the gateway
 */
async function trespasses({ browser, site, gateway, target }) {
  /** @param {import("./driver.js").Page} page @param {string} name @param {object} place @returns {Promise<any>} */
  const ask = (page, name, place) =>
    page.evaluate(async ([name, place]) => (await import(/** @type {any} */ ("/pages/trespass.js")))[name](place), /** @type {[string, any]} */ ([name, place]));
  const owner = await browser.newPage();
  await owner.goto(`${site}/owner`);
  const own = await ask(owner, "host", { gateway });
  const allowed = await ask(owner, "trespass", { gateway, target });
  const stranger = await browser.newPage();
  await stranger.goto(`${own}/stranger`);
  const origin = await stranger.evaluate(() => location.origin);
  const there = await ask(stranger, "trespass", { gateway, target });
  const here = await ask(stranger, "trespass", { gateway: own, target });
  await Promise.all([owner.close(), stranger.close()]);
  return { origin, allowed, /** At the gateway's own site. */ there, /** At the stranger's own origin. */ here };
}
