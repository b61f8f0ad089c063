// What every browser test stands on: both browsers start, load a page over HTTP and run code in it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";

const server = createServer((_request, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>driver</title><script>window.sum = (a, b) => a + b</script>");
});
let url;

before(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  url = `http://localhost:${port}/`;
});
after(() => server.close());

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  test(`${name} runs code in a page and reports its console and its errors`, async () => {
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      const console = new Promise((resolve) => page.onConsole((text, type) => resolve({ text, type })));
      const seen = await page.evaluate(
        ([a, b]) => {
          globalThis.console.warn("from the page");
          // @ts-expect-error `sum` is the page's own
          return { sum: window.sum(a, b), title: document.title, secure: isSecureContext };
        },
        [2, 3],
      );
      assert.deepEqual(seen, { sum: 5, title: "driver", secure: true });
      assert.deepEqual(await console, { text: "from the page", type: "warn" });
      await assert.rejects(page.evaluate(() => Promise.reject(new Error("thrown in the page"))), /thrown in the page/);
      assert.match(browser.version, /^\d+\./);
    } finally {
      await browser.close();
    }
  });
}
