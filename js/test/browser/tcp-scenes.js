// What pages do with TCP servers of one habit each (tcp-servers.js), for the tests and for the proof: each scene says by an assertion what it did not see.
// It must never know by which carrier the page is carried.

import assert from "node:assert/strict";
import { TEXT } from "./tcp-servers.js";

/**
 * @typedef {object} World
 * @property {(what: string, server: string, more?: object) => Promise<any>} act what a page does (pages/sockets.js) with the server of this name
 * @property {() => Promise<{ page: import("./driver.js").Page, act: World["act"] }>} open another page that can do the same
 * @property {{ local: string }} site
 * @property {Awaited<ReturnType<typeof import("./tcp-servers.js").startServers>>} servers
 */

/** @type {Record<string, (world: World) => Promise<unknown>>} */
export const SCENES = {
  async "echo: 8 MiB come back without a wrong byte"({ act, servers }) {
    const info = { remoteAddress: "127.0.0.1", remotePort: servers.ports.echo };
    const left = servers.next("echo");
    assert.deepEqual(await act("echo", "echo", { bytes: 8 << 20 }), { same: true, rest: 0, info, closed: "well" });
    assert.deepEqual(await left, ["end", 8 << 20]);
  },

  async "echo: all 256 values of a byte, in every class and cut"({ act }) {
    assert.deepEqual(await act("values", "echo"), [true, true, true, true]);
  },

  async "line echo: lines, however they were cut when they were sent"({ act }) {
    const words = ["one\r\ntwo\nthr", "ee\n", "vier: ü", "\n"];
    const lines = ["one", "two", "three", "vier: ü"].map((word) => `you said ${word}`);
    assert.deepEqual(await act("lines", "lines", { words }), { lines, closed: "well" });
  },

  async "announce: the server speaks first"({ act, servers }) {
    const left = servers.next("announce");
    assert.deepEqual(await act("hear", "announce"), { line: "220 speak, friend", closed: "well" });
    assert.deepEqual(await left, ["end", 0]);
  },

  async "split: the same text wherever its UTF-8 is cut"({ act }) {
    const { lines } = await act("lines", "split", { words: [] });
    assert.deepEqual(lines, Array(Buffer.byteLength(TEXT) + 2).fill(TEXT));
  },

  async "rude: who closes at once is told from who breaks off"({ act }) {
    assert.deepEqual(await act("last", "rude"), Array(2).fill(["", "well", "well"]));
    assert.deepEqual(await act("last", "breaks", { first: "hello" }), Array(2).fill(["", "ERR_TARGET_UNREACHABLE", "ERR_TARGET_UNREACHABLE"]));
  },

  async "half-close: each direction ends on its own"({ act, servers }) {
    assert.deepEqual(await act("lines", "count", { words: ["x".repeat(100_000)] }), { lines: ["100000 bytes"], closed: "well" });
    const left = servers.next("first");
    assert.deepEqual(await act("behind", "first"), { line: "that is all", rest: 0, closed: "well" });
    assert.deepEqual(await left, ["end", "behind".length]);
    assert.deepEqual(await act("last", "first"), Array(2).fill(["that is all", "well", "well"]));
  },

  async "refused: nobody listens there"({ act }) {
    assert.deepEqual(await act("failing", "refused"), ["ERR_TARGET_CONNECTION_REFUSED"]);
  },

  async "forbidden: no rule allows it, and nobody knocks there"({ act, servers }) {
    assert.deepEqual(await act("failing", "forbidden"), ["ERR_TARGET_FORBIDDEN"]);
    assert.deepEqual(await act("failing", "echo", { host: "localhost" }), ["ERR_TARGET_FORBIDDEN"]);
    assert.deepEqual(await act("failing", "echo", { host: "127.1" }), ["ERR_HEAD_INVALID"]);
    assert.equal(servers.clients.forbidden, undefined);
  },

  async "timeout: nobody accepts"({ act }) {
    assert.deepEqual(await act("failing", "timeout"), ["ERR_TARGET_TIMEOUT"]);
  },

  async "black hole: who says nothing is given up, and nobody else waits for it"({ act, servers }) {
    const left = servers.next("hole");
    const seen = await act("silence", "hole", { other: servers.ports.echo });
    assert.deepEqual(seen, { isSilent: true, other: true, reading: "ERR_ABORTED", closed: "ERR_ABORTED" });
    assert.equal((await left)[0], "ECONNRESET");
  },

  async "flood: a page that does not read makes its server wait, and nobody else"({ act, servers }) {
    const before = servers.flooded();
    assert.deepEqual(await act("slow", "flood", { other: servers.ports.echo }), { some: true, other: true });
    const taken = servers.flooded() - before;
    assert.ok(taken > 0 && taken < 24 << 20, `${taken} bytes were taken`);
  },

  async "leave: all that was written arrives"({ act, servers }) {
    const left = servers.next("count");
    assert.equal(await act("leave", "count", { bytes: 1_000_000 }), "well");
    assert.deepEqual(await left, ["end", 1_000_000]);
  },

  async "tls: done by the gateway, and the page sees what was verified"({ act, servers }) {
    const { opened, ...more } = await act("secured", "tls", { host: "localhost", options: { alpn: ["pop3", "imap"] } });
    assert.deepEqual(more, { line: "hello", rest: 0, closed: "well" });
    const { cipher, ...tls } = opened.tls;
    assert.match(cipher, /^TLS_|^TLS13_/);
    assert.deepEqual(tls, { version: "TLSv1.3", alpn: "imap", servername: "localhost", certificate: servers.fingerprint });
    assert.deepEqual(opened, { remoteAddress: `localhost:${servers.ports.tls}`, localAddress: null, alpn: "imap", tls: opened.tls });
    assert.deepEqual(await act("secured", "echo"), { opened: "ERR_TARGET_FORBIDDEN", writing: "ERR_TARGET_FORBIDDEN" });
  },

  async "starttls: from the clear into TLS"({ act, servers }) {
    const { opened, said, ...more } = await act("upgrade", "starttls", { host: "localhost" });
    assert.deepEqual(said, ["220 ready", "250 in the clear: HELLO", "220 go ahead", "250 within TLS: HELLO"]);
    assert.deepEqual(more, { closed: "well", upgraded: [true, false], rest: 0, secure: "well" });
    assert.equal(opened.tls.certificate, servers.fingerprint);
    assert.equal(opened.alpn, "smtp");
  },

  async "dirty: no TLS behind what was injected"({ act, servers }) {
    for (let i = 0; i < 5; i++) {
      const left = servers.next("dirty");
      const dirty = await act("upgrade", "dirty", { host: "localhost" });
      assert.deepEqual([dirty.opened, dirty.secure], ["ERR_STARTTLS_DIRTY", "ERR_STARTTLS_DIRTY"]);
      assert.deepEqual(await left, ["ECONNRESET", "HELLO\r\nSTARTTLS\r\n".length]);
    }
  },

  async "unload: a page takes its connections along when it is closed, or goes elsewhere"({ open, site, servers }) {
    for (const leave of [(/** @type {any} */ page) => page.close(), (/** @type {any} */ page) => page.goto(`${site.local}/elsewhere`)]) {
      const { page, act } = await open();
      const ends = [];
      for (let i = 0; i < 3; i++) {
        ends.push(servers.next("echo"));
        await act("stay", "echo");
      }
      await leave(page);
      assert.deepEqual(await Promise.all(ends), Array(3).fill(["ECONNRESET", 5]));
    }
  },
};
