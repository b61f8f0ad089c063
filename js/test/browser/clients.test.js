// Whatever WebSocket client somebody has, it can talk to a page: npm's ws, Python's websockets and both browsers, with
// a listener in each browser, by name and by path. The whole matrix with the largest messages is a proof of its own.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { meet, planOf, refuse, startListener } from "./matrix.js";
import { startSite } from "./site.js";
import { browserVisitor, pythonVisitor, wsVisitor } from "./visitors.js";

const NAMES = ["chromium", "firefox"];
const CLIENTS = ["ws", "python", ...NAMES];
const FORMS = /** @type {const} */ (["name", "path"]);
const small = planOf([0, 1, 125, 126, 65_535, 65_536]);

let gateway;
let site;
let browsers = [];
/** @type {Record<string, import("./matrix.js").Listener>} */
const listeners = {};
/** @type {Record<string, import("./visitors.js").Visitor>} */
const visitors = {};

before(async () => {
  [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_LIMITS__DRAIN: "1s" } }), startSite()]);
  browsers = await Promise.all([launchChromium(), launchFirefox()]);
  for (const browser of browsers) {
    listeners[browser.name] = await startListener(browser, gateway, site);
    visitors[browser.name] = await browserVisitor(browser, site.other);
  }
  visitors.ws = wsVisitor();
  visitors.python = await pythonVisitor();
});
after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  site?.close();
  await gateway?.stop();
});

for (const name of NAMES) {
  describe(`a page that listens in ${name}`, () => {
    for (const client of CLIENTS) {
      test(`exchanges text and binary with ${client}, sees who it is and chooses a subprotocol`, async () => {
        for (const form of FORMS) {
          const { faults, bytes } = await meet(listeners[name], visitors[client], form, small);
          assert.deepEqual(faults, [], form);
          assert.equal(bytes, 4 * (1 + 125 + 126 + 65_535 + 65_536));
        }
      });

      test(`refuses ${client} with a status`, async () => {
        for (const form of FORMS)
          assert.deepEqual((await refuse(listeners[name], visitors[client], form)).faults, [], form);
      });
    }

    test("takes and sends messages of 16 MiB", async () => {
      const { faults } = await meet(listeners[name], visitors.ws, "path", [
        ["binary", 16 << 20],
        ["text", 1 << 20],
      ]);
      assert.deepEqual(faults, []);
    });

    test("a bit that either side changes is found", async () => {
      const plan = planOf([125, 65_536]);
      const byPage = await meet(listeners[name], visitors.ws, "name", plan, { page: 2 });
      assert.match(byPage.faults.join("\n"), /^message 2 \(text, 65536 bytes\) to the visitor: .*$/);
      const byVisitor = await meet(listeners[name], visitors.ws, "name", plan, { visitor: 3 });
      assert.match(byVisitor.faults.join("\n"), /^message 3 \(binary, 65536 bytes\) to the page: .*$/);
    });
  });
}
