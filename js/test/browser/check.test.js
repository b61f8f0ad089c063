// The gallery's network check, in both browsers: every carrier that the gateway offers works on an open network, what does not is said,
// and nobody is left with a session.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { judgeWalk } from "./gallery-audit.js";
import { click, leaving, open, tabTo, text, until } from "./gallery-steps.js";
import { startGateway } from "./gateway.js";

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

/** The rows of the table, by carrier. @param {import("./driver.js").Page} page @returns {Promise<Record<string, string[]>>} */
function table(page) {
  return page.evaluate(() => {
    const rows = [...document.querySelectorAll("#results tr")];
    return Object.fromEntries(rows.map(({ cells: [carrier, ...cells] }) => [carrier.textContent, cells.map((cell) => cell.textContent)]));
  });
}

/** Checks, and waits for the verdict. @param {import("./driver.js").Page} page */
async function check(page) {
  await click(page, "#run");
  await until(page, "#run", /^Check again$/);
}

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`network check in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("what works is measured, and what does not says why", async () => {
      const { page, errors, requests } = await open(browser, `${gateway.url}/check/`);
      await check(page);
      const rows = await table(page);
      for (const carrier of ["websocket", "http", "http-poll"]) {
        const [state, ...numbers] = rows[carrier];
        assert.equal(state, "works", `${carrier}: ${state}`);
        assert.equal(numbers.length, 5);
        for (const number of numbers) assert.match(number, /^\d+(\.\d+)? (ms|Mbit\/s)$/, `${carrier}: ${numbers}`);
      }
      assert.match(rows.webtransport[0], /^(works|not in this browser|not offered by this gateway)$/);
      const best = rows.webtransport[0] === "works" ? "webtransport" : "websocket";
      assert.equal(await text(page, "#state"), `Best for pages here: ${best}`);
      assert.match(await text(page, "#requests"), /^\d+(\.\d+)? ms there and back; answers are streamed\.$/);
      const found = JSON.parse(await text(page, "#json"));
      assert.equal(found.best, best);
      assert.deepEqual(found.carriers.map(({ carrier }) => carrier), ["webtransport", "websocket", "http", "http-poll"]);
      assert.deepEqual(errors, []);
      assert.deepEqual(leaving(requests, gateway), []);
    });

    test("what this browser remembers to have failed is tried all the same", async () => {
      const { page } = await open(browser, `${gateway.url}/check/`);
      await page.evaluate(async () => {
        localStorage[`pageport carriers ${location.origin}`] = JSON.stringify({ best: "http", failed: { websocket: Date.now() } });
        const { configure } = await import(/** @type {any} */ ("/pageport.js"));
        // One that takes its time to open.
        configure({
          WebSocket: class extends WebSocket {
            set onopen(/** @type {any} */ opened) {
              super.onopen = (/** @type {any} */ event) => setTimeout(() => opened(event), 500);
            }
          },
        });
      });
      await check(page);
      assert.equal((await table(page)).websocket[0], "works");
    });

    test("a measurement that stands still is given up, and said", async () => {
      const { page } = await open(browser, `${gateway.url}/check/`);
      await page.evaluate(async () => {
        const { session } = await import(/** @type {any} */ ("/pageport.js"));
        Object.getPrototypeOf(session()).createBidirectionalStream = async () => ({ reply: Promise.resolve(), readable: new ReadableStream(), writable: new WritableStream() });
        // Its patience is long.
        const { setTimeout } = globalThis;
        Object.assign(globalThis, { setTimeout: (/** @type {() => void} */ then, ms = 0) => setTimeout(then, ms === 15_000 ? 500 : ms) });
      });
      await check(page);
      assert.equal((await table(page)).websocket[0], "stands still");
    });

    test("it is begun by keyboard, and everything else is reached by it", async () => {
      const { page } = await open(browser, `${gateway.url}/check/`);
      assert.deepEqual(await tabTo(page, "#run"), []);
      await page.raw.keyboard.press("Enter");
      await until(page, "#state", /^Trying /);
      // Whoever has begun it is still there, and cannot begin it twice.
      assert.equal(await page.evaluate(() => `${document.activeElement?.id} ${document.activeElement?.getAttribute("aria-disabled")}`), "run true");
      assert.deepEqual([...(await tabTo(page, "[data-copy=line]")), ...(await tabTo(page, "summary"))], []);
    });
  });
}

test("no session is left behind", async () => {
  const left = async () => /pageport_sessions\{state="attached"\} (\d+)/.exec(await (await fetch(`${gateway.admin}/metrics`)).text())?.[1];
  while ((await left()) !== "0") await new Promise((resolve) => setTimeout(resolve, 100));
});

test("the page of the network check has no fault in any view, before and after", async () => {
  const { states, faults } = await judgeWalk(async (browser, look) => {
    const { page, ...seen } = await open(browser, `${gateway.url}/check/`);
    await look("before", page);
    await check(page);
    await look("after", page);
    return seen;
  });
  assert.equal(states.length, 2);
  assert.deepEqual(faults, []);
});
