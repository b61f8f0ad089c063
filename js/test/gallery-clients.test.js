// The parts of the gallery's clients that know of no page: what a person may name, IRC, IMAP, mail, and bytes that are no text. What comes
// from a server comes in pieces, and each is cut at every byte here.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { byteStream } from "../pageport/socket.js";
import { Client, GATHER_MS } from "../../demos/irc/client.js";
import { folded, format, parse, pieces, spoken } from "../../demos/irc/message.js";
import { folderName } from "../../demos/mail/folder-name.js";
import { read } from "../../demos/mail/mime.js";
import { readResponse } from "../../demos/mail/response.js";
import { Session } from "../../demos/mail/session.js";
import { base64, decodeWords, quotedPrintable } from "../../demos/mail/words.js";
import { parseTarget } from "../../demos/shared/target.js";
import { hexRows, textOf } from "../../demos/terminal/hex.js";
import { Tap } from "../../demos/terminal/tap.js";

const bytes = (text) => new TextEncoder().encode(text);
const text = (some) => new TextDecoder().decode(some);

/** As much of it as takes minutes for what looks at a part again for each other part. @param {string} part */
const much = (part) => part.repeat(1_000_000 / part.length);

/** A server's bytes in these pieces, then the end. @param {Uint8Array[]} chunks */
const readable = (...chunks) => new ReadableStream({ start: (controller) => (chunks.forEach((chunk) => controller.enqueue(chunk)), controller.close()) });

/** The same bytes cut in two, at every byte. @param {Uint8Array} all */
const cuts = (all) => Array.from({ length: all.length - 1 }, (_, i) => [all.subarray(0, i + 1), all.subarray(i + 1)]);

/** What is said to a server that says this. @param {Uint8Array[]} chunks */
async function scripted(chunks) {
  const said = [];
  const io = await byteStream({ readable: readable(...chunks), writable: new WritableStream({ write: (chunk) => void said.push(text(chunk)) }) });
  return { io, said };
}

describe("a target", () => {
  test("is a host and a port, and how it is spoken to", () => {
    const seen = ["127.0.0.1:6667", " tls://IRC.example:6697/ ", "[::1]:80", "tcp://a-b.c:1"].map((text) => parseTarget(text, { scheme: "tcp" }).url);
    assert.deepEqual(seen, ["tcp://127.0.0.1:6667", "tls://irc.example:6697", "tcp://[::1]:80", "tcp://a-b.c:1"]);
    assert.equal(parseTarget("irc.example", { scheme: "tls", port: 6697 }).command, "pageport dev --allow tls://irc.example:6697");
  });

  test("is nothing that a shell would take for more", () => {
    for (const wrong of ["", "a", "a:0", "a:65536", "a b:1", "a:1;ls", "$(ls):1", "`ls`:1", "a'b:1", "ws://a:1", "a:1/b", "user@a:1", "-a:1", "a:1\nb:2"]) {
      assert.throws(() => parseTarget(wrong), Error, wrong);
    }
  });
});

describe("a message of IRC", () => {
  test("is taken apart", () => {
    assert.deepEqual(parse(":ann!a@h PRIVMSG #c :two words: more"), { nick: "ann", command: "PRIVMSG", params: ["#c", "two words: more"] });
    assert.deepEqual(parse("@time=1 :irc.test 353 me = #c  :@ann +bo"), { nick: "irc.test", command: "353", params: ["me", "=", "#c", "@ann +bo"] });
    assert.deepEqual(parse("ping x"), { nick: "", command: "PING", params: ["x"] });
    assert.deepEqual(parse(":ann JOIN :#c")?.params, ["#c"]);
    for (const none of ["", ":only.prefix", "12 too few digits", " "]) assert.equal(parse(none), undefined, none);
  });

  test("is put together, and nothing gets into it that is another one", () => {
    assert.equal(format("PRIVMSG", "#c", "two words"), "PRIVMSG #c :two words\r\n");
    assert.equal(format("NICK", "ann"), "NICK ann\r\n");
    assert.equal(format("PRIVMSG", "#c", ":)"), "PRIVMSG #c ::)\r\n");
    for (const params of [["#c", "a\r\nQUIT"], ["#c", "a\nb"], ["a b", "c"], ["", "c"], [":a", "c"], ["#c", "x".repeat(600)]]) {
      assert.throws(() => format("PRIVMSG", ...params), Error, params.join());
    }
  });

  test("has room for a text in pieces, none of which cuts a character", () => {
    const long = "😀é-".repeat(200);
    const parts = pieces("#c", long);
    assert.ok(parts.length > 2);
    assert.equal(parts.join(""), long);
    for (const part of parts) assert.ok(format("PRIVMSG", "#c", part).length < 512);
  });

  test("may be an action, and is shown without colours", () => {
    assert.deepEqual(spoken("\x01ACTION waves\x01"), { isAction: true, text: "waves" });
    assert.deepEqual(spoken("\x02bold\x02 \x0304,12red\x03 plain"), { isAction: false, text: "bold red plain" });
    assert.equal(folded("[A]"), folded("{a}"));
  });
});

