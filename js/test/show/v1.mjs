// Ordinary HTTP clients visit web sites that are tabs of Chromium and of Firefox: small answers, large bodies both ways with flat
// memory, crowds, visitors and pages that leave in the middle, refusals before the end of a body. Over HTTP/1.1, and over HTTP/2.

import { launchChromium, launchFirefox } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { browserClient, curlClient, nodeClient, requestsClient } from "../browser/http-clients.js";
import { http2Client } from "../browser/http2-client.js";
import { growth, resident, tabMeter } from "../browser/memory.js";
import { startSite } from "../browser/site.js";
import { openWebsite } from "../browser/web-page.js";
import { fact, table } from "./facts.mjs";

const MIB = 1 << 20;
const BIG = Number(process.env.BIG_MIB ?? 1024) * MIB;
const MEDIUM = 32 * MIB;
const KEPT = BIG;
const CROWD = 200;
/** How much more a gateway and a tab may hold while the largest body passes than while a quarter of it does; a browser collects when
 * it likes, but what keeps a body keeps three quarters more. */
const GATEWAY_GROWTH = 32 * MIB;
const TAB_GROWTH = BIG / 4;
/** What a gateway may hold at most meanwhile: its windows, twice, and what an allocator keeps. */
const GATEWAY_MOST = 128 * MIB;

const failures = [];
const must = (/** @type {unknown} */ holds, /** @type {string} */ words) => {
  if (!holds) failures.push(words), console.log(`FAILED ${words}`);
};

// A development certificate is nobody's; fetch of Node has no other way to say that it will do.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
process.removeAllListeners("warning");

const site = await startSite();
const browsers = [
  await launchChromium({ args: ["--ignore-certificate-errors"], context: { ignoreHTTPSErrors: true } }),
  await launchFirefox({ acceptInsecureCerts: true }),
];
const node2 = http2Client();
/** @type {import("../browser/gateway.js").Gateway} */
let gateway;
try {
  const inBrowsers = await Promise.all(browsers.map((browser) => browserClient(browser, site.other)));
  const plain = [await curlClient(["--http1.1"]), await requestsClient(), nodeClient(), ...inBrowsers];
  for (const { name, version } of plain) fact({ client: name, version });
  await over("HTTP/1.1", [], plain);
  // requests speaks no HTTP/2, so here it comes over TLS with HTTP/1.1; node's fetch neither, so here it is its own client.
  await over("HTTP/2", ["--tls"], [await curlClient(["--http2", "-k"]), await requestsClient(), node2, ...inBrowsers]);
} finally {
  node2.end();
  await Promise.all(browsers.map((browser) => browser.close()));
  site.close();
}
if (failures.length) {
  console.log(`${failures.length} of what has to be seen was not`);
  process.exit(1);
}

async function over(protocol, args, clients) {
  gateway = await startGateway({ args, env: { PAGEPORT_LIMITS__DRAIN: "1s" } });
  try {
    for (const browser of browsers) {
      const website = await openWebsite(browser, gateway, site);
      fact({ over: protocol, listener: browser.name, version: browser.version, url: website.url });
      await small(website, clients, protocol);
      await large(website, clients);
      await crowds(website, clients);
      await leavers(website, clients);
      await refusals(website, clients);
      await website.close();
      await closing(browser, clients);
    }
  } finally {
    await gateway.stop();
  }
}

async function small(website, clients, protocol) {
  const where = website.browser.name;
  const spoken = [];
  for (const client of clients) {
    const seen = await client.get(`${website.url}/hello?to=${client.name}`);
    if (seen.protocol) spoken.push(`${client.name} ${seen.protocol}`);
    must(seen.status === 200 && seen.text === `hello ${client.name}`, `${client.name} gets a small answer of ${where}: ${JSON.stringify(seen)}`);
    const missing = await client.get(`${website.url}/nowhere`);
    must(missing.status === 404 && missing.text === "nothing here", `${client.name} gets 404 of ${where}`);
  }
  const known = protocol === "HTTP/2" ? ["curl 2", "chromium h2", "firefox h2"] : ["curl 1.1", "chromium http/1.1", "firefox http/1.1"];
  must(spoken.join() === known.join(), `${protocol} is what is spoken: ${spoken}`);
  const control = await clients[0].get(`${gateway.url.replace("//localhost", "//never-was-here.localhost")}/hello`);
  fact({ listener: where, small_answers: clients.length, spoken: spoken.join(", "), control: "a name that nobody has", status: control.status });
  must(control.status === 404, "a name that nobody has is not found");
}

