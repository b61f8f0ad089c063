// `dev --lan`: the gallery on another machine of the network, over TLS. The browser here reaches the gateway at this machine's
// own address that is not loopback, as a phone would.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { launchChromium, launchFirefox } from "./driver.js";
import { visitAndCut } from "./gallery-tour.js";
import { click, echoes, leaving, open, say, text, until, visitChat } from "./gallery-steps.js";
import { visit } from "./gallery-shell.js";
import { startGateway } from "./gateway.js";

const address = Object.values(networkInterfaces()).flat().find((one) => one && !one.internal && one.family === "IPv4")?.address;

let gateway;
/** As pages of the local network know it, without a slash at the end. */
let lan;
before(async () => {
  assert.ok(address, "this machine has no address beside loopback");
  gateway = await startGateway({ args: [`--lan=${address}`] });
  lan = String(gateway.ready.lan).replace(/\/$/, "");
});
after(() => gateway?.stop());

const BROWSERS = {
  chromium: () => launchChromium({ context: { ignoreHTTPSErrors: true } }),
  firefox: () => launchFirefox({ acceptInsecureCerts: true }),
};

for (const [name, launch] of Object.entries(BROWSERS)) {
  describe(`dev --lan in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("a tab of another machine is a server: by path from there, by name from the gateway's own machine", async () => {
      const echo = await open(browser, `${lan}/echo/`);
      await until(echo.page, "#state", /^Listening$/);
      const [url, path] = [await text(echo.page, "#url"), await text(echo.page, "#path-url")];
      assert.match(path, new RegExp(`^${lan.replace("https", "wss")}/@[a-z0-9]+/$`));
      await until(echo.page, "#reach", /^Found on the machine that runs the gateway/);
      assert.deepEqual((await echoes(echo.page, path)).same, [true, true, true, true]);
      assert.equal(await echoOf(url.replace(/\/\/[^:]+/, "//127.0.0.1"), { Host: new URL(url).host }), "hello");
      const seen = await visitAndCut(echo.page);
      assert.deepEqual([seen.lost, seen.wrong], [0, 0]);
      assert.deepEqual(echo.errors, []);
      const elsewhere = { host: address, port: gateway.port };
      assert.deepEqual(leaving(echo.requests, elsewhere), []);
    });

    test("a site of that tab is read on the gateway's machine, and a chat has guests on both", async () => {
      const site = await open(browser, `${lan}/website/`);
      await until(site.page, "#state", /^Serving$/);
      await click(site.page, "#sample");
      await until(site.page, "#files-summary", /^6 files/);
      assert.match((await visit(await text(site.page, "#url"))).body.toString(), /Served from a tab/);

      const host = await open(browser, `${lan}/chat/`);
      await until(host.page, "#state", /^Open$/);
      const invite = await text(host.page, "#invite");
      const here = await visitChat(browser, invite, "There");
      const there = await visitChat(browser, invite.replace(lan, gateway.url), "Here");
      await say(here.page, "from the network");
      await until(there.page, "#talk", /from the network/);
    });
  });
}

describe("dev --lan", () => {
  test("only pages of its own address may attach there, and only those of loopback here", async () => {
    const there = `${lan.replace("https", "wss")}/link`;
    const here = `${gateway.url.replace("http", "ws")}/link`;
    assert.equal(await attach(there, lan), 101);
    assert.equal(await attach(here, gateway.url), 101);
    const foreign = ["https://example.com", lan.replace("https", "http"), `https://${address}`, `${lan}0`, gateway.url, "null"];
    for (const origin of foreign) assert.equal(await attach(there, origin), 403, origin);
    for (const origin of [lan, "https://example.com"]) assert.equal(await attach(here, origin), 403, origin);
  });

  test("without --lan nobody is there, and that origin is refused", async () => {
    const alone = await startGateway();
    assert.equal(alone.ready.lan, undefined);
    assert.equal(await attach(`${alone.url.replace("http", "ws")}/link`, `https://${address}:${alone.port}`), 403);
    await assert.rejects(get({ host: address, port: alone.port }), /ECONNREFUSED/);
    await alone.stop();
  });

  test("it answers to its address alone, and only over TLS", async () => {
    const own = { host: address, port: gateway.port };
    assert.equal(await get(own), 200);
    for (const host of ["example.com", `${address}:1`, address]) assert.equal(await get({ ...own, headers: { host } }), 421, host);
    const plain = await visit(`http://${address}:${gateway.port}/`, { connect: address });
    assert.equal(plain.status, 426);
  });
});

/** The status of a page's attempt to attach. @param {string} url @param {string} origin @returns {Promise<number>} */
function attach(url, origin) {
  const socket = new WebSocket(url, "pageport.v1", { origin, rejectUnauthorized: false });
  return new Promise((resolve, reject) => {
    socket.on("open", () => (resolve(101), socket.terminate()));
    socket.on("unexpected-response", (_, response) => (resolve(response.statusCode ?? 0), socket.terminate()));
    socket.on("error", reject);
  });
}

/** What comes back for a word. @param {string} url @param {Record<string, string>} headers */
async function echoOf(url, headers) {
  const socket = new WebSocket(url, { headers });
  await once(socket, "open");
  socket.send("hello");
  const [data] = await once(socket, "message");
  socket.close();
  return String(data);
}

/** The status of `GET /` over TLS. @param {import("node:https").RequestOptions} options @returns {Promise<number>} */
async function get(options) {
  const sent = request({ ...options, path: "/", rejectUnauthorized: false });
  sent.end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
}
