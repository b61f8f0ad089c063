// Every client with every listening browser, by name and by path: what both sides saw, put side by side. Hashes are
// taken where bytes leave an application and where they enter one, so a fault anywhere between shows as two that
// differ.

import { createHash } from "node:crypto";
import { CHOSEN, REFUSAL } from "./pages/matrix-listener.js";

/** @typedef {import("./visitors.js").Visitor} Visitor @typedef {import("./pages/matrix-listener.js").Report} Report */
/** @typedef {import("./pages/payload.js").Plan} Plan @typedef {import("./pages/payload.js").Seen} Seen */
/**
 * @typedef {{ browser: import("./driver.js").Browser, url: string, pathUrl: string, report: (id: string) =>
 *   Promise<Report>, glimpse: (id: string) => Promise<Report | undefined> }} Listener
 */
/**
 * @typedef {{ id: string, seed: number, faults: string[], bytes: number, toPage: Hashes, toVisitor: Hashes, seconds:
 *   number, headers: string[] }} Outcome
 */
/** @typedef {{ sent: string, received: string }} Hashes */

export const SIZES = [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20];

/** Every size as text and as binary. @param {number[]} sizes @returns {Plan} */
export function planOf(sizes) {
  return sizes.flatMap(
    (size) =>
      /** @type {Plan} */ ([
        ["text", size],
        ["binary", size],
      ]),
  );
}

/**
 * @param {import("./driver.js").Browser} browser
 * @param {{ url: string }} gateway
 * @param {{ local: string }} site
 * @returns {Promise<Listener>}
 */
export async function startListener(browser, gateway, site) {
  const page = await browser.newPage();
  await page.goto(`${site.local}/listener`);
  const addresses = await page.evaluate(
    async ([gateway]) => (await import(/** @type {any} */ ("/pages/matrix-listener.js"))).listen(gateway),
    [gateway.url],
  );
  return {
    browser,
    ...addresses,
    report: (id) =>
      page.evaluate(async ([id]) => (await import(/** @type {any} */ ("/pages/matrix-listener.js"))).report(id), [id]),
    glimpse: (id) =>
      page.evaluate(async ([id]) => (await import(/** @type {any} */ ("/pages/matrix-listener.js"))).glimpse(id), [id]),
  };
}

let visits = 0;

/**
 * One visit: the plan is exchanged, and everything that the page said of the visitor is compared with what is known of it.
 * @param {Listener} listener @param {Visitor} visitor @param {"name" | "path"} form @param {Plan} plan
 * @param {{ page?: number, visitor?: number }} [damage] the number of a message that one side changes on purpose
 * @returns {Promise<Outcome>}
 */
export async function meet(listener, visitor, form, plan, damage = {}) {
  const id = `visit-${++visits}`;
  const seed = 1_000_003 * visits;
  const url = new URL(form === "name" ? listener.url : listener.pathUrl);
  url.pathname += "some/d%C3%A9ep/path";
  url.search = `?id=${id}&seed=${seed ^ 0x5a5a5a5a}&damage=${damage.page ?? -1}&q=a+b%26c`;
  const start = performance.now();
  const there = await visitor.visit(url, { plan, seed, damage: damage.visitor ?? -1 });
  const seconds = (performance.now() - start) / 1000;
  const here = there.opened ? await listener.report(id) : await listener.glimpse(id);
  const faults = [];
  const must = (what, got, wanted) =>
    JSON.stringify(got) === JSON.stringify(wanted) ||
    faults.push(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);

  must("opened", there.opened, true);
  if (!here)
    return {
      id,
      seed,
      faults: [...faults, "the page saw nobody"],
      bytes: 0,
      toPage: none,
      toVisitor: none,
      seconds,
      headers: [],
    };
  must("url", here.url, ownUrl(listener, url, form));
  mustHeaders(must, here.headers, visitor, form);
  must("protocol at the page", here.protocol, CHOSEN);
  must("protocol at the visitor", there.protocol, CHOSEN);
  must("close at the page", here.close, { code: 1000, reason: "", clean: true });
  must("close at the visitor", there.close, { code: 1000, clean: true });
  must(
    "messages",
    [there.sent, here.received, here.sent, there.received].map((list) => list.length),
    Array(4).fill(plan.length),
  );
  plan.forEach(([form, bytes], i) => {
    const what = `message ${i} (${form}, ${bytes} bytes)`;
    must(`${what} as planned`, [there.sent[i]?.form, there.sent[i]?.bytes], [form, bytes]);
    must(`${what} to the page`, here.received[i], there.sent[i]);
    must(`${what} to the visitor`, there.received[i], here.sent[i]);
    if (bytes > 100 && here.sent[i]?.sha256 === there.sent[i]?.sha256)
      faults.push(`${what}: the answer is only an echo`);
  });
  return {
    id,
    seed,
    faults,
    seconds,
    bytes: [...here.received, ...there.received].reduce((sum, { bytes }) => sum + bytes, 0),
    toPage: { sent: summary(there.sent), received: summary(here.received) },
    toVisitor: { sent: summary(here.sent), received: summary(there.received) },
    headers: here.headers.map(([name]) => name),
  };
}

