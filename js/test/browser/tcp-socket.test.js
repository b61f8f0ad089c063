// Pages that connect to TCP servers, in both browsers behind the real gateway: each server has one habit, and the page sees it as it is.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";
import { startServers, TEXT } from "./tcp-servers.js";

/** Where what should come might never come. */
const PATIENCE_MS = 60_000;

let gateway;
let site;
/** @type {Awaited<ReturnType<typeof startServers>>} */
let servers;
before(async () => {
  [site, servers] = await Promise.all([startSite(), startServers()]);
  const env = { SSL_CERT_FILE: servers.authority, PAGEPORT_LIMITS__CONNECT_TIMEOUT: "2s" };
  gateway = await startGateway({ args: servers.allow, env });
});
after(async () => {
  site?.close();
  servers?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`a page in ${name} that connects to TCP servers`, { timeout: PATIENCE_MS }, () => {
    let browser;
    let page;
    /** What a page does with the server of this name. @param {string} what @param {string} server @param {object} [more] @returns {Promise<any>} */
    const act = (what, server, more) => {
      const place = { gateway: gateway.url, port: servers.ports[server], ...more };
      return page.evaluate(async ([what, place]) => (await import(/** @type {any} */ ("/pages/sockets.js")))[what](place), [what, place]);
    };
    before(async () => {
      browser = await launch();
      page = await browser.newPage();
      await page.goto(`${site.local}/sockets`);
    });
    after(() => browser?.close());

    test("gets 8 MiB back without a wrong byte, and all values that a byte has", async () => {
      const info = { remoteAddress: "127.0.0.1", remotePort: servers.ports.echo };
      const left = servers.next("echo");
      assert.deepEqual(await act("echo", "echo", { bytes: 8 << 20 }), { same: true, rest: 0, info, closed: "well" });
      assert.deepEqual(await left, ["end", 8 << 20]);
      assert.deepEqual(await act("values", "echo"), [true, true, true, true]);
    });

    test("speaks in lines, and hears who speaks first", async () => {
      const words = ["one\r\ntwo\nthr", "ee\n", "vier: ü", "\n"];
      const lines = ["one", "two", "three", "vier: ü"].map((word) => `you said ${word}`);
      assert.deepEqual(await act("lines", "lines", { words }), { lines, closed: "well" });
      const left = servers.next("announce");
      assert.deepEqual(await act("hear", "announce"), { line: "220 speak, friend", closed: "well" });
      assert.deepEqual(await left, ["end", 0]);
    });

    test("reads the same text wherever its bytes are split", async () => {
      const { lines } = await act("lines", "split", { words: [] });
      assert.deepEqual(lines, Array(Buffer.byteLength(TEXT) + 2).fill(TEXT));
    });

    test("sees who closes at once, and who breaks off", async () => {
      assert.deepEqual(await act("last", "rude"), Array(2).fill(["", "well", "well"]));
      assert.deepEqual(await act("last", "breaks", { first: "hello" }), Array(2).fill(["", "ERR_TARGET_UNREACHABLE", "ERR_TARGET_UNREACHABLE"]));
    });

    test("ends each direction on its own", async () => {
      assert.deepEqual(await act("lines", "count", { words: ["x".repeat(100_000)] }), { lines: ["100000 bytes"], closed: "well" });
      const left = servers.next("first");
      assert.deepEqual(await act("behind", "first"), { line: "that is all", rest: 0, closed: "well" });
      assert.deepEqual(await left, ["end", "behind".length]);
      assert.deepEqual(await act("last", "first"), Array(2).fill(["that is all", "well", "well"]));
    });

    test("is told why there is no connection", async () => {
      assert.deepEqual(await act("failing", "refused"), ["ERR_TARGET_CONNECTION_REFUSED"]);
      assert.deepEqual(await act("failing", "forbidden"), ["ERR_TARGET_FORBIDDEN"]);
      assert.deepEqual(await act("failing", "echo", { host: "localhost" }), ["ERR_TARGET_FORBIDDEN"]);
      assert.deepEqual(await act("failing", "echo", { host: "127.1" }), ["ERR_HEAD_INVALID"]);
      assert.deepEqual(await act("failing", "timeout"), ["ERR_TARGET_TIMEOUT"]);
      assert.equal(servers.clients.forbidden, undefined);
    });

    test("gives up a server that hears and says nothing, and nobody else waits for it", async () => {
      const left = servers.next("hole");
      const seen = await act("silence", "hole", { other: servers.ports.echo });
      assert.deepEqual(seen, { isSilent: true, other: true, reading: "ERR_ABORTED", closed: "ERR_ABORTED" });
      assert.equal((await left)[0], "ECONNRESET");
    });

    test("that does not read makes its server wait, and nobody else", async () => {
      const before = servers.flooded();
      assert.deepEqual(await act("slow", "flood", { other: servers.ports.echo }), { some: true, other: true });
      const taken = servers.flooded() - before;
      assert.ok(taken > 0 && taken < 24 << 20, `${taken} bytes were taken`);
    });

    test("leaves behind all that it has written", async () => {
      const left = servers.next("count");
      assert.equal(await act("leave", "count", { bytes: 1_000_000 }), "well");
      assert.deepEqual(await left, ["end", 1_000_000]);
    });

    test("has TLS done for it, and sees what was verified", async () => {
      const { opened, ...more } = await act("secured", "tls", { host: "localhost", options: { alpn: ["pop3", "imap"] } });
      assert.deepEqual(more, { line: "hello", rest: 0, closed: "well" });
      const { cipher, ...tls } = opened.tls;
      assert.match(cipher, /^TLS_|^TLS13_/);
      assert.deepEqual(tls, { version: "TLSv1.3", alpn: "imap", servername: "localhost", certificate: servers.fingerprint });
      assert.deepEqual(opened, { remoteAddress: `localhost:${servers.ports.tls}`, localAddress: null, alpn: "imap", tls: opened.tls });
      assert.deepEqual(await act("secured", "echo"), { opened: "ERR_TARGET_FORBIDDEN", writing: "ERR_TARGET_FORBIDDEN" });
    });

    test("goes on within TLS where it began in the clear, and not behind what was injected", async () => {
      const { opened, said, ...more } = await act("upgrade", "starttls", { host: "localhost" });
      assert.deepEqual(said, ["220 ready", "250 in the clear: HELLO", "220 go ahead", "250 within TLS: HELLO"]);
      assert.deepEqual(more, { closed: "well", upgraded: [true, false], rest: 0, secure: "well" });
      assert.equal(opened.tls.certificate, servers.fingerprint);
      assert.equal(opened.alpn, "smtp");
      for (let i = 0; i < 5; i++) {
        const left = servers.next("dirty");
        const dirty = await act("upgrade", "dirty", { host: "localhost" });
        assert.deepEqual([dirty.opened, dirty.secure], ["ERR_STARTTLS_DIRTY", "ERR_STARTTLS_DIRTY"]);
        assert.deepEqual(await left, ["ECONNRESET", "HELLO\r\nSTARTTLS\r\n".length]);
      }
    });

    test("takes its connections along when it is closed", async () => {
      for (const leave of [(/** @type {any} */ page) => page.close(), (/** @type {any} */ page) => page.goto(`${site.local}/elsewhere`)]) {
        const other = await browser.newPage();
        await other.goto(`${site.local}/sockets`);
        const ends = [];
        for (let i = 0; i < 3; i++) {
          ends.push(servers.next("echo"));
          await other.evaluate(async (place) => (await import(/** @type {any} */ ("/pages/sockets.js"))).stay(place), { gateway: gateway.url, port: servers.ports.echo });
        }
        await leave(other);
        assert.deepEqual(await Promise.all(ends), Array(3).fill(["ECONNRESET", 5]));
      }
    });
  });
}
