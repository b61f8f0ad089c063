// The life of a tab: hidden for five minutes while its network is lost without a word, frozen, and put into the
// back/forward cache. A visitor outside numbers its messages and wants every one of them back, once, in order, on the
// connection it has. Where a session cannot survive, the page and the visitor have to be told, and the proof says why.

import { launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import {
  awayAndBack,
  cover,
  freezer,
  launchThrottledChromium,
  openSteady,
  SteadyVisitor,
} from "../browser/lifecycle.js";
import { startRelay } from "../browser/relay.js";
import { startSite } from "../browser/site.js";
import { fact } from "./facts.mjs";

const HIDDEN_MS = 300_000;
/** Chromium lets a hidden tab's timers run once a minute after five minutes; the proof wants to see that, so sooner. */
const GRACE_S = 10;
/** A pause between timers that only that can explain. */
const SLOW_MS = 50_000;
const LEASE_S = 150;

const failures = [];
const must = (ok, words) => ok || (failures.push(words), console.log(`FAILED ${words}`));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_LIMITS__DRAIN: "1s" } }), startSite()]);
const { limits } = await (await fetch(`${gateway.url}/.well-known/pageport`)).json();
must(limits.lease === LEASE_S, `the lease is ${limits.lease} s`);
const slow = await launchThrottledChromium(GRACE_S);
const chromium = await launchThrottledChromium();
const firefox = (await launchFirefox()).raw;
// Freezing for long needs a browser in which no other tab comes and goes: that would wake the frozen one.
const quiet = await launchThrottledChromium();
const another = (await launchFirefox()).raw;
fact({
  chromium: await chromium.version(),
  firefox: await firefox.version(),
  lease_s: limits.lease,
  visitor: "ws, a message every 250 ms",
});
try {
  await Promise.all([
    hidden("chromium", slow),
    hidden("firefox", firefox),
    inTurn(
      () => frozen(60_000),
      () => kept("chromium", chromium),
      () => notKept(),
    ),
    frozenTooLong(),
    // In a process of its own: the front of the other one belongs to the hidden tab's neighbour.
    kept("firefox", another),
  ]);
} finally {
  await Promise.all([slow, chromium, quiet, firefox, another].map((browser) => browser.close()));
  site.close();
  await gateway.stop();
}
if (failures.length) {
  console.log(`${failures.length} of what has to be seen was not`);
  process.exit(1);
}

/** Two silent losses: once everything that was connected, later everything for a while. */
async function hidden(name, browser) {
  const relay = await startRelay(gateway);
  const steady = await openSteady(browser, site, relay.url);
  const visitor = await SteadyVisitor.come(steady.pathUrl);
  await cover(browser, site);
  await wait(60_000);
  // In Chromium the network is lost only once timers are seen to run once a minute; two minutes are enough for that.
  while (name === "chromium" && (await steady.state()).longest < SLOW_MS && (await steady.state()).now < 150_000)
    await wait(2_000);
  const before = await steady.state();
  must(before.hidden, `${name}: the tab is not hidden`);
  must(
    name === "firefox" || before.longest >= SLOW_MS,
    `chromium's timers never paused longer than ${before.longest} ms`,
  );
  must((await visitor.facts()).sent - visitor.echoed < 8, `${name}: the visitor was not served before the loss`);

  const lost = relay.forget();
  const lostAt = before.now;
  await wait(5_000);
  const frozen = visitor.echoed;
  await wait(5_000);
  must(visitor.echoed === frozen, `${name}: echoes came through a lost carrier`);
  must(
    await visitor.until(() => visitor.echoed > frozen, LEASE_S * 1000 + 20_000),
    `${name}: not back within the lease`,
  );
  const back = await steady.state();
  must(back.hidden, `${name}: the tab did not come back while hidden`);
  const [suspended, open] = ["session suspended", "session open"].map((what) =>
    back.diary.find((entry) => entry.at > lostAt && entry.what === what),
  );
  fact({
    scenario: "hidden, carrier lost silently",
    browser: name,
    connections_lost: lost,
    lost_at_ms: lostAt,
    longest_pause_of_timers_before_ms: before.longest,
    noticed_after_ms: suspended && suspended.at - lostAt,
    attached_after_ms: open && open.at - lostAt,
  });

  await wait(Math.max(0, HIDDEN_MS - 60_000 - (await steady.state()).now));
  relay.stop();
  await wait(Math.max(0, HIDDEN_MS - (await steady.state()).now));
  const end = await steady.state();
  must(end.hidden && end.now >= HIDDEN_MS, `${name}: hidden for ${end.now} ms only`);
  await steady.page.bringToFront();
  await wait(10_000);
  relay.resume();
  const returned = performance.now();
  const attached = await steady.attached(30_000);
  const ms = Math.round(performance.now() - returned);
  const facts = await visitor.settle();
  const after = await steady.state();
  fact({
    scenario: "hidden, no network for 70 s, then in front",
    browser: name,
    attached_after_ms: ms,
    hidden_ms: end.now,
    longest_pause_of_timers_ms: after.longest,
  });
  survived(`hidden in ${name}`, facts, after, attached);
  visitor.leave();
  await steady.page.close();
  await relay.close();
}