describe("an IRC client", () => {
  const SCRIPT = [
    "PING :first",
    ":irc.test 433 * ann :Nickname already in use",
    ":irc.test 001 ann_ :Welcome",
    ":irc.test 422 ann_ :MOTD file is missing",
    ":ann_!a@h JOIN :#c",
    ":irc.test 332 ann_ #c :Über alles",
    ":irc.test 353 ann_ = #c :@ann_ bo",
    ":irc.test 353 ann_ = #c :+cy",
    ":irc.test 366 ann_ #c :End of NAMES list",
    ":bo!b@h PRIVMSG #c :grüße 😀",
    ":bo!b@h PRIVMSG ann_ :\x01VERSION\x01",
    ":bo!b@h NICK :bob",
    ":dee!d@h JOIN :#c",
    ":cy!c@h QUIT :bye",
    ":ann_!a@h KICK #c dee :out",
    ":irc.test 404 ann_ #x :Cannot send",
    "ERROR :Closing connection",
  ];
  const all = bytes(SCRIPT.map((line) => `${line}\r\n`).join(""));

  test("understands a server wherever its bytes are cut", async () => {
    for (const chunks of cuts(all)) {
      const { io, said } = await scripted(chunks);
      /** @type {any[]} */
      const told = [];
      const client = new Client(io, { nick: "ann", channel: "#c" }, (what) => told.push(what));
      await assert.rejects(client.run(), /Closing connection/);
      assert.deepEqual(said, ["NICK ann\r\n", "USER pageport 0 * :A web page\r\n", "PONG first\r\n", "NICK ann_\r\n", "JOIN #c\r\n"]);
      assert.deepEqual(client.channel?.people.map(({ mark, nick }) => mark + nick), ["@ann_", "bob"]);
      assert.equal(client.channel?.topic, "Über alles");
      assert.deepEqual(told.filter(({ type }) => type === "said"), [{ type: "said", nick: "bo", text: "grüße 😀", isAction: false, isPrivate: false }]);
      assert.ok(told.some(({ text }) => text === "#x Cannot send (404)"));
    }
  });

  test("ends when it was asked to, and says so when it was not", async () => {
    const { io, said } = await scripted([bytes(":s 001 ann :Hi\r\n")]);
    const client = new Client(io, { nick: "ann", channel: "#c" }, ({ type }) => type === "ready" && client.quit());
    await client.run();
    assert.equal(said.at(-1), "JOIN #c\r\n");
    assert.ok(said.includes("QUIT Leaving\r\n"));
    const other = new Client((await scripted([bytes("PING a\r\n")])).io, { nick: "ann", channel: "#c" }, () => {});
    await assert.rejects(other.run(), /ended the connection/);
    await assert.rejects(other.say("hello"), /on no channel/);
    await assert.rejects(other.say("/unheard of"), /not known/);
  });
});

describe("an IRC client that is pushed", () => {
  test("asks for names once in a while, however often modes change", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const said = [];
    /** @type {any} */
    let server;
    /** @type {any} */
    let heard;
    const readable = new ReadableStream({ start: (controller) => void (server = controller) });
    const writable = new WritableStream({ write: (chunk) => void (said.push(text(chunk)), heard?.()) });
    /** Until this client has said so. @param {string} line */
    const hears = async (line) => {
      while (said.at(-1) !== line) await new Promise((resolve) => (heard = resolve));
    };
    const names = () => said.filter((line) => line.startsWith("NAMES")).length;
    const modes = ":op!o@h MODE #c +v ann\r\n".repeat(1000);
    const client = new Client(await byteStream({ readable, writable }), { nick: "ann", channel: "#c" }, () => {});
    const running = client.run();
    server.enqueue(bytes(`:s 001 ann :Hi\r\n:ann!a@h JOIN :#c\r\n${modes}PING :all\r\n`));
    await hears("PONG all\r\n");
    assert.equal(names(), 0);
    for (const round of [1, 2]) {
      t.mock.timers.tick(GATHER_MS);
      await hears("NAMES #c\r\n");
      server.enqueue(bytes(`${modes}PING :round${round}\r\n`));
      await hears(`PONG round${round}\r\n`);
      assert.equal(names(), round);
    }
    server.close();
    await assert.rejects(running, /ended the connection/);
    t.mock.timers.tick(GATHER_MS);
    assert.equal(names(), 2, "nobody is asked any more");
  });
});

