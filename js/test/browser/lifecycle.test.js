// A tab that is hidden, frozen or left keeps its session, and where it cannot, nobody is left waiting. The long silences are
// for the proof; here the page finds out because it comes to the front again.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { awayAndBack, cover, freezer, launchThrottledChromium, openSteady, SteadyVisitor } from "./lifecycle.js";
import { startRelay } from "./relay.js";
import { startSite } from "./site.js";

const LAUNCH = { chromium: launchThrottledChromium, firefox: async () => (await launchFirefox()).raw };
/** Short, so that what ends with it can be waited for. No scenario leaves a session without a carrier for longer. */
const LEASE_S = 5;
const UNHARMED = { wrong: 0, closed: "no" };

let gateway;
let site;
before(async () => {
  [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_LIMITS__LEASE: `${LEASE_S}s`, PAGEPORT_LIMITS__DRAIN: "1s" } }), startSite()]);
});
after(async () => {
  site?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries(LAUNCH)) {
  describe(`a page in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("that was hidden while its carrier was lost silently goes on when it is seen again", async () => {
      const relay = await startRelay(gateway);
      const steady = await openSteady(browser, site, relay.url);
      const visitor = await SteadyVisitor.come(steady.pathUrl, 50);
      await cover(browser, site);
      assert.ok(await visitor.until(() => visitor.echoed > 3, 10_000));
      assert.equal((await steady.state()).hidden, true);
      assert.ok(relay.forget() > 0);
      const lost = visitor.sent;
      await visitor.until(() => false, 1_000);
      assert.ok(visitor.echoed <= lost, "echoes came through a lost carrier");
      await steady.page.bringToFront();
      const { sent, echoed, ...rest } = await visitor.settle();
      assert.deepEqual({ echoed, ...rest, slowest: 0 }, { echoed: sent, ...UNHARMED, slowest: 0 });
      const { times, state } = await steady.state();
      assert.deepEqual([times, state], [1, "open"]);
      visitor.leave();
      await relay.close();
    });

    test("that is left for another page is kept with its session, or the visitor is told", async () => {
      const steady = await openSteady(browser, site, gateway.url);
      const visitor = await SteadyVisitor.come(steady.pathUrl, 50);
      assert.ok(await visitor.until(() => visitor.echoed > 3, 10_000));
      await awayAndBack(steady.page, site, () => visitor.until(() => visitor.closed, name === "firefox" ? (LEASE_S + 5) * 1000 : 1_000));
      const { diary, kept } = await steady.state();
      if (name === "firefox") {
        // It keeps no page that has an open WebSocket, and closes that before the page can say a word: the lease decides.
        assert.deepEqual([kept, diary], ["false", []]);
        assert.ok(visitor.closed, "the visitor was left hanging");
      } else {
        assert.ok(diary.some(({ what }) => what === "pageshow persisted=true"), JSON.stringify(diary));
        const { sent, echoed, wrong, closed } = await visitor.settle();
        assert.deepEqual({ echoed, wrong, closed }, { echoed: sent, ...UNHARMED });
      }
      visitor.leave();
    });
  });
}

test("a page that was frozen goes on when it is resumed", async () => {
  const browser = await launchThrottledChromium();
  try {
    const steady = await openSteady(browser, site, gateway.url);
    const visitor = await SteadyVisitor.come(steady.pathUrl, 50);
    assert.ok(await visitor.until(() => visitor.echoed > 3, 10_000));
    const freeze = await freezer(steady.page);
    await freeze("frozen");
    const frozen = visitor.sent;
    await visitor.until(() => visitor.sent > frozen + 20 || visitor.closed, 10_000);
    await freeze("active");
    const { sent, echoed, wrong, closed } = await visitor.settle();
    assert.deepEqual({ echoed, wrong, closed }, { echoed: sent, ...UNHARMED });
    assert.ok(visitor.slowest > 500, "it never stood still");
    const { diary, times } = await steady.state();
    assert.ok(["freeze", "resume"].every((event) => diary.some(({ what }) => what === event)), JSON.stringify(diary));
    assert.equal(times, 1);
    visitor.leave();
  } finally {
    await browser.close();
  }
});
