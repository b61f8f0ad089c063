// What a person sees instead of a page that is not there, as a browser lays it out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { judge, launchView, VIEWS } from "./gallery-audit.js";
import { startGateway } from "./gateway.js";

let gateway;
before(async () => (gateway = await startGateway()));
after(() => gateway.stop());

for (const view of VIEWS) {
  test(`a refusal is readable for everybody: ${view.scheme}, ${view.width} pixels wide`, async () => {
    const browser = await launchView(view);
    try {
      const page = await browser.newPage();
      await page.goto(gateway.url.replace("//", "//nobody-is-here-with-such-a-name."));
      const seen = await page.evaluate(() => ({
        lang: document.documentElement.lang,
        title: document.title,
        heading: document.querySelector("h1")?.textContent,
        code: document.querySelector("code")?.textContent,
        paper: getComputedStyle(document.body.appendChild(Object.assign(document.createElement("i"), { style: "background-color: Canvas" }))).backgroundColor,
        // Applied, so the policy of the answer allows it.
        styled: getComputedStyle(document.body).display,
      }));
      assert.deepEqual(seen, {
        lang: "en",
        title: "No listener has this name. (404)",
        heading: "No listener has this name.",
        code: "ERR_LISTENER_UNKNOWN",
        paper: view.scheme === "dark" ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)",
        styled: "grid",
      });
    } finally {
      await browser.close();
    }
  });
}

test("axe finds nothing to say about it", async () => {
  // It looks by running a script in the page, which the page's own policy forbids.
  for (const view of VIEWS) {
    const browser = await launchView(view, { bypassCSP: true });
    try {
      const page = await browser.newPage();
      await page.goto(gateway.url.replace("//", "//nobody-is-here-with-such-a-name."));
      const { violations, faint, passes, overflow, open } = await judge(page);
      assert.deepEqual({ violations, faint, overflow, open }, { violations: [], faint: [], overflow: 0, open: [] });
      assert.ok(passes > 5, `${passes} rules had something to look at`);
    } finally {
      await browser.close();
    }
  }
});