/**
 * A visit that the page refuses: what is wrong with how the visitor learns of it.
 * @param {Listener} listener
 * @param {Visitor} visitor
 * @param {"name" | "path"} form
 */
export async function refuse(listener, visitor, form) {
  const id = `visit-${++visits}`;
  const url = new URL(form === "name" ? listener.url : listener.pathUrl);
  url.pathname += "refused";
  url.search = `?id=${id}`;
  const { opened, refused, close } = await visitor.visit(url, { plan: [["text", 1]], seed: 1 });
  const faults = [];
  if (opened) faults.push("it was let in");
  if (!(await listener.glimpse(id))) faults.push("the page was not asked");
  if (!refused) {
    // All that a browser tells its page.
    if (close.code !== 1006) faults.push(`closed with ${close.code}`);
    return { faults, told: `close ${close.code}` };
  }
  const { error, message } = JSON.parse(refused.body);
  if (refused.status !== REFUSAL.status) faults.push(`status ${refused.status}, not ${REFUSAL.status}`);
  if (error !== "ERR_REJECTED") faults.push(`code ${error}`);
  // By path the words are the gateway's own.
  if ((message === REFUSAL.reason) !== (form === "name")) faults.push(`the reason is ${JSON.stringify(message)}`);
  return { faults, told: `${refused.status} ${error}: ${message}` };
}

/**
 * The listener's own URL for what was asked, however it was asked.
 * @param {Listener} listener
 * @param {URL} asked
 * @param {string} form
 */
function ownUrl(listener, asked, form) {
  const base = new URL(listener.pathUrl).pathname;
  const path = form === "path" ? asked.pathname.slice(base.length - 1) : asked.pathname;
  return `${new URL(listener.url).origin.replace(/^http/, "ws")}${path}${asked.search}`;
}

/** Of a program every header is known; of a browser some, and what may never be there. */
function mustHeaders(must, got, visitor, form) {
  const wanted = visitor.headers(form === "name");
  const browser = visitor.name === "chromium" || visitor.name === "firefox";
  must("headers", browser ? got.filter(([name]) => wanted.some(([known]) => known === name)) : got, wanted);
  const never =
    /^(connection|upgrade|sec-websocket-(key|version|extensions|accept)|forwarded|x-forwarded.*|te|trailer|transfer-encoding|keep-alive|proxy-.*)$/;
  must(
    "headers that stay outside",
    got.map(([name]) => name).filter((name) => never.test(name)),
    [],
  );
  if (form === "path")
    must(
      "private headers by path",
      got.map(([name]) => name).filter((name) => /^(cookie|authorization)$/.test(name)),
      [],
    );
}

/** One short hash over all messages of a direction. @param {Seen[]} messages */
function summary(messages) {
  return createHash("sha256")
    .update(messages.map(({ form, bytes, sha256 }) => `${form} ${bytes} ${sha256}`).join("\n"))
    .digest("hex")
    .slice(0, 12);
}

const none = { sent: "", received: "" };
