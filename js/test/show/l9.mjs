// Every page of the gallery in every state that looks different, in light and dark, narrow and wide: axe-core's verdict, and a
// picture of each for people, in target/show/l9.

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { judge, launchView, overlooked, plantedFaults, VIEWS } from "../browser/gallery-audit.js";
import { foreignSite, leaving, open } from "../browser/gallery-steps.js";
import { tour } from "../browser/gallery-tour.js";
import { startGateway } from "../browser/gateway.js";
import { fact } from "./facts.mjs";

const pictures = new URL("../../../target/show/l9/", import.meta.url);
await mkdir(pictures, { recursive: true });
const [gateway, site] = await Promise.all([startGateway(), foreignSite()]);
const faulty = await foreignSite(plantedFaults(site.origin));
let faults = 0;
try {
  for (const view of VIEWS) {
    const browser = await launchView(view);
    let states = 0;
    let violations = 0;
    let rules = 0;
    const { requests } = await tour(browser, gateway, async (state, page) => {
      const verdict = await judge(page);
      states++;
      rules += verdict.passes;
      const found = [...verdict.violations, ...verdict.faint.map((place) => `faint ${place}`), ...(verdict.overflow > 0 ? ["too wide"] : [])];
      violations += found.length;
      for (const words of found) console.log(`${state}: ${words}`);
      const path = fileURLToPath(new URL(`${state}-${view.scheme}-${view.width}.png`, pictures));
      await page.raw.screenshot({ path, fullPage: true });
    });
    const left = leaving(requests, gateway);
    const { page } = await open(browser, faulty.url);
    const missed = overlooked(await judge(page));
    fact({ ...view, states, rules_passed: rules, violations, third_party_requests: left.length, planted_faults_missed: missed.length });
    faults += violations + left.length + missed.length;
    await browser.close();
  }
} finally {
  faulty.close();
  site.close();
  await gateway.stop();
}
fact({ pictures: "target/show/l9" });
process.exit(faults ? 1 : 0);
