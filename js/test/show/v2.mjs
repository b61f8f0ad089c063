// WebSocket over HTTP/2: a page in Chromium attaches and listens, Chromium and Node visit it, by name and by path, all by
// extended CONNECT; what it was is read from the gateway's own counters. Then the Autobahn suite's sample through a bridge
// that speaks extended CONNECT. Controls: the same without TLS is not HTTP/2, a page that changes a byte is found.

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { faults, outcomes, patterns, SAMPLE } from "../browser/autobahn-verdict.js";
import { fuzz, openEchoPage } from "../browser/autobahn-rig.js";
import { launchChromium } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { knock, metric, openSession, socketOn, startBridge } from "../browser/http2.js";
import { fact } from "./facts.mjs";

const SIZES = [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 8 << 20];
const WEBSOCKETS = "pageport_http2_websockets_total";
/** @type {string[]} */
const wrong = [];
const must = (words, holds) => void (holds || (wrong.push(words), console.log(`FAILED ${words}`)));

const gateway = await startGateway({ args: ["--tls"], env: { PAGEPORT_LIMITS__DRAIN: "1s" } });
const browser = await launchChromium({
  args: ["--ignore-certificate-errors"],
  context: { ignoreHTTPSErrors: true, bypassCSP: true },
});
try {
  fact({ chromium: browser.version, node: process.version, openssl: process.versions.openssl, gateway: gateway.url });
  const page = await openEchoPage(browser, gateway);
  const attached = await count();
  fact({ page_attached_by: "wss from Chromium", http2_websockets: attached, url: page.url, path_url: page.pathUrl });
  must("the page's own carrier is a stream of HTTP/2", attached === 1);

  await fromChromium(page);
  await fromNode(page);
  await autobahn(page);
  await controls();
  must(`errors in the page: ${page.errors}`, page.errors.length === 0);
} finally {
  await gateway.stop();
  await browser.close();
}
for (const line of wrong) console.error(line);
process.exit(wrong.length ? 1 : 0);

function count() {
  return metric(gateway.admin, WEBSOCKETS);
}

/** A page of the listener's own origin would be its own; here a page of the gateway visits, by both forms. */
async function fromChromium({ url, pathUrl }) {
  for (const [form, target] of Object.entries({ name: url, path: pathUrl })) {
    const before = await count();
    const visitor = await browser.newPage();
    await visitor.goto(gateway.url);
    const seen = await visitor.evaluate(
      async ({ target, sizes }) => {
        // Chromium takes HTTP/2 for a WebSocket only where a connection of it is open already.
        await fetch(target.replace(/^ws/, "http"), { mode: "no-cors", credentials: "include" });
        const socket = new WebSocket(target);
        socket.binaryType = "arraybuffer";
        await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
        const hex = async (bytes) =>
          [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((b) => b.toString(16)).join("");
        const rows = [];
        for (const size of sizes) {
          const bytes = new Uint8Array(size).map((_, at) => (at * 31 + size) % 251);
          const back = new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
          socket.send(bytes);
          rows.push([size, (await hex(bytes)) === (await hex(await back))]);
        }
        const closed = new Promise((resolve) => (socket.onclose = ({ code, wasClean }) => resolve([code, wasClean])));
        socket.close(4000, "done");
        return { rows, closed: await closed };
      },
      { target, sizes: SIZES },
    );
    const same = seen.rows.filter(([, same]) => same).length;
    const streams = (await count()) - before;
    fact({ client: "chromium", form, messages: seen.rows.length, same, close: seen.closed.join(), http2_websockets: streams });
    must(`chromium by ${form}: every message comes back`, same === SIZES.length);
    must(`chromium by ${form}: closed by handshake`, `${seen.closed}` === "4000,true");
    must(`chromium by ${form}: over HTTP/2`, streams === 1);
    await visitor.close();
  }
}

async function fromNode({ url, pathUrl }) {
  const session = await openSession(gateway.url);
  fact({ client: "node", alpn: session.alpnProtocol });
  for (const [form, target] of Object.entries({ name: url, path: pathUrl })) {
    const before = await count();
    const { status, headers, stream } = await knock(session, target, { "sec-websocket-protocol": "a, b" });
    const socket = socketOn(stream);
    let same = 0;
    for (const size of SIZES) {
      const bytes = randomBytes(size);
      const back = once(socket, "message");
      socket.send(bytes);
      const [data] = await back;
      same += Number(hash(data) === hash(bytes));
    }
    const closed = once(socket, "close");
    socket.close(4001, "done");
    const [code] = await closed;
    const streams = (await count()) - before;
    fact({ client: "node:http2", form, status, accept: headers["sec-websocket-accept"] ?? "none", messages: SIZES.length, same, close: code, http2_websockets: streams });
    must(`node by ${form}: 200 without accept`, status === 200 && !headers["sec-websocket-accept"]);
    must(`node by ${form}: every message comes back`, same === SIZES.length);
    must(`node by ${form}: closed by handshake`, code === 4001);
    must(`node by ${form}: over HTTP/2`, streams === 1);
  }
  const unknown = await knock(session, new URL("/@nobody-is-here/", gateway.url).href);
  fact({ client: "node:http2", to: "nobody", status: unknown.status, error: unknown.headers["pageport-error"] });
  must("an unknown name is refused", unknown.status === 404);
  session.close();
}

async function autobahn({ pathUrl }) {
  const before = await count();
  const bridge = await startBridge(gateway.url, pathUrl);
  const summary = await fuzz({ url: `${bridge.url}/`, cases: patterns(SAMPLE) });
  const streams = (await count()) - before;
  fact({ autobahn_cases: summary.results.length, ...outcomes(summary.results), bridged: bridge.count(), http2_websockets: streams });
  for (const fault of faults(summary, SAMPLE)) must(`autobahn: ${fault}`, false);
  must("every case came by extended CONNECT", streams === bridge.count() && streams >= SAMPLE.length);
  bridge.close();

  const spoiled = await openEchoPage(browser, gateway, { spoiled: true });
  const other = await startBridge(gateway.url, spoiled.pathUrl);
  const found = faults(await fuzz({ url: `${other.url}/`, cases: ["1.1.2"] }), ["1.1.2"]);
  fact({ control: "page_changes_a_byte", verdict: found.length ? "fails" : "passes", because: found[0] ?? "nothing" });
  must("a page that changes a byte is found", found.length > 0);
  other.close();
}

/** Without TLS a browser has no HTTP/2: the counter must not move. */
async function controls() {
  const plain = await startGateway({ env: { PAGEPORT_LIMITS__DRAIN: "1s" } });
  const page = await openEchoPage(browser, plain);
  const visitor = await browser.newPage();
  await visitor.goto(plain.url);
  const back = await visitor.evaluate(async (target) => {
    const socket = new WebSocket(target);
    await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
    socket.send("x");
    return new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
  }, page.pathUrl);
  const [streams, all] = [await metric(plain.admin, WEBSOCKETS), await metric(plain.admin, "pageport_visitors_total")];
  fact({ control: "without_tls", came_back: back, visitors: all, http2_websockets: streams });
  must("the counter counts HTTP/2 only", back === "x" && all === 1 && streams === 0);
  await plain.stop();
}

function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
