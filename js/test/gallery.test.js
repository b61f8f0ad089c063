// The parts of the gallery that know of no page: what a site answers, how bytes become lines, how a body is shown.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answer, parseRange } from "../../demos/website/answer.js";
import { Coverage } from "../../demos/website/coverage.js";
import { folderPage } from "../../demos/website/pages.js";
import { Site } from "../../demos/website/site.js";
import { body } from "../../demos/website/body.js";
import { LineConnection } from "../../demos/lines/connection.js";
import { lines, MOST_CHARACTERS } from "../../demos/lines/lines.js";
import { Exchange } from "../../demos/webhook/exchange.js";
import { indent, pretty } from "../../demos/webhook/pretty.js";

const file = (name, text = name) => Object.assign(new Blob([text]), { name, lastModified: 7 });
const bytes = (text) => new TextEncoder().encode(text);

describe("a site", () => {
  const site = new Site();
  site.add(["index.html", "a b/ü.txt", "a b/deep/er.css"].map((path) => ({ path: `top/${path}`, file: file(path) })));
  const get = (path, headers = {}, method = "GET") =>
    answer(site, /** @type {any} */ ({ method, url: `http://x${path}`, headers: new Headers(headers) }));

  test("drops the folder that holds all of it, and knows folders, indexes and what is missing", () => {
    assert.deepEqual([...site.files.keys()], ["/index.html", "/a b/ü.txt", "/a b/deep/er.css"]);
    assert.deepEqual([get("/").status, get("/").path], [200, "/index.html"]);
    assert.equal(get("/a%20b/%C3%BC.txt").headers["content-type"], "text/plain; charset=utf-8");
    assert.deepEqual([get("/a%20b?q").status, get("/a%20b?q").headers.location], [308, "/a%20b/?q"]);
    assert.equal(get("/a%20b/").status, 200);
    for (const [path, status] of [["/nothing", 404], ["/a%20b/../..%2f", 404], ["/%ff", 400], ["/index.html/", 404]]) {
      assert.equal(get(path).status, status, path);
    }
  });

  test("gives a HEAD the headers of a GET and no body, and others nothing", () => {
    assert.deepEqual({ ...get("/"), body: undefined }, { ...get("/", {}, "HEAD"), body: undefined });
    assert.equal(get("/", {}, "HEAD").body, undefined);
    assert.deepEqual([get("/", {}, "PUT").status, get("/", {}, "PUT").headers.allow], [405, "GET, HEAD"]);
  });

  test("sends a part only of the version that was meant", async () => {
    const { etag } = get("/").headers;
    const part = get("/", { range: "bytes=2-4", "if-range": etag });
    assert.deepEqual([part.status, part.headers["content-range"], await part.body?.text()], [206, "bytes 2-4/10", "dex"]);
    assert.equal(get("/", { range: "bytes=2-4", "if-range": `"other"` }).status, 200);
    for (const tags of [etag, `W/${etag}`, `"a", ${etag}`, "*"]) assert.equal(get("/", { "if-none-match": tags }).status, 304, tags);
    assert.equal(get("/", { "if-none-match": `"a"` }).status, 200);
  });

  test("escapes names in its lists, even those that look like markup or schemes", () => {
    const html = folderPage("/<i>/", ["<b>\"'.txt", "javascript:alert(1)"]);
    assert.doesNotMatch(html, /<b>|<i>|href="javascript:/);
    assert.match(html, /href="\.\/javascript%3Aalert\(1\)"/);
  });
});

test("ranges are those of RFC 9110", () => {
  const cases = { "bytes=0-0": [0, 1], "bytes=5-": [5, 10], "bytes=-3": [7, 10], "bytes=-99": [0, 10], "bytes=4-99": [4, 10] };
  for (const [text, range] of Object.entries(cases)) assert.deepEqual(parseRange(text, 10), range, text);
  for (const text of ["bytes=10-", "bytes=-0", "bytes=99-100"]) assert.equal(parseRange(text, 10), null, text);
  for (const text of [null, "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b"]) assert.equal(parseRange(text, 10), undefined);
});

test("bytes that were sent twice count once, and their bookkeeping stays small", () => {
  const covered = new Coverage();
  for (const [from, to] of [[10, 20], [0, 5], [15, 30], [5, 10], [7, 7]]) covered.add(from, to);
  assert.equal(covered.bytes, 30);
  for (let at = 100; at < 100_000; at += 2) covered.add(at, at + 1);
  assert.equal(covered.bytes, 30 + 99);
});

describe("lines", () => {
  const split = async (...chunks) => {
    const out = [];
    for await (const line of ReadableStream.from(chunks).pipeThrough(lines())) out.push(line);
    return out;
  };

  test("end with LF or CR LF, wherever the bytes are cut", async () => {
    const whole = bytes("é\r\n\nlast");
    const single = [...whole].map((byte) => new Uint8Array([byte]));
    assert.deepEqual(await split(whole), ["é", "", "last"]);
    assert.deepEqual(await split(...single), ["é", "", "last"]);
    assert.deepEqual(await split(), []);
  });

  test("that never end are cut, so that nobody makes a page hold them", async () => {
    const long = await split(...Array.from({ length: 10 }, () => bytes("x".repeat(1000))));
    assert.deepEqual(long.map(({ length }) => length), [MOST_CHARACTERS, MOST_CHARACTERS, 10_000 - 2 * MOST_CHARACTERS]);
    assert.equal((await split(bytes("y".repeat(MOST_CHARACTERS) + "\n"))).length, 1);
  });
});

describe("a body", () => {
  test("that is JSON gets line breaks and keeps every token", () => {
    const text = '{"n":12345678901234567890,"n":1.0e5,"s":"{\\"a\\": [1]}","e":{},"l":[],"d":[1,{"x":null}]}';
    const shown = indent(text) ?? "";
    assert.equal(shown.replaceAll(/\n */g, "").replaceAll('": ', '":').replace('{\\"a\\":[1]}', '{\\"a\\": [1]}'), text);
    assert.equal(indent("[1,[]]"), "[\n  1,\n  []\n]");
  });

  test("that is none, or would be too deep to read, is shown as it is", () => {
    for (const text of ["{", "1", '"text"', "[".repeat(1000) + "]".repeat(1000)]) assert.equal(indent(text), undefined, text);
    assert.deepEqual(pretty(bytes("[1"), "application/json", true), { kind: "Text", text: "[1" });
    assert.deepEqual(pretty(bytes("a=1&b=%3Cb%3E"), "application/x-www-form-urlencoded", true), { kind: "Form", text: "a = 1\nb = <b>" });
    assert.equal(pretty(new Uint8Array([0, 255, 65]), "text/plain", true).kind, "Bytes");
    assert.equal(pretty(bytes("é").slice(0, 1), "text/plain", false).kind, "Text");
  });
});

describe("a line connection", () => {
  test("says nothing behind its end, may be ended twice, and goes on hearing", async () => {
    const [there, here] = [new TransformStream(), new TransformStream()];
    const client = new LineConnection({ readable: there.readable, writable: here.writable, remoteAddress: "p1" }, { received() {}, sent() {} });
    const heard = new Response(here.readable).text();
    const writer = there.writable.getWriter();
    assert.equal(client.say("the last"), true);
    await Promise.all([client.finish(), client.finish()]);
    assert.equal(client.say("too late"), false);
    writer.write(new TextEncoder().encode("more\n"));
    writer.close();
    const got = [];
    for await (const line of client) {
      got.push(line);
      await client.write(line);
    }
    assert.deepEqual([got, await heard], [["more"], "the last\n"]);
  });
});

describe("the body of an answer", () => {
  test("ends once, although those who cut it and those who read it both notice", async () => {
    /** @type {string[]} */
    const told = [];
    const { stream, abort } = body(new Blob(["x".repeat(100_000)]), { sent() {}, ended: (how) => told.push(how) });
    const reader = stream.getReader();
    await reader.read();
    const reading = reader.read();
    abort();
    await assert.rejects(reading, { name: "AbortError" });
    abort();
    await reader.cancel().catch(() => {});
    assert.deepEqual(told, ["aborted"]);
  });
});

describe("a request that is caught", () => {
  const request = (/** @type {ReadableStream | string} */ body) => new Request("http://hook.test/a?b", { method: "POST", body, duplex: "half" });

  test("has its body when it says that it waits", async () => {
    const exchange = new Exchange(request("something"), "p1");
    /** @type {any[]} */
    const states = [];
    exchange.addEventListener("change", () => states.push([exchange.state, Buffer.from(exchange.kept).toString()]));
    assert.equal(await exchange.read(), true);
    assert.deepEqual(states, [["arriving", "something"], ["waiting", "something"]]);
  });

  test("is read no further once it is answered", async () => {
    let cancelled = false;
    const exchange = new Exchange(request(new ReadableStream({ cancel: () => void (cancelled = true) })), "p1");
    const reading = exchange.read();
    exchange.drop();
    assert.equal(await reading, false);
    assert.deepEqual([cancelled, (await exchange.response).status], [true, 503]);
  });
});