describe("a response of IMAP", () => {
  const whole = Buffer.concat([
    bytes('* 3 FETCH (UID 7 FLAGS (\\Seen $x) BODY[HEADER.FIELDS (FROM "TO")] {12}\r\n'),
    bytes("a: ü) {3}\r\n"),
    bytes(' X "q \\"q\\" \\\\" N NIL E ()  BODY[]<0> {0}\r\n)\r\n'),
    bytes("a1 OK [READ-ONLY] done {not a literal\r\n"),
  ]);

  test("is the same wherever its bytes are cut, literals and all", async () => {
    for (const chunks of cuts(whole)) {
      const { io } = await scripted(chunks);
      const { tag, name, number, values } = (await readResponse(io)) ?? {};
      assert.deepEqual([tag, name, number], ["*", "FETCH", 3]);
      const [[...list]] = /** @type {any} */ (values);
      assert.equal(text(list[5]), "a: ü) {3}\r\n");
      list[5] = list[13] = "";
      assert.deepEqual(list, ["UID", "7", "FLAGS", ["\\Seen", "$x"], 'BODY[HEADER.FIELDS (FROM "TO")]', "", "X", 'q "q" \\', "N", null, "E", [], "BODY[]<0>", ""]);
      assert.deepEqual(await readResponse(io), { tag: "a1", status: "OK", code: "READ-ONLY", text: "done {not a literal" });
      assert.equal(await readResponse(io), undefined);
    }
  });

  test("that is too much, too deep or cut off is an error", async () => {
    const first = async (said) => readResponse((await scripted([bytes(said)])).io);
    await assert.rejects(first("* 1 FETCH (BODY[] {2097152}\r\n"), /more than was asked for/);
    await assert.rejects(first(`* 1 FETCH (${" {0}\r\n".repeat(100_000)})\r\n`), /more than was asked for/);
    await assert.rejects(first(`* X ${"(".repeat(100)}\r\n`), /too deeply/);
    await assert.rejects(first("* 1 FETCH (BODY[] {10}\r\nabc"), { code: "ERR_STREAM_ENDED" });
    await assert.rejects(first("x".repeat(70_000)), { code: "ERR_LINE_TOO_LONG" });
    assert.deepEqual(await first(")) ) (\r\n"), { tag: "))", name: "", number: undefined, values: [] });
  });
});

