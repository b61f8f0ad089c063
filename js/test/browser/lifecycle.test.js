// A tab that is hidden, frozen or left keeps its session, and where it cannot, nobody is left waiting. The long
// silences are for the proof; here the page finds out because it comes to the front again.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { awayAndBack, cover, freezer, launchThrottledChromium, openSteady, SteadyVisitor } from "./lifecycle.js";
import { startRelay } from "./relay.js";
import { startSite } from "./site.js";

const LAUNCH = { chromium: launchThrottledChromium, firefox: async () => (await launchFirefox()).raw };
/** Far longer than it may take to tell a visitor that the page has gone. */
const LEASE_S = 60;
/** A page that goes says so itself, or its browser does, and then the session lives for 10 s more. */
const TOLD_MS = { chromium: 5_000, firefox: 30_000 };
/** Long enough for a visitor to be told, were the page not kept. */
const STAY_MS = { chromium: 2_000, firefox: 30_000 };
const UNHARMED = { wrong: 0, closed: "no" };

let gateway;
let site;
before(async () => {
  [gateway, site] = await Promise.all([
    startGateway({ env: { PAGEPORT_LIMITS__LEASE: `${LEASE_S}s`, PAGEPORT_LIMITS__DRAIN: "1s" } }),
    startSite(),
  ]);
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

    test("that was hidden while its carrier was lost silently goes on when it is seen again", async (t) => {
      const relay = await startRelay(gateway);
      t.after(relay.close);
      const { steady, visitor } = await visited(t, browser, relay.url);
      await cover(browser, site);
      assert.ok(await steady.noted("visibilitychange hidden", 5_000));
      assert.ok(relay.forget() > 0);
      const lost = visitor.sent;
      await visitor.until(() => false, 1_000);
      assert.ok(visitor.echoed <= lost, "echoes came through a lost carrier");
      await steady.page.bringToFront();
      const { sent, echoed, wrong, closed } = await visitor.settle();
      assert.deepEqual({ echoed, wrong, closed }, { echoed: sent, ...UNHARMED });
      const { times, state } = await steady.state();
      assert.deepEqual([times, state], [1, "open"]);
    });

    test("that is left for another page is kept with its session, or the visitor is told", async (t) => {
      const { steady, visitor } = await visited(t, browser, gateway.url);
      await awayAndBack(steady.page, site, () => visitor.until(() => visitor.closed, STAY_MS[name]));
      const { diary, kept } = await steady.state();
      if (name === "firefox") {
        // It keeps no page that has an open WebSocket, and closes that before the page can say a word: a request does.
        assert.deepEqual([kept, diary], ["false", []]);
        assert.ok(visitor.closed, "the visitor was left hanging");
      } else {
        assert.ok(
          diary.some(({ what }) => what === "pageshow persisted=true"),
          JSON.stringify(diary),
        );
        const { sent, echoed, wrong, closed } = await visitor.settle();
        assert.deepEqual({ echoed, wrong, closed }, { echoed: sent, ...UNHARMED });
      }
    });

    test("that is closed ends with its visitors, at once", async (t) => {
      const { steady, visitor } = await visited(t, browser, gateway.url);
      await steady.page.close();
      assert.ok(await visitor.until(() => visitor.closed, TOLD_MS[name]), "the visitor was left hanging");
    });

    for (const carrier of ["websocket", "webtransport", "http"]) {
      test(`that is carried by ${carrier} ends with its visitors when it is closed`, async (t) => {
        const { steady, visitor } = await visited(t, browser, gateway.url, carrier);
        await steady.page.close();
        assert.ok(await visitor.until(() => visitor.closed, TOLD_MS[name]), "the visitor was left hanging");
      });
    }

    test("that begins to listen while its gateway is down listens once that is back", async (t) => {
      let own = await startGateway();
      t.after(() => own.stop());
      const page = await browser.newPage();
      await page.goto(`${site.local}/patient`);
      await page.evaluate((url) => import(`${url}/pageport.js`).then(() => {}), own.url);
      await own.stop();
      const told = await page.evaluate(async (url) => {
        const { WebSocketListener } = await import(`${url}/pageport.js`);
        Object.assign(window, { listener: new WebSocketListener() });
        return new Promise((resolve) => (window.listener.onerror = ({ error }) => resolve(error.code)));
      }, own.url);
      assert.equal(told, "ERR_GATEWAY_UNREACHABLE");
      own = await startGateway({ args: ["--listen", `127.0.0.1:${own.port}`] });
      const url = await page.evaluate(async () => {
        const { listener } = window;
        if (!listener.url) await new Promise((resolve) => (listener.onlistening = listener.onclose = resolve));
        return listener.url;
      });
      assert.match(url, /^ws:/);
      await page.close();
    });

    // Firefox has no way to ask for it.
    if (name !== "chromium") return;
    test("that was frozen goes on when it is resumed", async (t) => {
      const { steady, visitor } = await visited(t, browser, gateway.url);
      const freeze = await freezer(steady.page);
      await freeze("frozen");
      const frozen = visitor.sent;
      assert.ok(await visitor.until(() => visitor.sent > frozen + 20, 10_000));
      await freeze("active");
      const { sent, echoed, wrong, closed } = await visitor.settle();
      assert.deepEqual({ echoed, wrong, closed }, { echoed: sent, ...UNHARMED });
      assert.ok(visitor.slowest > 500, "it never stood still");
      const { diary, times } = await steady.state();
      assert.ok(
        ["freeze", "resume"].every((event) => diary.some(({ what }) => what === event)),
        JSON.stringify(diary),
      );
      assert.equal(times, 1);
    });
  });
}

/**
 * A page that listens, and a visitor who is being served.
 * @param {import("node:test").TestContext} t
 * @param {any} browser
 * @param {string} url
 * @param {string} [carrier] the only kind that it may use
 */
async function visited(t, browser, url, carrier) {
  const steady = await openSteady(browser, site, url, carrier);
  const visitor = await SteadyVisitor.come(steady.pathUrl, 50);
  t.after(() => visitor.leave());
  assert.ok(await visitor.until(() => visitor.echoed > 3, 10_000));
  return { steady, visitor };
}
