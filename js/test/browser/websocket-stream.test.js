// Our WebSocketStream beside Chromium's, which is the only browser that has one; in Firefox ours does the same.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { FIREFOX, runStreams, startRig } from "./websocket-rig.js";

/** @type {import("./websocket-rig.js").Rig} */
let rig;
/** @type {any} */
let chromium;
before(async () => {
  rig = await startRig();
  chromium = await record(await launchChromium());
});
after(() => rig.stop());

test("Chromium: ours does what its own does", () => {
  assert.ok(Object.keys(chromium.native).length >= 20);
  for (const name in chromium.native) assert.deepEqual(chromium.ours[name], chromium.native[name], name);
});

test("Firefox: ours does what Chromium's does", async () => {
  assert.deepEqual((await record(await launchFirefox(FIREFOX))).ours, chromium.native);
});

/** @param {import("./driver.js").Browser} browser */
async function record(browser) {
  const recorded = await runStreams(rig, browser);
  await browser.close();
  return recorded;
}
