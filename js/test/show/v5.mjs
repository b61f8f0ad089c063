// A listener tries to harm its sibling in a real Chromium: with a cookie that it tosses over, with a request and with a WebSocket in
// the sibling's visitor's name. Below a public suffix none of it works. Where the base is no public suffix what needs no more than a
// script works, which is the control and the reason why a gateway for strangers wants a base that is one. What goes through the
// gateway itself is stopped everywhere.

import { launchChromium } from "../browser/driver.js";
import { attack, resolving } from "../browser/siblings.js";
import { startSite } from "../browser/site.js";
import { fact, table } from "./facts.mjs";

/** Bases, and whether Chromium's own list separates what is below them. */
const BASES = [
  { base: "ngrok.io", separated: true, why: "on the Public Suffix List, its private part" },
  { base: "github.io", separated: true, why: "on the Public Suffix List, its private part" },
  { base: "localhost", separated: true, why: "not on the list: a single label, which Chromium takes for a suffix" },
  { base: "gw.test", separated: false, why: "not on the list: all siblings are one site" },
];

const failures = [];
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => {
  if (!holds) failures.push(words), console.log(`FAILED ${words}`);
};

const args = [resolving(BASES.map(({ base }) => base))];
const browser = await launchChromium({ args, context: { bypassCSP: true } });
const site = await startSite();
fact({ browser: browser.name, version: browser.version, scheme: "http, so that SameSite=Lax is all that guards the cookie" });
try {
  const rows = [];
  for (const { base, separated, why } of BASES) {
    const { script, answer, request, webSocket, path } = await attack(browser, site, base, must);
    const scripts = [script, request, webSocket];
    must(scripts.every((worked) => worked === !separated), `${base}: ${separated ? "an attack works" : "the control does not work"}`);
    must(!answer && !path, `${base}: the gateway itself is in the way everywhere`);
    fact({ base, why, attacks_by_script_that_worked: scripts.filter(Boolean).length, of: scripts.length });
    rows.push([base, separated, script, request, webSocket, answer, path].map((cell) => ({ true: "yes", false: "no" })[String(cell)] ?? cell));
  }
  table(["base", "separated", "cookie by script", "request", "WebSocket", "cookie by answer", "cookie by path"], rows);
} finally {
  await browser.close();
  site.close();
}
if (failures.length) process.exit(1);
