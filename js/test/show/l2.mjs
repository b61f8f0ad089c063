// Pages in Chromium and in Firefox listen; four independent clients visit each of them, by name and by path, and every
// message is hashed at both ends. What must fail does: a message changed by either side, and a visit that was never
// refused.

import { launchChromium, launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { meet, planOf, refuse, SIZES, startListener } from "../browser/matrix.js";
import { startSite } from "../browser/site.js";
import { browserVisitor, pythonVisitor, wsVisitor } from "../browser/visitors.js";
import { fact, table } from "./facts.mjs";

const FORMS = /** @type {const} */ (["name", "path"]);
const plan = planOf(SIZES);
const failures = [];
const fail = (words) => (failures.push(words), console.log(`FAILED ${words}`));

const [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_LIMITS__DRAIN: "1s" } }), startSite()]);
const browsers = [await launchChromium(), await launchFirefox()];
try {
  const listeners = await Promise.all(browsers.map((browser) => startListener(browser, gateway, site)));
  const visitors = [wsVisitor(), await pythonVisitor()];
  for (const browser of browsers) visitors.push(await browserVisitor(browser, site.other));
  for (const { name, version, origin } of visitors) fact({ client: name, version, origin });
  for (const { browser, url, pathUrl } of listeners)
    fact({ listener: browser.name, version: browser.version, origin: site.local, url, path_url: pathUrl });
  fact({
    messages_per_visit: plan.length,
    sizes: SIZES.join(","),
    forms: "text,binary",
    hash: "SHA-256 of every message, at each end",
  });

  await exchanges(listeners, visitors);
  await refusals(listeners, visitors);
  await controls(listeners, visitors);
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  site.close();
  await gateway.stop();
}
if (failures.length) {
  console.log(`${failures.length} of what has to be seen was not`);
  process.exit(1);
}

async function exchanges(listeners, visitors) {
  const rows = [];
  let total = 0;
  for (const listener of listeners) {
    for (const visitor of visitors) {
      for (const form of FORMS) {
        const seen = await meet(listener, visitor, form, plan);
        const row = [
          listener.browser.name,
          visitor.name,
          form,
          seen.bytes,
          ...both(seen.toPage),
          ...both(seen.toVisitor),
          seen.seconds.toFixed(1),
          seen.faults.length ? "WRONG" : "same",
        ];
        rows.push(row);
        console.log(`  ${row.join("  ")}`);
        total += seen.bytes;
        for (const words of seen.faults) fail(`${listener.browser.name} ${visitor.name} by ${form}: ${words}`);
        if (form === "name")
          fact({ headers_of: visitor.name, seen_by: listener.browser.name, names: seen.headers.join(",") });
      }
    }
  }
  console.log("\nhashes are of all messages of one direction: taken before sending, and after receiving\n");
  table(
    ["listener", "client", "form", "bytes", "client sent", "page got", "page sent", "client got", "s", "verdict"],
    rows,
  );
  fact({ visits: rows.length, bytes: total });
  if (rows.length !== 16) fail(`${rows.length} visits, not 16`);
}

async function refusals(listeners, visitors) {
  const rows = [];
  for (const listener of listeners) {
    for (const visitor of visitors) {
      for (const form of FORMS) {
        const { faults, told } = await refuse(listener, visitor, form);
        rows.push([listener.browser.name, visitor.name, form, told]);
        for (const words of faults) fail(`refusal ${listener.browser.name} ${visitor.name} by ${form}: ${words}`);
      }
    }
  }
  console.log("\nwhat a client is told whom the page refuses with 451 and a reason\n");
  table(["listener", "client", "form", "told"], rows);
}

/** The same comparisons have to find a fault where one was made. */
async function controls(listeners, visitors) {
  const small = planOf([125, 65_536]);
  for (const listener of listeners) {
    for (const visitor of visitors) {
      const page = await meet(listener, visitor, "name", small, { page: 2 });
      const byPage = page.faults.length === 1 && /^message 2 .* to the visitor/.test(page.faults[0]);
      fact({
        control: "page changes one bit of message 2",
        listener: listener.browser.name,
        client: visitor.name,
        found: page.faults.length,
      });
      if (!byPage) fail(`a message that the page changed was not found: ${page.faults}`);
    }
    const ws = visitors[0];
    const visitor = await meet(listener, ws, "path", small, { visitor: 3 });
    fact({
      control: "client changes one bit of message 3",
      listener: listener.browser.name,
      client: ws.name,
      found: visitor.faults.length,
    });
    if (!(visitor.faults.length === 1 && /^message 3 .* to the page/.test(visitor.faults[0])))
      fail(`a message that the client changed was not found: ${visitor.faults}`);
    const asked = {
      ...ws,
      headers: (byName) =>
        ws.headers(byName)?.map(([name, value]) => [name, name === "origin" ? `${value}x` : value]),
    };
    const origin = await meet(listener, /** @type {any} */ (asked), "name", small);
    fact({
      control: "another Origin is expected than was sent",
      listener: listener.browser.name,
      client: ws.name,
      found: origin.faults.length,
    });
    if (!(origin.faults.length === 1 && /^headers/.test(origin.faults[0])))
      fail(`a wrong Origin was not found: ${origin.faults}`);
  }
}

function both({ sent, received }) {
  return [sent, received];
}
