// A good page and its good visitor, next to whatever a test does to the gateway: a Chromium tab that uses the module
// and echoes, and an ordinary client that talks to it. It must never reconnect: that its connection is still the first
// one is what it proves.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { WebSocket } from "ws";

/** How long an echo may take. The machine may be busy with the test; the gateway must not be. */
const WITHIN_MS = 5_000;

/**
 * @param {import("./driver.js").Browser} browser
 * @param {{ url: string }} gateway
 * @param {{ local: string }} site
 */
export async function startBystander(browser, gateway, site) {
  const page = await browser.newPage();
  await page.goto(`${site.local}/`);
  const { name, pathUrl } = await page.evaluate(
    async ([gateway]) => (await import(/** @type {any} */ ("/pages/echo.js"))).listen(gateway),
    [gateway.url],
  );
  const visitor = new WebSocket(pathUrl.replace("localhost", "127.0.0.1"), { perMessageDeflate: false });
  await once(visitor, "open");
  /** @type {Map<string, (back: string) => void>} */
  const waiting = new Map();
  let closed = "";
  let echoes = 0;
  visitor.on("message", (data) => waiting.get(Buffer.from(/** @type {Buffer} */ (data)).toString("base64"))?.(""));
  visitor.on("close", (code) => {
    closed = `its connection was closed with ${code}`;
    for (const settle of waiting.values()) settle(closed);
  });

  return {
    /** The name of its listener, for visitors of tests. */
    name,
    /** How often it was seen to work. */
    get echoes() {
      return echoes;
    },
    /** Nothing if a fresh message comes back unchanged, otherwise what is wrong. @returns {Promise<string>} */
    async echo() {
      if (closed) return closed;
      const message = randomBytes(1024);
      const key = message.toString("base64");
      const wrong = await new Promise((resolve) => {
        const timer = setTimeout(resolve, WITHIN_MS, `no echo within ${WITHIN_MS} ms`);
        waiting.set(key, (words) => (clearTimeout(timer), resolve(words)));
        visitor.send(message);
      });
      waiting.delete(key);
      if (!wrong) echoes++;
      return wrong;
    },
    async close() {
      visitor.terminate();
      await page.close();
    },
  };
}
