// The gallery's servers from one end to the other: a page serves, ordinary programs visit, a person presses buttons. Each
// drive fails when anything is not as it should be, and says in figures what it saw.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { click, fill, open, pick, text, until } from "./gallery-steps.js";
import { curl, nc, sha256, visit } from "./gallery-shell.js";

/** @typedef {import("./driver.js").Browser} Browser @typedef {{ url: string }} Gateway */

const LARGE = 24 * 1024 * 1024;

/** The website page, serving. @param {Browser} browser @param {Gateway} gateway */
export async function openWebsite(browser, gateway) {
  const opened = await open(browser, `${gateway.url}/website/`);
  await until(opened.page, "#state", /^Serving$/);
  return { ...opened, url: await text(opened.page, "#url") };
}

/** The webhook page, listening. @param {Browser} browser @param {Gateway} gateway */
export async function openWebhook(browser, gateway) {
  const opened = await open(browser, `${gateway.url}/webhook/`);
  await until(opened.page, "#state", /^Listening$/);
  return { ...opened, url: await text(opened.page, "#url") };
}

/** The line server's page, listening. @param {Browser} browser @param {Gateway} gateway */
export async function openLines(browser, gateway) {
  const opened = await open(browser, `${gateway.url}/lines/`);
  await until(opened.page, "#state", /^Listening on port \d+$/);
  const [, host, port] = (await text(opened.page, "#nc")).split(" ");
  return { ...opened, host, port };
}

