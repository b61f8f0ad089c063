// A page is a TCP server, in both browsers behind the real gateway: whoever connects to its port speaks to it, and each direction
// ends on its own.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { dial, endOf, refused, run, talk, TcpPage } from "./tcp.js";

/** Where what should come might never come. */
const PATIENCE_MS = 60_000;

let gateway;
let site;
before(async () => {
  // Its own range: in the usual one another gateway of this machine might take what is free for a moment.
  [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_TCP__PORTS: "7300-7399" } }), startSite()]);
});
after(async () => {
  site?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`a page in ${name} that is a TCP server`, () => {
    let browser;
    /** @type {TcpPage} */
    let page;
    before(async () => {
      browser = await launch();
      page = await TcpPage.open(browser, site, gateway.url);
    });
    after(() => browser?.close());

    test("gives back what it gets, and ends behind its visitor", async () => {
      const place = await page.serve("echo");
      assert.equal(await talk(place, "hello"), "hello");
      assert.equal(await talk(place, ""), "");
      const { ends } = await page.ends(place, 2);
      assert.deepEqual(ends, ["closed", "closed"]);
    });

    test("carries 16 MiB both ways at once without a wrong byte", async () => {
      const socket = await dial(await page.serve("echo"));
      const data = randomBytes(16 << 20);
      socket.end(data);
      const hash = createHash("sha256");
      let bytes = 0;
      for await (const chunk of socket) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      assert.equal(bytes, data.length);
      assert.equal(hash.digest("hex"), createHash("sha256").update(data).digest("hex"));
    });

    test("answers behind the end of its visitor", async () => {
      assert.equal(await talk(await page.serve("count"), "x".repeat(100_000)), "100000 bytes\n");
    });

    test("hears what comes behind its own end", async () => {
      const place = await page.serve("first");
      const socket = await dial(place);
      socket.setEncoding("utf8").write("before");
      const [words] = await once(socket, "data");
      assert.equal(words, "that is all\n");
      await once(socket, "end");
      socket.end(" and behind");
      const { ends, heard } = await page.ends(place, 1);
      assert.deepEqual([ends, heard], [["closed"], "before and behind".length]);
    });

    test("closes, and what it had said arrives, while its visitor is still talking", async () => {
      const place = await page.serve("goodbye");
      const socket = await dial(place);
      socket.on("error", () => {}).write(randomBytes(1 << 20));
      const words = await text(socket);
      assert.equal(words.length, "goodbye ".length * 50_000);
      assert.deepEqual((await page.ends(place, 1)).ends, ["closed"]);
      socket.destroy();
    });

    test("breaks off, and its visitor does not take that for the end", { timeout: PATIENCE_MS }, async () => {
      const place = await page.serve("abort");
      const seen = [];
      for (let at = 0; at < 20; at++) seen.push((await endOf(place, at % 2 ? 40 : 0)).end);
      assert.deepEqual(seen, seen.map(() => "ECONNRESET"));
      const { ends } = await page.ends(place, seen.length);
      assert.deepEqual(ends, seen.map(() => "ERR_ABORTED"));
    });

    test("is told of a visitor who breaks off", { timeout: PATIENCE_MS }, async () => {
      const place = await page.serve("echo");
      const socket = await dial(place);
      socket.write("hello");
      await once(socket, "data");
      socket.resetAndDestroy();
      assert.deepEqual((await page.ends(place, 1)).ends, ["ERR_VISITOR_GONE"]);
    });

    test("that does not read makes its visitor wait, and nobody else", { timeout: PATIENCE_MS }, async () => {
      const socket = await dial(await page.serve("deaf"));
      let taken = 0;
      const chunk = Buffer.alloc(65_536);
      const most = 32 << 20;
      while (taken < most && (socket.write(chunk, () => (taken += chunk.length)) || (await Promise.race([once(socket, "drain"), rest(500)]))));
      assert.ok(taken < most, `${taken} bytes were taken`);
      assert.equal(await talk(await page.serve("echo"), "hello"), "hello");
      socket.destroy();
    });

    test("speaks to 100 at once", async () => {
      const place = await page.serve("echo");
      const words = Array.from({ length: 100 }, (_, i) => `visitor ${i}`);
      assert.deepEqual(await Promise.all(words.map((word) => talk(place, word))), words);
    });

    test("has its port to itself, until it closes", { timeout: PATIENCE_MS }, async () => {
      const place = await page.serve("echo");
      const other = await TcpPage.open(browser, site, gateway.url);
      assert.equal((await other.serve("echo", { localPort: place.port })).error, "ERR_PORT_UNAVAILABLE");
      await page.close(place);
      await refused(place);
      // It rests for the key, which both tabs have.
      assert.equal((await other.serve("echo", { localPort: place.port })).port, place.port);
      assert.equal(await talk(place, "other"), "other");
    });

    test("has the same port after a reload", async () => {
      const own = await TcpPage.open(browser, site, gateway.url);
      const place = await own.serve("echo");
      await own.page.raw.reload();
      assert.deepEqual(await own.serve("echo"), place);
      assert.equal(await talk(place, "again"), "again");
    });

    test("does not share a port that was drawn with a copy of itself, but gives it up when asked to", async () => {
      const own = await TcpPage.open(browser, site, gateway.url);
      const place = await own.serve("echo");
      const copy = await TcpPage.open(browser, site, gateway.url);
      await copy.page.evaluate((memory) => Object.assign(sessionStorage, memory), await own.page.evaluate(() => ({ ...sessionStorage })));
      const other = await copy.serve("echo");
      assert.notEqual(other.port, place.port);
      assert.equal(await talk(place, "mine"), "mine");
      assert.deepEqual(await copy.serve("count", { localPort: place.port, takeover: true }), place);
      assert.equal(await own.lost(place), "ERR_NAME_REPLACED");
      assert.equal(await talk(place, "yours"), "5 bytes\n");
    });

    test("serves nc and redis-cli", async () => {
      const echo = await page.serve("echo");
      assert.deepEqual(await run("nc", ["-N", "127.0.0.1", `${echo.port}`], "by netcat\n"), { out: "by netcat\n", err: "", code: 0 });
      const redis = await page.serve("resp");
      const ask = async (/** @type {string[]} */ ...words) => (await run("redis-cli", ["-h", "127.0.0.1", "-p", `${redis.port}`, ...words])).out.trim();
      assert.equal(await ask("PING"), "PONG");
      assert.equal(await ask("SET", "greeting", "grüß dich\r\n"), "OK");
      assert.equal(await ask("GET", "greeting"), "grüß dich");
      assert.equal(await ask("INCR", "visits"), "1");
      assert.equal(await ask("INCR", "visits"), "2");
      assert.equal(await ask("DEL", "visits", "greeting", "nothing"), "2");
      assert.equal(await ask("GET", "greeting"), "");
      assert.match(await ask("FLUSHALL"), /unknown command/);
    });
  });
}

test("two browsers cannot take the same port, not even one after the other", async (t) => {
  const browsers = await Promise.all([launchChromium(), launchFirefox()]);
  t.after(() => Promise.all(browsers.map((browser) => browser.close())));
  const [one, two] = await Promise.all(browsers.map((browser) => TcpPage.open(browser, site, gateway.url)));
  const place = await one.serve("echo");
  assert.equal((await two.serve("echo", { localPort: place.port })).error, "ERR_PORT_UNAVAILABLE");
  await one.close(place);
  assert.equal((await two.serve("echo", { localPort: place.port })).error, "ERR_PORT_UNAVAILABLE");
  assert.equal((await two.serve("echo", { localPort: 9 })).error, "ERR_PORT_UNAVAILABLE");
});

/** False, after a while. @param {number} ms @returns {Promise<false>} */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms, false));
