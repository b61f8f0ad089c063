// The gallery's servers of HTTP and TCP, as people and ordinary programs use them, in both browsers; and to the eye.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { judgeWalk } from "./gallery-audit.js";
import { driveConnect } from "./gallery-connect.js";
import { driveLines, driveWebhook, driveWebsite } from "./gallery-drive.js";
import { tourServers } from "./gallery-servers.js";
import { leaving, open, tabTo, until } from "./gallery-steps.js";
import { startGateway } from "./gateway.js";

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`gallery's servers in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("picked files are downloaded whole and in parts, through cuts, and no broken download looks complete", async () => {
      assert.equal((await driveWebsite(browser, gateway)).cuts, 2);
    });

    test("requests are answered at once and by hand, and what they say is only text", async () => {
      assert.equal((await driveWebhook(browser, gateway)).by_hand_through_a_cut, "418");
    });

    test("nc is echoed, passed on and answered by hand, and either half of it ends by itself", async () => {
      assert.equal((await driveLines(browser, gateway)).summary, "0 open, 3 ended");
    });

    test("two tabs find each other and talk through a cut; a WebSocket server echoes", async () => {
      assert.equal((await driveConnect(browser, gateway)).websocket_echo, "grüße");
    });

    test("files are put in, and requests answered, by keyboard alone", async () => {
      const site = await open(browser, `${gateway.url}/website/`);
      await until(site.page, "#state", /^Serving$/);
      const unseen = await tabTo(site.page, "#sample");
      await site.page.raw.keyboard.press("Enter");
      await until(site.page, "#files-summary", /^6 files/);
      const catcher = await open(browser, `${gateway.url}/webhook/`);
      await until(catcher.page, "#state", /^Listening$/);
      for (const stop of ["#at-once", `[data-answer="body"]`]) unseen.push(...(await tabTo(catcher.page, stop)));
      assert.deepEqual(unseen, []);
    });
  });
}

test("no page of the gallery's servers has a fault in any state and view", async () => {
  const { states, faults, requests, errors } = await judgeWalk((browser, look) => tourServers(browser, gateway, look));
  assert.equal(states.length, 13);
  assert.deepEqual(faults, []);
  assert.deepEqual(leaving(requests, gateway), []);
  assert.deepEqual(errors.filter((words) => !/closed by whoever serves/.test(words)), []);
});