async function frozen(ms) {
  const { steady, visitor, freeze } = await freezing(chromium);
  await wait(2_000);
  const before = visitor.echoed;
  await freeze("frozen");
  await wait(ms);
  const during = visitor.echoed - before;
  await freeze("active");
  const attached = await steady.attached(30_000);
  const facts = await visitor.settle();
  const state = await steady.state();
  fact({
    scenario: "frozen and resumed",
    browser: "chromium",
    frozen_ms: ms,
    echoes_meanwhile: during,
    diary: diaryOf(state),
  });
  must(during < 4, `a frozen page echoed ${during} messages`);
  must(
    state.diary.some(({ what }) => what === "freeze") && state.diary.some(({ what }) => what === "resume"),
    "it was not frozen",
  );
  survived("frozen", facts, state, attached);
  visitor.leave();
  await steady.page.close();
}

/** Longer than the lease: the control of all the others, and the case that has to say why not. */
async function frozenTooLong() {
  const { steady, visitor, freeze } = await freezing(quiet);
  await freeze("frozen");
  const start = performance.now();
  const told = await visitor.until(() => visitor.closed, LEASE_S * 1000 + 40_000);
  const after = Math.round((performance.now() - start) / 1000);
  await freeze("active");
  const again = await steady.attached(30_000, 2);
  const state = await steady.state();
  fact({
    scenario: "frozen for longer than the lease",
    browser: "chromium",
    why_not: "ERR_SESSION_LOST: the lease ended",
    visitor_told_after_s: after,
    visitor_close: visitor.facts().closed,
    diary: diaryOf(state),
  });
  must(told && after >= LEASE_S - 2 && after < LEASE_S + 30, `the visitor was told after ${after} s`);
  must(
    state.diary.some(({ what }) => what === "error ERR_SESSION_LOST"),
    "the page was not told why",
  );
  must(again && state.times === 2, "the page does not listen again");
  // What `survived` looks at has to see the difference.
  const seen = lostWords(visitor.facts(), state, true);
  fact({ control: "a session that was lost", reported_as: seen.join("; ") });
  must(seen.length > 0, "a lost session would have passed");
  await steady.page.close();
}