describe("an IMAP session", () => {
  test("reads folders and messages, and says what a person chose only as a literal", async () => {
    const { io, said } = await scripted([
      bytes('* OK hi\r\n+ go\r\n+ on\r\na1 OK in\r\n* LIST (\\HasNoChildren) "." Sent\r\n* LIST (\\Noselect) "." x\r\n* LIST () "." "INBOX"\r\n* LIST () "." {5}\r\n&AOQ-\r\na2 OK\r\n'),
      bytes("+\r\n* 2 EXISTS\r\na3 OK [READ-ONLY]\r\n* 1 FETCH (UID 5 FLAGS () RFC822.SIZE 9 BODY[HEADER.FIELDS (FROM)] {6}\r\nA: b\r\n)\r\n* 2 FETCH (UID 6 FLAGS (\\Seen) RFC822.SIZE 8 BODY[HEADER.FIELDS (FROM)] \"\")\r\na4 OK\r\n"),
      bytes("* 1 FETCH (UID 5 BODY[]<0> {4}\r\ntext)\r\na5 OK\r\na6 NO [X] really not\r\n* BYE too long\r\n"),
    ]);
    const session = new Session(io);
    await session.greeting();
    await session.login("ann", 'p"\r\na9 DELETE INBOX');
    assert.deepEqual(await session.folders(), [{ name: "INBOX", label: "INBOX" }, { name: "&AOQ-", label: "ä" }, { name: "Sent", label: "Sent" }]);
    assert.equal(await session.open("INBOX"), 2);
    const [newest, oldest] = await session.summaries(1, 2);
    assert.deepEqual([newest.uid, newest.isSeen, newest.size, oldest.uid, oldest.isSeen, text(oldest.header)], [6, true, 8, 5, false, "A: b\r\n"]);
    assert.equal(text(await session.message(5)), "text");
    await assert.rejects(session.message(9), /really not/);
    await assert.rejects(session.poll(), /ended the session: too long/);
    assert.deepEqual(said.slice(0, 6), ["a1 LOGIN {3}\r\n", "ann", " {19}\r\n", 'p"\r\na9 DELETE INBOX', "\r\n", 'a2 LIST "" "*"\r\n']);
  });

  test("does not keep whatever a server says", async () => {
    const says = async (times) => new Session((await scripted([bytes(`* OK hi\r\n${"* 1 EXISTS\r\n".repeat(times)}a1 OK\r\na2 OK\r\n`)])).io);
    const [usual, endless] = [await says(10_000), await says(100_000)];
    for (const session of [usual, endless]) await session.greeting();
    await usual.poll();
    await usual.poll();
    for (const _ of [1, 2]) await assert.rejects(endless.poll(), /more than was asked for/);
  });

  test("does not go on with whoever is no IMAP server", async () => {
    for (const said of ["220 smtp\r\n", "* BYE busy\r\n", "\r\n", ""]) await assert.rejects(new Session((await scripted([bytes(said)])).io).greeting(), Error, said);
  });
});

describe("mail", () => {
  test("has words in headers that are decoded, also where they cut a character", () => {
    assert.equal(decodeWords("=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= =?UTF-8?q?_K=C3=B6ln?="), "Grüße aus Köln");
    assert.equal(decodeWords("a =?utf-8?B?8J+Y?=\r\n =?utf-8?B?ig==?= b"), "a 😊 b");
    assert.equal(decodeWords("=?iso-8859-1*de?Q?Andr=E9?= <a@b>"), "André <a@b>");
    assert.equal(decodeWords("=?nobody-knows?Q?x?= =?utf-8?Z?y?= =?utf-8?B?!?="), "x =?utf-8?Z?y?= ");
    assert.equal(text(quotedPrintable("a=3D=\r\nb =zz \r\nc=")), "a=b =zz\r\nc=");
    assert.deepEqual([text(base64("aGk")), text(base64("a!G\r\nk=")), text(base64("a"))], ["hi", "hi", ""]);
  });

  test("has names of folders in an alphabet of their own", () => {
    assert.deepEqual(["INBOX", "Entw&APw-rfe", "A&-B", "&ZeVnLIqe-/x", "&!!-", "&AA-"].map(folderName), ["INBOX", "Entwürfe", "A&B", "日本語/x", "&!!-", ""]);
  });

  const MESSAGE = [
    "From: =?utf-8?Q?J=C3=BC?=\r\n <j@x>",
    "Subject: first\nSubject: second",
    'Content-Type: multipart/mixed; boundary="=_a b"',
    "",
    "preamble",
    "--=_a b",
    "Content-Type: multipart/alternative; boundary=inner",
    "",
    "--inner",
    "Content-Type: text/html",
    "",
    "<p>no</p>",
    "--inner",
    "Content-Type: text/plain; charset=ISO-8859-15",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "100 =A4 --inner",
    "--inner--",
    "--=_a b",
    "Content-Type: application/pdf; name=x",
    "Content-Disposition: attachment; filename*=utf-8''%C3%BC.pdf",
    "Content-Transfer-Encoding: base64",
    "",
    "aGVsbG8=",
    "--=_a b--",
    "epilogue",
  ].join("\r\n");

  test("has a text among its parts, and others beside it", () => {
    const { headers, text, isHtml, others } = read(bytes(MESSAGE));
    assert.deepEqual([headers.get("from"), headers.get("subject"), text, isHtml], ["Jü <j@x>", "first", "100 € --inner", false]);
    assert.deepEqual(others, [{ type: "text/html", name: "", size: 9 }, { type: "application/pdf", name: "ü.pdf", size: 5 }]);
  });

  test("is read as far as there is any, wherever it ends", () => {
    const all = bytes(MESSAGE);
    for (let end = 0; end <= all.length; end++) assert.equal(typeof read(all.subarray(0, end)).text, "string");
  });

  test("that is HTML is only words, and what nests without end is not followed", () => {
    const html = '<head><title>T</title></head><p>one &amp; &#228;&#x1F600; &lt;b&gt;<br>two<script>alert(1)</script><!-- x --><img src=x onerror="alert(1)">';
    const { text, isHtml } = read(bytes(`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`));
    assert.deepEqual([text, isHtml], ["one & ä😀 <b>\ntwo", true]);
    const deep = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(1000);
    assert.equal(read(bytes(deep)).text, "");
    const wide = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\nx\r\n".repeat(5000)}`;
    assert.ok(read(bytes(wide)).others.length < 200);
  });
});

