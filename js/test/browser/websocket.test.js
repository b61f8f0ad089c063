// Our WebSocket beside the browser's own, in one page: the short form of a proof that runs everything on every carrier.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { CAUGHT, SOME } from "./websocket-compare.js";
import { FIREFOX, judge, run, startRig } from "./websocket-rig.js";

/** @type {import("./websocket-rig.js").Rig} */
let rig;
/** @type {import("./websocket-rig.js").Run[]} */
let runs;

before(async () => {
  rig = await startRig();
  const browsers = await Promise.all([launchChromium(), launchFirefox(FIREFOX)]);
  runs = await Promise.all(browsers.map((browser) => run(rig, browser)));
  await Promise.all(browsers.map((browser) => browser.close()));
});
after(() => rig.stop());

for (const [at, name] of ["Chromium", "Firefox"].entries()) {
  test(`${name}: ours does what its own does, and the server cannot tell them apart`, () => {
    const { scenarios, page, server } = judge(runs[at], runs[1 - at]);
    assert.ok(scenarios >= 150, `${scenarios} scenarios`);
    assert.deepEqual(page.differ, []);
    assert.deepEqual(server.differ, []);
    assert.ok(page.same.length > 0.9 * scenarios, `${page.same.length} of ${scenarios} are the same in this browser`);
  });

  test(`${name}: a class that is subtly wrong is caught`, () => {
    assert.deepEqual(judge(runs[at], runs[1 - at]).caught, CAUGHT);
  });
}

test("what is run on other carriers exists", () => {
  assert.ok(SOME.length >= 25);
  assert.deepEqual(SOME.filter((name) => !(name in runs[0].native)), []);
});
