// Names belong to keys: claims and tokens that must be refused, tabs that are reloaded, doubled and robbed, and a gateway that is killed
// with -9 and comes back. Claims by hand are made with Node's own cryptography, tabs with the module.

import { launchChromium, launchFirefox } from "../browser/driver.js";
import { Claimant } from "../browser/claimant.js";
import { attach, claimCases, listen, tokenCases } from "../browser/names-cases.js";
import { Rig, Tab, until, visit } from "../browser/names-rig.js";
import { startSite } from "../browser/site.js";
import { fact, table } from "./facts.mjs";

const RETURN_MS = 5_000;
const RELOAD_MS = 1_000;
const KILLS = 3;

const failures = [];
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => {
  if (!holds) failures.push(words), console.log(`FAILED ${words}`);
};

const site = await startSite();
const origins = [site.local];
const [kept, forgetful] = await Promise.all([Rig.start({ data: true, origins }), Rig.start({ data: false, origins })]);
const browsers = [await launchChromium(), await launchFirefox()];
try {
  await cases();
  for (const [at, browser] of browsers.entries()) {
    fact({ browser: browser.name, version: browser.version });
    await tabs(browser, `shop-${browser.name}`, browsers[1 - at]);
  }
  await killed();
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  site.close();
  await Promise.all([kept.stop(), forgetful.stop()]);
}
if (failures.length) {
  console.log(`${failures.length} of what has to be seen was not`);
  process.exit(1);
}

async function cases() {
  const results = [...(await claimCases(kept.world, forgetful.world)), ...(await tokenCases(kept.world, kept.issuer))];
  table(["case", "expected", "got"], results.map(({ name, expected, got }) => [name, expected, got]));
  for (const { name, expected, got } of results) must(expected === got, `${name}: ${got}, not ${expected}`);
  const codes = new Set(results.map(({ got }) => got));
  fact({ cases: results.length, as_expected: results.filter(({ expected, got }) => expected === got).length, outcomes: codes.size });
}

/** Reload, second tab, take-over, and a browser with another key. */
async function tabs(browser, name, stranger) {
  const first = await Tab.open(browser, site, kept.url);
  const { number, pathUrl, diary } = await first.listen({ name });
  must(diary[0].startsWith("listening "), `${name} is listened to: ${diary}`);
  const before = await first.id();
  must((await visit(pathUrl)) === `${before} heard hello`, `a visitor meets ${name}`);

  const second = await Tab.open(browser, site, kept.url);
  const refused = await second.listen({ name });
  must(refused.diary[0] === "error ERR_NAME_IN_USE", `a second tab is told: ${refused.diary}`);
  must((await visit(pathUrl)) === `${before} heard hello`, `and the first one keeps ${name}`);

  const other = await Tab.open(stranger, site, kept.url);
  const taken = await other.listen({ name });
  must(taken.diary[0] === "error ERR_NAME_TAKEN", `another key is told: ${taken.diary}`);
  await other.close();

  const thief = await second.listen({ name, takeover: true });
  must(thief.diary[0].startsWith("listening "), `a second tab may take ${name} over: ${thief.diary}`);
  const robbed = await first.noted(number, 3);
  must(robbed[1] === "error ERR_NAME_REPLACED" && robbed[2] === "close", `the first one is told: ${robbed}`);
  const after = await second.id();
  must((await visit(pathUrl)) === `${after} heard hello`, `visitors of ${name} meet the second tab`);

  const begin = performance.now();
  await second.load();
  const loaded = performance.now();
  await second.listen({ name });
  const now = await second.id();
  must(now !== after, "the page is a new one");
  await until(pathUrl, (heard) => heard === `${now} heard hello`);
  const reload = Math.round(performance.now() - begin);
  must(reload <= RELOAD_MS, `a reload takes ${reload} ms`);
  fact({ reload: browser.name, until_a_visitor_is_answered_ms: reload, of_which_loading_ms: Math.round(loaded - begin) });
  await first.close();
  await second.close();
}

/** A gateway that is killed loses streams, and no name. */
async function killed() {
  const name = "shop-killed";
  const tab = await Tab.open(browsers[0], site, kept.url);
  const { pathUrl } = await tab.listen({ name });
  const id = await tab.id();
  for (let round = 1; round <= KILLS; round++) {
    must((await visit(pathUrl)) === `${id} heard hello`, "a visitor is answered before the kill");
    const { signal } = await kept.gateway.kill();
    must(signal === "SIGKILL", `it ends by ${signal}`);
    await kept.begin();
    // At once, before its owner may be back.
    const stranger = await attach(kept.world);
    const key = new Claimant();
    const answer = await listen(stranger, name, key.of(stranger, name));
    must(answer === "ERR_NAME_TAKEN", `another key is told ${answer}`);
    stranger.drop();
    const back = await until(pathUrl, (heard) => heard === `${id} heard hello`);
    must(back <= RETURN_MS, `the page is reachable ${back} ms after the gateway's return`);
    fact({ kill: round, reachable_again_after_ms: back, another_key_is_told: answer });
  }
  await tab.close();
  // Control: where nothing is kept, the first to come has the name.
  const owner = await attach(forgetful.world);
  must((await listen(owner, name, new Claimant().of(owner, name))) === "ok", "control: the name is claimed");
  await forgetful.gateway.kill();
  await forgetful.begin();
  const stranger = await attach(forgetful.world);
  const answer = await listen(stranger, name, new Claimant().of(stranger, name));
  must(answer === "ok", `control: without a directory another key gets it, not ${answer}`);
  fact({ control: "without a directory", another_key_is_told: answer });
  owner.drop(), stranger.drop();
}