describe("mail that means harm", () => {
  test("is decoded at the pace of its length", () => {
    assert.equal(quotedPrintable(much(" ")).length, 1_000_000);
    assert.equal(text(quotedPrintable(`${much(" \t")}\r\n`)), "\r\n");
    assert.equal(decodeWords(`=?utf-8?Q?${much("a")}?= =?utf-8?Q?${much("b")}?=`).length, 2_000_000);
    assert.equal(decodeWords(much("=?")).length, 1_000_000);
  });

  test("has headers and parameters that are read at the pace of their length", () => {
    assert.equal(read(bytes(`A: ${much("a")}\rb\r\n\r\nbody`)).text, "body");
    assert.equal(read(bytes(`${much(" ")}\r\nA: b\r\n\r\nbody`)).headers.get("a"), "b");
    for (const part of [";", "; a", ';a="', ';a="\\', ";a*=", "\\"]) {
      assert.equal(read(bytes(`Content-Type: text/plain; x="${much(part)}\r\n\r\nbody`)).text, "body", part);
    }
  });

  test("is HTML of which the words are found at the pace of its length", () => {
    const words = (html) => read(bytes(`Content-Type: text/html\r\n\r\n${html}`)).text;
    for (const part of ["<", "<a", "<br ", "<!--", "<script ", "<title></title", "</head ", "&#32;", "&a"]) {
      assert.equal(words(`one<br>two${much(part)}`).slice(0, 7), "one\ntwo", part);
    }
    assert.equal(words(`one${much(" <b>")} two`), "one two");
    assert.equal(words(`one${much("<style>x</style>")} two${much("<!-- -->")}`), "one two");
    assert.equal(words("1 < 2 <style>no <script>no</STYLE >3 <script>4<header>5</p\n>6<!-- no <br>no <!-- no --> 7 <"), "1 < 2 3 45\n6 7 <");
  });
});

describe("a terminal", () => {
  test("knows what each line was made of, wherever its bytes are cut", async () => {
    const all = Buffer.concat([bytes("plain ü\r\n\n"), Uint8Array.of(0, 255, 10), bytes("no end")]);
    for (const chunks of cuts(all)) {
      const tap = new Tap();
      const io = await byteStream({ readable: readable(...chunks).pipeThrough(tap.stream) });
      const lines = [];
      for await (const _ of io.lines()) lines.push([...tap.takeLine()]);
      assert.deepEqual(lines, [[...bytes("plain ü\r\n")], [10], [0, 255, 10], [...bytes("no end")]]);
    }
  });

  test("shows text as text, and anything else as bytes", () => {
    assert.deepEqual([bytes("ü\t\r\n"), bytes("\n"), bytes("a\rb\n"), bytes("\x1b[1m"), Uint8Array.of(0xc3), bytes("\x7f")].map(textOf), ["ü\t", "", undefined, undefined, undefined, undefined]);
    assert.deepEqual(hexRows(bytes("GET /\r\n\0\xff"), 16), ["0010 47 45 54 20 2f 0d 0a 00 GET /···", "0018 c3 bf                   ··"]);
  });
});

describe("what others have written", () => {
  test("is what they published, byte for byte", () => {
    const from = dirname(fileURLToPath(import.meta.resolve("@novnc/novnc"))).replace(/\/core$/, "");
    const here = fileURLToPath(new URL("../../demos/vendor/novnc", import.meta.url));
    const files = readdirSync(here, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.ok(files.length > 50, `${files.length} files`);
    for (const { name, parentPath, path = parentPath } of files) {
      const file = join(path, name);
      assert.deepEqual(readFileSync(file), readFileSync(join(from, file.slice(here.length))), file);
    }
  });
});
