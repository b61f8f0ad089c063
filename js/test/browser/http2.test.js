// WebSockets over HTTP/2: a page in Chromium attaches through TLS, and is visited from Chromium and from Node, by name and by
// path. That it was HTTP/2 is read from the gateway. Large messages and the Autobahn suite are a proof of their own.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { openEchoPage } from "./autobahn-rig.js";
import { launchChromium } from "./driver.js";
import { startGateway } from "./gateway.js";
import { knock, metric, openSession, socketOn } from "./http2.js";

let gateway;
let browser;
let page;
const streams = () => metric(gateway.admin, "pageport_http2_websockets_total");

before(async () => {
  gateway = await startGateway({ args: ["--tls"], env: { PAGEPORT_LIMITS__DRAIN: "1s" } });
  browser = await launchChromium({
    args: ["--ignore-certificate-errors"],
    context: { ignoreHTTPSErrors: true, bypassCSP: true },
  });
  page = await openEchoPage(browser, gateway);
});
after(async () => {
  await gateway?.stop();
  await browser?.close();
});

test("a page in Chromium attaches by a stream of HTTP/2", async () => {
  assert.equal(await streams(), 1);
  assert.match(page.url, /^wss:/);
});

for (const form of /** @type {const} */ (["url", "pathUrl"])) {
  test(`Chromium visits it by ${form}`, async () => {
    const before = await streams();
    const visitor = await browser.newPage();
    await visitor.goto(gateway.url);
    const seen = await visitor.evaluate(async (target) => {
      // Chromium takes HTTP/2 for a WebSocket only where a connection of it is open already.
      await fetch(target.replace(/^ws/, "http"), { mode: "no-cors", credentials: "include" });
      const socket = new WebSocket(target);
      await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
      const back = new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
      socket.send("over h2");
      const closed = new Promise((resolve) => (socket.onclose = ({ code, wasClean }) => resolve([code, wasClean])));
      const text = await back;
      socket.close(4000);
      return [text, ...(await closed)];
    }, page[form]);
    assert.deepEqual(seen, ["over h2", 4000, true]);
    assert.equal((await streams()) - before, 1);
    await visitor.close();
  });

  test(`Node's http2 visits it by ${form}`, async () => {
    const session = await openSession(gateway.url);
    assert.equal(session.alpnProtocol, "h2");
    const { status, headers, stream } = await knock(session, page[form]);
    assert.deepEqual([status, headers["sec-websocket-accept"]], [200, undefined]);
    const socket = socketOn(stream);
    for (const size of [0, 125, 65_536]) {
      const bytes = Buffer.alloc(size, "x");
      const back = once(socket, "message");
      socket.send(bytes);
      assert.ok(bytes.equals((await back)[0]));
    }
    const closed = once(socket, "close");
    socket.close(4001);
    assert.equal((await closed)[0], 4001);
    session.close();
  });
}