async function kept(name, browser) {
  const steady = await openSteady(browser, site, gateway.url);
  const visitor = await SteadyVisitor.come(steady.pathUrl);
  await visitor.until(() => visitor.echoed > 3, 10_000);
  let told = Infinity;
  await awayAndBack(steady.page, site, async () => {
    const left = performance.now();
    const away = wait(20_000);
    if (await visitor.until(() => visitor.closed, 20_000)) told = Math.round(performance.now() - left);
    await away;
  });
  const state = await steady.state();
  const restored = state.diary.some(({ what }) => what === "pageshow persisted=true");
  if (restored) {
    const attached = await steady.attached(30_000);
    const facts = await visitor.settle();
    const after = await steady.state();
    fact({ scenario: "back/forward cache, 20 s away", browser: name, restored: "yes", diary: diaryOf(after) });
    survived(`back/forward cache in ${name}`, facts, after, attached);
  } else {
    // A page without a connection must have been kept, and the visitor must be told at once.
    const plain = await keptWithout(browser);
    const why = name === "firefox" ? "Firefox keeps no page that has an open WebSocket" : state.reasons;
    fact({
      scenario: "back/forward cache, 20 s away",
      browser: name,
      restored: "no",
      kept_at_pagehide: state.kept,
      same_page_without_a_session_is_kept: plain,
      visitor_close: visitor.facts().closed,
      visitor_told_after_ms: told,
      why_not: why,
    });
    must(state.kept === "false", `pagehide said ${state.kept}`);
    must(told < 3_000, `the visitor was told after ${told} ms`);
    must(plain, "no page is ever kept here, so nothing was shown");
    must(name === "firefox", "Chromium did not keep the page");
  }
  visitor.leave();
  await steady.page.close();
}

/** The same page and journey, but without a session. */
async function keptWithout(browser) {
  const page = await browser.newPage();
  await page.goto(`${site.local}/plain`);
  await page.evaluate(() => import(/** @type {any} */ ("/pages/steady.js")).then(() => {}));
  await awayAndBack(page, site, () => wait(1_000));
  const state = await page.evaluate(async () => (await import(/** @type {any} */ ("/pages/steady.js"))).state());
  await page.close();
  return state.diary.some(({ what }) => what === "pageshow persisted=true");
}

/** A page that cannot be kept for a reason of its own: the session ends, at once and in order. */
async function notKept() {
  const steady = await openSteady(chromium, site, gateway.url);
  const visitor = await SteadyVisitor.come(steady.pathUrl);
  await visitor.until(() => visitor.echoed > 3, 10_000);
  await steady.page.evaluate(() => window.addEventListener("unload", () => {}));
  let closedIn = NaN;
  await awayAndBack(steady.page, site, async () => {
    const start = performance.now();
    if (await visitor.until(() => visitor.closed, 10_000)) closedIn = Math.round(performance.now() - start);
  });
  const state = await steady.state();
  fact({
    scenario: "not kept, because of an unload handler",
    browser: "chromium",
    kept_at_pagehide: state.kept,
    visitor_close: visitor.facts().closed,
    told_within_ms: closedIn,
    why_not: state.reasons,
  });
  must(state.diary.length === 0 && visitor.closed, "the page came back, or its visitor was left hanging");
  await steady.page.close();
}

async function freezing(browser) {
  const steady = await openSteady(browser, site, gateway.url);
  const visitor = await SteadyVisitor.come(steady.pathUrl);
  return { steady, visitor, freeze: await freezer(steady.page) };
}

function survived(what, facts, state, attached) {
  const lost = lostWords(facts, state, attached);
  fact({
    survived: what,
    ...facts,
    listening_events: state.times,
    verdict: lost.length ? lost.join("; ") : "the same session, nothing lost, doubled or reordered",
  });
  for (const words of lost) must(false, `${what}: ${words}`);
}

/** What shows that a session did not survive. */
function lostWords({ sent, echoed, wrong, closed }, state, attached) {
  return [
    closed !== "no" && `the visitor's connection was closed with ${closed}`,
    echoed !== sent && `${echoed} of ${sent} messages came back`,
    wrong > 0 && `${wrong} messages were doubled or out of order`,
    state.times !== 1 && `it began to listen ${state.times} times`,
    state.diary.some(({ what }) => what.startsWith("error")) && "the listener had errors",
    !attached && "it is not attached",
  ].filter((words) => words !== false);
}

function diaryOf({ diary }) {
  return diary.map(({ at, what }) => `${at} ${what}`).join(", ");
}

async function inTurn(...scenarios) {
  for (const scenario of scenarios) await scenario();
}