async function large(website, clients) {
  const where = website.browser.name;
  const tab = await tabMeter(website.browser);
  const meters = { gateway: () => resident(gateway.pid), tab };
  const rows = [];
  const quarter = {
    down: (await growth(meters, () => clients[0].download(`${website.url}/stream?bytes=${BIG / 4}`, BIG / 4))).peak,
    up: (await growth(meters, () => clients[0].upload(`${website.url}/upload`, BIG / 4))).peak,
  };
  for (const client of clients) {
    // Everything through the program that takes any amount; the others in part.
    const most = client.name === "curl" ? BIG : MEDIUM;
    for (const path of ["stream", "known"]) {
      const size = path === "stream" ? most : MEDIUM;
      const start = performance.now();
      const { result, growth: grown, peak } = await growth(meters, () => client.download(`${website.url}/${path}?bytes=${size}`, size));
      rows.push(row(client, path === "stream" ? "down, chunked" : "down, known length", size, start, grown));
      must(result.right && result.bytes === size && !result.failed, `${client.name} downloads ${size} of ${where}: ${JSON.stringify(result)}`);
      // The page that fetches may be in the same browser, and in the same process.
      if (size === BIG) flat(peak, quarter.down, `${size} down from ${where}`);
    }
    const start = performance.now();
    const size = most;
    const { result, growth: grown, peak } = await growth(meters, () => client.upload(`${website.url}/upload`, size));
    rows.push(row(client, "up", size, start, grown));
    const read = result.text ? JSON.parse(result.text) : {};
    must(read.bytes === size && read.wrong === -1, `${client.name} uploads ${size} to ${where}: ${JSON.stringify(result)}`);
    if (size === BIG) flat(peak, quarter.up, `${size} up to ${where}`);
  }
  table(["listener", "client", "way", "MiB", "seconds", "MiB/s", "gateway +MiB", "tab +MiB"], rows.map((cells) => [where, ...cells]));
  const { result, peak } = await growth(meters, () => clients[0].upload(`${website.url}/keep`, KEPT));
  const more = peak.tab - quarter.up.tab;
  fact({ listener: where, control: "a page that keeps a whole body", mib: KEPT / MIB, answer: result.text, tab_more_mib: Math.round(more / MIB) });
  must(more > TAB_GROWTH, `a page that keeps a whole body is noticed: ${more}`);
  const wrong = await clients[0].download(`${website.url}/stream?bytes=${MEDIUM - 1}`, MEDIUM);
  fact({ listener: where, control: "one byte less than expected", noticed: !wrong.right });
  must(!wrong.right, "a missing byte is noticed");
}

function row(client, way, size, start, grown) {
  const seconds = (performance.now() - start) / 1000;
  const mib = (bytes) => (bytes / MIB).toFixed(0);
  return [client.name, way, mib(size), seconds.toFixed(1), (size / MIB / seconds).toFixed(0), mib(grown.gateway), mib(grown.tab)];
}

function flat(peak, quarter, what) {
  for (const [name, most] of Object.entries({ gateway: GATEWAY_GROWTH, tab: TAB_GROWTH })) {
    const more = peak[name] - quarter[name];
    fact({ flat: name, what, peak_mib: Math.round(peak[name] / MIB), with_a_quarter: Math.round(quarter[name] / MIB), more_mib: Math.round(more / MIB) });
    must(more < most, `the ${name} stays as it is: ${more} bytes more for ${what}`);
  }
  must(peak.gateway < GATEWAY_MOST, `the gateway stays small: ${peak.gateway} for ${what}`);
}

async function crowds(website, clients) {
  const where = website.browser.name;
  for (const client of clients.filter(({ crowd }) => crowd)) {
    const start = performance.now();
    const right = await client.crowd(`${website.url}/hello`, CROWD);
    fact({ listener: where, client: client.name, parallel: CROWD, right, seconds: ((performance.now() - start) / 1000).toFixed(2) });
    must(right === CROWD, `${client.name} gets ${CROWD} answers at once of ${where}: ${right}`);
  }
}

async function leavers(website, clients) {
  const where = website.browser.name;
  const before = (await website.seen()).aborted;
  let left = 0;
  for (const client of clients) {
    await client.leave(`${website.url}/stream?bytes=${1024 * MIB}`);
    const aborted = await soon(website.aborted(before + ++left), `${where} hears that ${client.name} has left`);
    must(aborted === before + left, `${where} hears that ${client.name} has left`);
  }
  const after = await clients[0].get(`${website.url}/hello?to=you`);
  fact({ listener: where, aborted_downloads: left, heard_by_the_page: (await website.seen()).aborted - before, next: after.status });
  must(after.status === 200, "the page goes on");
}

async function refusals(website, clients) {
  const where = website.browser.name;
  for (const client of clients) {
    const seen = await client.upload(`${website.url}/too-large`, MEDIUM);
    fact({ listener: where, client: client.name, body_mib: MEDIUM / MIB, refused: seen.status, text: seen.text, failed: seen.failed });
    must(seen.status === 413 && seen.text === "too large", `${client.name} hears of the refusal of ${where}: ${JSON.stringify(seen)}`);
  }
}

async function closing(browser, clients) {
  for (const client of clients) {
    for (const path of ["stream", "known"]) {
      const website = await openWebsite(browser, gateway, site);
      let closed = false;
      const close = () => ((closed = true), website.close());
      const seen = await soon(
        client.interrupted(`${website.url}/${path}?bytes=${1024 * MIB}`, close),
        `${client.name} notices that the page was closed`,
      );
      fact({ listener: browser.name, client: client.name, answer: path, closed_after: "the first bytes", client_error: seen?.failed });
      must(closed && seen?.failed && seen.bytes !== 1024 * MIB, `${client.name} sees an error when the page is closed: ${JSON.stringify(seen)}`);
    }
  }
}

/** @template T @param {Promise<T>} what @param {string} words @returns {Promise<T | undefined>} */
async function soon(what, words) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, 15_000)));
  const first = await Promise.race([what, late]);
  clearTimeout(timer);
  if (first === undefined) must(false, `${words} within 15 s`);
  return first;
}