/** Real files, picked as a person does; read back by Node and curl, whole and in parts. @param {Browser} browser @param {Gateway} gateway */
export async function driveWebsite(browser, gateway) {
  const folder = await mkdtemp(join(tmpdir(), "pageport-site-"));
  const large = randomBytes(LARGE);
  const files = { "index.html": "<!doctype html><title>Mine</title><p>Mine", "ünï & <b>.txt": "names are only text\n", "large.bin": large };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  try {
    const { page, url, errors } = await openWebsite(browser, gateway);
    assert.match((await visit(url)).body.toString(), /Nothing here yet/);
    await pick(page, "#files-input", Object.keys(files).map((name) => join(folder, name)));
    await until(page, "#files-summary", /^3 files/);
    assert.equal(await page.evaluate(() => document.querySelectorAll("#files b").length), 0);

    const first = await visit(url);
    assert.deepEqual([first.status, first.headers["content-type"]], [200, "text/html; charset=utf-8"]);
    const named = await visit(url + encodeURIComponent("ünï & <b>.txt"));
    assert.deepEqual([named.status, named.body.toString()], [200, "names are only text\n"]);

    const target = `${url}large.bin`;
    const whole = await visit(target);
    assert.equal(sha256(whole.body), sha256(large));
    const head = await visit(target, { method: "HEAD" });
    assert.deepEqual([head.headers["content-length"], head.body.length], [`${LARGE}`, 0]);
    const etag = /** @type {string} */ (head.headers.etag);
    assert.equal((await visit(target, { headers: { "if-none-match": etag } })).status, 304);
    const part = await visit(target, { headers: { range: "bytes=1000000-1999999", "if-range": etag } });
    assert.deepEqual([part.status, part.headers["content-range"]], [206, `bytes 1000000-1999999/${LARGE}`]);
    assert.equal(sha256(part.body), sha256(large.subarray(1_000_000, 2_000_000)));
    const statuses = [`${url}nowhere`, `${url}%ff`].map(async (one) => (await visit(one)).status);
    assert.deepEqual(await Promise.all(statuses), [404, 400]);
    assert.equal((await visit(target, { headers: { range: `bytes=${LARGE}-` } })).status, 416);
    assert.equal((await visit(target, { method: "POST", body: "x" })).status, 405);

    // A download that the network breaks twice arrives whole; curl takes it slowly enough to be cut in the middle.
    const cut = curl(target, "--limit-rate", "6M");
    await until(page, "#downloads", /large\.bin.*downloading/s);
    let cuts = 0;
    while (cuts < 2) {
      await click(page, "#cut");
      cuts++;
      await until(page, "#network-events", new RegExp(`cut by you \\(${cuts}\\).*attached over \\w+ after`, "s"));
    }
    const downloaded = (await cut.finished).stdout;
    assert.equal(sha256(downloaded), sha256(large));
    await until(page, "#downloads tr:first-child", /large\.bin.*100 %.*done/s);

    // One that is closed here breaks there: it never looks complete.
    const doomed = curl(target, "--limit-rate", "500k");
    await until(page, "#connections tr:first-child td", /^open$/);
    await click(page, "#connections tr:first-child button");
    const { code, stdout } = await doomed.finished;
    assert.ok([18, 56, 92].includes(code ?? 0) && stdout.length < LARGE, `curl ended with ${code} after ${stdout.length} bytes`);
    await until(page, "#connections tr:first-child td", /^aborted$/);

    // And one that its visitor gives up is seen to be.
    const left = curl(target, "--limit-rate", "500k");
    await until(page, "#connections tr:first-child td", /^open$/);
    left.kill();
    await until(page, "#connections tr:first-child td", /^aborted$/);
    assert.deepEqual(errors.filter((words) => !/closed by whoever serves/.test(words)), []);
    await page.close();
    return { sha256_by_node: sha256(whole.body).slice(0, 16), sha256_by_curl: sha256(downloaded).slice(0, 16), cuts, aborted_curl_exit: code, aborted_after_bytes: stdout.length };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Answers at once and by hand; a body that wants to be markup; a sender who leaves. @param {Browser} browser @param {Gateway} gateway */
export async function driveWebhook(browser, gateway) {
  const { page, url, errors } = await openWebhook(browser, gateway);
  const hook = `${url}hooks/1?a=b`;
  const json = JSON.stringify({ event: "push", html: "<img src=x onerror=alert(1)>" }).replace("}", ',"id":12345678901234567890}');
  const posted = ["-H", "content-type: application/json", "--data-binary", json, "-w", "%{http_code}"];

  await fill(page, `#template [data-answer="status"]`, "202");
  const atOnce = (await curl(hook, ...posted).finished).stdout.toString();
  assert.equal(atOnce, "Thanks.202");
  await until(page, "#requests", /POST \/hooks\/1\?a=b.*answered 202/s);
  const shown = await text(page, "#detail");
  for (const words of ["12345678901234567890", "onerror=alert(1)", "application/json", "curl/"]) assert.ok(shown.includes(words), shown);
  assert.equal(await page.evaluate(() => document.querySelectorAll("#detail img").length), 0);

  // A status that cannot be is said to be none, and nobody gets it: a person has to answer then.
  await fill(page, `#template [data-answer="status"]`, "999");
  await until(page, "#template .problem", /from 200 to 599/);

  await click(page, "#by-hand");
  const held = curl(`${url}held`, "-i", "-d", "a=1&b=2");
  await until(page, "#requests li:first-child", /POST \/held.*waits for you/s);
  await click(page, "#requests li:first-child button");
  await fill(page, `#detail [data-answer="status"]`, "418");
  await fill(page, `#detail [data-answer="headers"]`, "x-by: hand\ncontent-type: text/plain");
  await fill(page, `#detail [data-answer="body"]`, "typed by a person");
  await click(page, "#cut");
  await click(page, "#detail .main");
  const answered = (await held.finished).stdout.toString();
  for (const words of [/^HTTP\/1\.1 418 /, /\r\nx-by: hand\r\n/, /\r\n\r\ntyped by a person$/]) assert.match(answered, words);
  await until(page, "#detail", /Answered with 418 after/);

  const left = curl(`${url}left`);
  await until(page, "#requests li:first-child", /left.*waits for you/s);
  left.kill();
  await until(page, "#requests li:first-child", /sender left/);

  const closed = curl(`${url}closed`, "-o", "/dev/null", "-w", "%{http_code}");
  await until(page, "#connections tr:first-child", /GET \/closed/);
  await click(page, "#connections tr:first-child button");
  const refused = (await closed.finished).stdout.toString();
  assert.equal(refused, "503");

  const large = curl(`${url}large`, "-X", "PUT", "--data-binary", "x".repeat(1000).repeat(100), "-o", "/dev/null");
  await until(page, "#requests li:first-child", /PUT \/large.*100 kB.*waits for you/s);
  large.kill();
  await until(page, "#requests-summary", /^5 came, 0 wait/);
  await click(page, "#forget");
  await until(page, "#requests-summary", /^5 came, 0 wait/);
  assert.equal(await page.evaluate(() => document.querySelectorAll("#requests li").length), 0);
  assert.deepEqual(errors, []);
  await page.close();
  const [, byHand] = /^HTTP\/1\.1 (\d+)/.exec(answered) ?? [];
  return { at_once: atOnce.slice(-3), by_hand_through_a_cut: byHand, closed_by_button: refused };
}

/** nc talks, in all three ways; both halves of a connection end by themselves. @param {Browser} browser @param {Gateway} gateway */
export async function driveLines(browser, gateway) {
  const { page, host, port, errors } = await openLines(browser, gateway);
  // Lines that end half way through a character, and a client that has said all before it hears anything.
  const echo = nc(host, port);
  echo.write("héllo\r\n<b>bold</b>\nno end");
  echo.end();
  const echoed = await echo.finished;
  assert.deepEqual([echoed.code, echoed.stdout.toString()], [0, "héllo\n<b>bold</b>\nno end\n"]);
  await until(page, "#lines", /#1 < héllo.*<b>bold<\/b>.*no end.*#1 has said all.*#1 closed/s);
  assert.equal(await page.evaluate(() => document.querySelectorAll("#lines b").length), 0);

  await click(page, "#broadcast");
  const [ann, bo] = [nc(host, port), nc(host, port)];
  await until(page, "#connections-summary", /^2 open/);
  ann.write("from ann\n");
  await bo.said(/^from ann\n$/);
  await click(page, "#cut");
  bo.write("through a cut\n");
  await ann.said(/^through a cut\n$/);

  await click(page, "#wait");
  ann.write("a question\n");
  // The half of whoever asks may end: the answer comes all the same.
  ann.end();
  await until(page, "#lines", /a question.*has said all/s);
  const number = /#(\d+) < a question/.exec(await text(page, "#lines"))?.[1];
  await page.evaluate((number) => (/** @type {any} */ (document.getElementById("to")).value = number), number);
  await fill(page, "#text", "an answer");
  await click(page, "#say-last");
  const asked = await ann.finished;
  assert.deepEqual([asked.code, asked.stdout.toString()], [0, "through a cut\nan answer\n"]);

  await until(page, "#connections-summary", /^1 open/);
  await page.evaluate(() => /** @type {any} */ (document.querySelector("#connections tr:first-child button")).focus());
  await click(page, "#connections tr:first-child button");
  assert.equal((await bo.finished).stdout.toString(), "from ann\n");
  await until(page, "#connections-summary", /^0 open, 3 ended$/);
  const summary = await text(page, "#connections-summary");
  await until(page, "#connections tr:first-child", /aborted by you/);
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /^#\d+$/, "the focus fell from the button that went");
  assert.deepEqual(errors, []);
  await page.close();
  return { echoed: echoed.stdout.length, echo_exit: echoed.code, asked: asked.stdout.toString(), summary };
}
