// The gallery's servers: each driven from end to end in both browsers, and looked at in every state, light and dark, narrow and
// wide. Pictures for people are in target/show/v10.

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launchChromium, launchFirefox } from "../browser/driver.js";
import { judge, launchView, overlooked, plantedFaults, VIEWS } from "../browser/gallery-audit.js";
import { driveConnect } from "../browser/gallery-connect.js";
import { driveLines, driveWebhook, driveWebsite } from "../browser/gallery-drive.js";
import { tourServers } from "../browser/gallery-servers.js";
import { foreignSite, leaving, open } from "../browser/gallery-steps.js";
import { tour } from "../browser/gallery-tour.js";
import { startGateway } from "../browser/gateway.js";
import { fact } from "./facts.mjs";

const pictures = new URL("../../../target/show/v10/", import.meta.url);
await mkdir(pictures, { recursive: true });
const gateway = await startGateway();
const elsewhere = await foreignSite();
const faulty = await foreignSite(plantedFaults(elsewhere.origin));
let faults = 0;
try {
  for (const launch of [launchChromium, launchFirefox]) {
    const browser = await launch();
    const where = { browser: browser.name, version: browser.version };
    for (const [demo, drive] of Object.entries({ website: driveWebsite, webhook: driveWebhook, lines: driveLines, connect: driveConnect })) {
      fact({ ...where, demo, ...(await drive(browser, gateway)) });
    }
    await browser.close();
  }
  for (const view of VIEWS) faults += await look(view);
} finally {
  faulty.close();
  elsewhere.close();
  await gateway.stop();
}
fact({ pictures: "target/show/v10" });
process.exit(faults ? 1 : 0);

async function look(view) {
  const browser = await launchView(view);
  let states = 0;
  let rules = 0;
  let violations = 0;
  const see = async (state, page) => {
    const verdict = await judge(page);
    states++;
    rules += verdict.passes;
    const found = [...verdict.violations, ...verdict.faint.map((place) => `faint ${place}`), ...(verdict.overflow > 0 ? ["too wide"] : [])];
    violations += found.length;
    for (const words of found) console.log(`${state}: ${words}`);
    const path = fileURLToPath(new URL(`${state}-${view.scheme}-${view.width}.png`, pictures));
    await page.raw.screenshot({ path, fullPage: true });
  };
  const servers = await tourServers(browser, gateway, see);
  const older = await tour(browser, gateway, see);
  const left = leaving([...servers.requests, ...older.requests], gateway);
  const { page } = await open(browser, faulty.url);
  const missed = overlooked(await judge(page));
  fact({ ...view, states, rules_passed: rules, violations, third_party_requests: left.length, planted_faults_missed: missed.length });
  await browser.close();
  return violations + left.length + missed.length;
}
