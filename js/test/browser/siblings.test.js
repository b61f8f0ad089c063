// What separates two listeners below one base, in short; `cargo xtask show V5` tries more bases.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium } from "./driver.js";
import { attack, resolving } from "./siblings.js";
import { startSite } from "./site.js";

const SEPARATED = "ngrok.io";
const ONE_SITE = "gw.test";
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => assert.ok(holds, words);

let browser;
let site;
before(async () => {
  site = await startSite();
  browser = await launchChromium({ args: [resolving([SEPARATED, ONE_SITE])], context: { bypassCSP: true } });
});
after(async () => {
  await browser.close();
  site.close();
});

test("below a public suffix a listener cannot harm its sibling", async () => {
  const outcome = await attack(browser, site, SEPARATED, must);
  assert.deepEqual(outcome, { script: false, answer: false, request: false, webSocket: false, path: false });
});

test("below another base only what goes through the gateway is stopped", async () => {
  const outcome = await attack(browser, site, ONE_SITE, must);
  assert.deepEqual(outcome, { script: true, answer: false, request: true, webSocket: true, path: false });
});
