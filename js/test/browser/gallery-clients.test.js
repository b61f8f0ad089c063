// The gallery's clients with real servers, in both browsers; and to the eye.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { judgeWalk } from "./gallery-audit.js";
import { driveIrc, driveMail, driveScreen, driveTerminal, openClient } from "./gallery-clients.js";
import { tourClients } from "./gallery-clients-tour.js";
import { startRig } from "./gallery-rig.js";
import { leaving, tabTo, until } from "./gallery-steps.js";

/** @type {import("./gallery-rig.js").Rig} */
let rig;
before(async () => {
  rig = await startRig();
});
after(() => rig?.stop());

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`gallery's clients in ${name}`, { timeout: 300_000 }, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("two tabs talk on a channel of ngIRCd, and a cut of the network is not seen there", async () => {
      assert.equal((await driveIrc(browser, rig)).cuts, 1);
    });

    test("a mailbox of Dovecot is read within TLS, whichever way that began, and the page says what was verified", async () => {
      assert.equal((await driveMail(browser, rig)).certificate, rig.mail.fingerprint.slice(0, 16));
    });

    test("noVNC shows what TigerVNC has, pixel for pixel, and keys arrive there", async () => {
      assert.equal((await driveScreen(browser, rig)).pixels, "640x480");
    });

    test("a server that is not allowed is with the line that the page says; lines and bytes pass, and half a close", async () => {
      assert.equal((await driveTerminal(browser, rig)).command, `pageport dev --allow tcp://127.0.0.1:${rig.store.port}`);
    });

    test("everything is reached by keyboard, and the screen lets go of it", async () => {
      const unseen = [];
      for (const [page, stops] of Object.entries({ terminal: ["#target", "#tls", "#connect", "#text", "#end", "#hex"], irc: ["#nick", "#channel", "#connect", "#text"], mail: ["#user", "#password", "#starttls", "#connect"] })) {
        const client = await openClient(browser, rig.gateway, page);
        for (const stop of stops) unseen.push(...(await tabTo(client.page, stop)));
        await client.page.close();
      }
      const { page } = await openClient(browser, rig.gateway, "screen");
      unseen.push(...(await tabTo(page, "#target")));
      const keyboard = page.raw.keyboard;
      await keyboard.down("Control");
      await keyboard.press("a");
      await keyboard.up("Control");
      await keyboard.type(`${rig.screen.host}:${rig.screen.port}`);
      await keyboard.press("Enter");
      await until(page, "#state", /^Showing /);
      unseen.push(...(await tabTo(page, "#type")));
      await keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement?.localName), "canvas");
      await keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement?.localName), "canvas");
      await keyboard.down("Shift");
      await keyboard.press("Escape");
      await keyboard.up("Shift");
      assert.equal(await page.evaluate(() => document.activeElement?.id), "type");
      unseen.push(...(await tabTo(page, "#cad")));
      assert.deepEqual(unseen, []);
      await page.close();
    });
  });
}

test("no page of the gallery's clients has a fault in any state and view", async () => {
  const { states, faults, requests, errors } = await judgeWalk((browser, look) => tourClients(browser, rig, look));
  assert.equal(states.length, 17);
  assert.deepEqual(faults, []);
  assert.deepEqual(leaving(requests, rig.gateway), []);
  // noVNC says in the console too that it was left before it had a screen.
  assert.deepEqual(errors.filter((words) => !/^Failed when connecting/.test(words)), []);
});
