// A page that serves HTTP, in both browsers behind the real gateway, seen by Node's HTTP client and the other browser's rules: what
// a handler answers is what arrives, in both directions at once, and what breaks is never taken for whole.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as ask } from "node:http";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";

let gateway;
let site;
before(async () => {
  [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_LIMITS__DRAIN: "1s" } }), startSite()]);
});
after(async () => {
  site?.close();
  await gateway?.stop();
});

for (const launch of [launchChromium, launchFirefox]) {
  describe(`a page that serves in ${launch.name.slice(6).toLowerCase()}`, () => {
    /** @type {import("./driver.js").Browser} */
    let browser;
    let page;
    /** @type {URL} */
    let url;
    before(async () => {
      browser = await launch();
      page = await browser.newPage();
      await page.goto(`${site.local}/serves`);
      const served = await page.evaluate(async (gateway) => (await import(/** @type {any} */ ("/pages/serve.js"))).begin(gateway), gateway.url);
      url = new URL(served.url);
      assert.equal(url.hostname, `${served.name}.localhost`);
      assert.equal(url.protocol, "http:");
    });
    after(() => browser?.close());

    /** Begins to ask; the name is in Host only, since Node cannot resolve it. */
    function begin(path, { method = "GET", headers = {} } = {}) {
      return ask({ host: "127.0.0.1", port: gateway.port, path, method, headers: { host: url.host, ...headers } });
    }

    /** What the page noted, once there is so much of it. */
    const notes = (id, count) => page.evaluate(async (of) => (await import(/** @type {any} */ ("/pages/serve.js"))).notes(of), [id, count]);

    async function get(path, { body, ...options } = {}) {
      const request = begin(path, options);
      request.end(body);
      const [response] = await once(request, "response");
      const data = await buffer(response);
      return { status: response.statusCode, headers: response.headers, raw: response.rawHeaders, data, text: `${data}` };
    }

    test("answers, with status, fields and body", async () => {
      const { status, headers, text } = await get("/hello?name=w%C3%B6rld");
      assert.deepEqual([status, headers["content-type"], text], [200, "text/html; charset=utf-8", "hello wörld"]);
      assert.equal((await get("/nowhere")).status, 404);
      assert.equal((await get("/empty")).status, 204);
      const moved = await get("/moved");
      assert.deepEqual([moved.status, moved.headers.location], [307, `${url.origin}/hello`]);
    });

    test("sees a real Request, with what browsers forbid to pages", async () => {
      const headers = { cookie: "a=1; b=2", origin: "https://app.example", referer: "https://app.example/x", "sec-fetch-mode": "cors", "x-own": "yes" };
      const { text } = await get("/headers?q=1", { method: "PURGE", headers });
      const seen = JSON.parse(text);
      assert.deepEqual([seen.method, seen.url, seen.isRequest], ["PURGE", `${url.origin}/headers?q=1`, true]);
      for (const [name, value] of Object.entries(headers)) assert.ok(seen.headers.some((field) => field[0] === name && field[1] === value), `${name} in ${text}`);
      assert.match(seen.peer, /./);
    });

    test("takes bodies in whole, whatever they are", async () => {
      const body = pattern(3_000_000);
      const hash = createHash("sha256").update(body).digest("hex");
      assert.equal((await get("/hash", { method: "POST", body })).text, hash);
      assert.equal((await get("/hash", { method: "PUT", body, headers: { "transfer-encoding": "chunked" } })).text, hash);
      const form = new Response(new URLSearchParams({ a: "1", b: "ü" }));
      const { text } = await get("/form", { method: "POST", body: await form.text(), headers: { "content-type": form.headers.get("content-type") } });
      assert.deepEqual(JSON.parse(text), [["a", "1"], ["b", "ü"]]);
    });

    test("streams a long answer, with a length and without", async () => {
      for (const path of ["/bytes", "/known"]) {
        const { data, headers } = await get(`${path}?count=3000000`);
        assert.equal(headers["content-length"], path === "/known" ? "3000000" : undefined);
        assert.ok(data.equals(pattern(3_000_000)), path);
      }
    });

    test("reads the request while it answers", async () => {
      const request = begin("/echo", { method: "POST" });
      request.write("one");
      const [response] = await once(request, "response");
      assert.equal(`${(await once(response, "data"))[0]}`, "one");
      for (const word of ["two", "three"]) {
        request.write(word);
        assert.equal(`${(await once(response, "data"))[0]}`, word);
      }
      request.end();
      await once(response, "end");
      assert.equal(response.complete, true);
    });

    test("sets cookies, which browsers take out of a Response", async () => {
      assert.deepEqual((await get("/cookies")).headers["set-cookie"], ["a=1; Path=/", "b=2; HttpOnly"]);
    });

    test("answers HEAD without a body, and unknown methods like any other", async () => {
      const { status, headers, text } = await get("/known?count=77", { method: "HEAD" });
      assert.deepEqual([status, headers["content-length"], text], [200, "77", ""]);
      assert.equal((await get("/hello", { method: "TRACE" })).status, 405);
    });

    test("passes on what it has fetched", async () => {
      const { status, text } = await get("/fetched");
      assert.deepEqual([status, text.includes("told apart by their hash")], [200, true]);
    });

    test("that fails says 500 to its visitor, and why to its console", async () => {
      const { status, text } = await get("/throws");
      assert.deepEqual([status, text], [500, "Internal Server Error"]);
      assert.match(`${await notes("errors", 1)}`, /the secret reason/);
    });

    test("whose answer breaks off is not taken for whole", async () => {
      const request = begin("/breaks");
      request.end();
      const [response] = await once(request, "response");
      await once(response, "readable");
      await get("/break");
      await assert.rejects(buffer(response), { code: "ECONNRESET" });
      assert.equal(response.complete, false);
    });

    test("need not read what it is sent", async () => {
      const request = begin("/ignores", { method: "POST" });
      request.on("error", () => {});
      request.write(Buffer.alloc(100_000));
      const [response] = await once(request, "response");
      assert.equal(`${await buffer(response)}`, "I did not listen");
      request.destroy();
    });

    test("learns that a visitor has left", async () => {
      const request = begin("/waits?id=one");
      request.on("error", () => {});
      request.end();
      assert.deepEqual(await notes("one", 1), ["came"]);
      request.destroy();
      assert.deepEqual(await notes("one", 2), ["came", "ERR_VISITOR_GONE"]);
    });

    test("accepts a WebSocket by returning its response", async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/socket`, ["first.example", "second.example"], { headers: { Host: url.host } });
      const [[first]] = await Promise.all([once(socket, "message"), once(socket, "open")]);
      assert.deepEqual([`${first}`, socket.protocol], ["welcome", "second.example"]);
      socket.send("and back");
      assert.equal(`${(await once(socket, "message"))[0]}`, "and back");
      socket.terminate();
      assert.equal((await get("/socket")).status, 426);
      const refused = new WebSocket(`ws://127.0.0.1:${gateway.port}/hello`, { headers: { Host: url.host } });
      const [, { statusCode }] = await once(refused.on("error", () => {}), "unexpected-response");
      assert.equal(statusCode, 200);
    });
  });
}

/** @param {number} count */
const pattern = (count) => Buffer.from({ length: count }).map((_, i) => i % 251);
