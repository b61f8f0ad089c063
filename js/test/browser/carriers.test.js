// The same suite on each carrier, in both browsers behind the real gateway. Larger transfers are a proof of their own.

import { after, before, describe, test } from "node:test";
import { CarriedPage, ROWS, SUITE } from "./carriers.js";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";

const BYTES = 2 << 20;
const LAUNCH = {
  chromium: () => launchChromium({ args: ["--ignore-certificate-errors"], context: { ignoreHTTPSErrors: true } }),
  firefox: () => launchFirefox({ acceptInsecureCerts: true }),
};

let gateways;
let site;
before(async () => {
  gateways = await Promise.all([startGateway(), startGateway({ args: ["--tls"] })]);
  site = await startSite();
});
after(async () => {
  site?.close();
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
});

for (const [name, launch] of Object.entries(LAUNCH)) {
  describe(`a page in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    for (const row of ROWS) {
      test(`that is carried by ${row.name}`, async () => {
        const page = await CarriedPage.carried(browser, site, gateways[+Boolean(row.tls)], row);
        for (const check of Object.values(SUITE)) await check(page, BYTES);
        await page.carriage();
        await page.page.close();
      });
    }
  });
}
