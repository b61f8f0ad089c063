// A walk through the gallery's servers of HTTP and TCP in every state that looks different: empty, busy, in trouble. The states
// are real: programs that download and wait, files that are taken in, a server that ends.

import { tourConnect } from "./gallery-connect.js";
import { click, fill, open, text, until } from "./gallery-steps.js";
import { openLines, openWebhook, openWebsite } from "./gallery-drive.js";
import { curl, nc, visit } from "./gallery-shell.js";

/** @typedef {import("./driver.js").Page} Page */

/**
 * @param {import("./driver.js").Browser} browser @param {{ url: string }} gateway
 * @param {(state: string, page: Page) => Promise<void>} look
 * @returns {Promise<{ requests: string[], errors: string[] }>} of all pages together
 */
export async function tourServers(browser, gateway, look) {
  const opened = [];
  for (const walk of [website, webhook, lines, tourConnect]) opened.push(await walk(browser, gateway, look));
  return { requests: opened.flatMap(({ requests }) => requests), errors: opened.flatMap(({ errors }) => errors) };
}

async function website(browser, gateway, look) {
  const site = await openWebsite(browser, gateway);
  const { page, url } = site;
  await look("website-empty", page);
  await click(page, "#sample");
  await until(page, "#files-summary", /^6 files/);
  await visit(`${url}tune.wav`, { headers: { range: "bytes=100000-299999" } });
  await visit(`${url}nowhere/at/all?<script>alert(1)</script>`);
  const [left, taken] = [curl(`${url}noise.bin`, "--limit-rate", "1M"), curl(`${url}noise.bin?again`, "--limit-rate", "1M")];
  await until(page, "#connections-summary", /^2 open/);
  await click(page, "#connections tr:first-child button");
  await until(page, "#connections-summary", /^1 open/);
  await click(page, "details.source summary");
  await until(page, "details.source", /body\.js, \d+ lines/);
  await look("website-busy", page);
  await endSession(page);
  await until(page, "#state", /^Not serving$/);
  await look("website-ended", page);
  for (const running of [left, taken]) running.kill();

  const shown = await open(browser, await folderOf(browser, gateway));
  await look("website-folder", shown.page);
  await shown.page.close();
  await page.close();
  return site;
}

/** A listing that no one has written, as a visitor sees it: of a site without an index. */
async function folderOf(browser, gateway) {
  const { page, url } = await openWebsite(browser, gateway);
  await page.evaluate(() => {
    const files = ["notes.txt", "film <b>1</b>.webm", "letters/a.md"].map((name) => new File(["."], name));
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await until(page, "#files-summary", /^3 files/);
  return url;
}

async function webhook(browser, gateway, look) {
  const catcher = await openWebhook(browser, gateway);
  const { page, url } = catcher;
  await look("webhook-empty", page);
  await visit(`${url}hooks/deploy?from=ci`, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "status=ok&by=%3Cb%3E" });
  await visit(`${url}upload`, { method: "PUT", body: "\0\x01\x02 not a text" });
  await click(page, "#by-hand");
  const json = JSON.stringify({ event: "push", commits: [{ id: "a".repeat(40), message: "<b>Fix</b> it" }], total: 12_345_678_901 });
  const type = ["-H", "content-type: application/json"];
  const held = [curl(`${url}${"very/long/".repeat(20)}path`), curl(`${url}hooks/push`, ...type, "-d", json)];
  await until(page, "#requests-summary", /, 2 wait,/);
  await until(page, "#requests", /POST \/hooks\/push/);
  await page.evaluate(() => [...document.querySelectorAll("#requests button")].find((one) => /push/.test(one.textContent))?.scrollIntoView());
  await page.evaluate(() => /** @type {any} */ ([...document.querySelectorAll("#requests button")].find((one) => /push/.test(one.textContent))).click());
  await until(page, "#detail", /Body: JSON/);
  await look("webhook-held", page);
  await click(page, "#detail .main");
  await until(page, "#detail", /Answered with 200/);
  await fill(page, `#template [data-answer="headers"]`, "no header");
  await until(page, "#template .problem", /is not a header/);
  await endSession(page);
  await until(page, "#state", /^Not listening$/);
  await look("webhook-trouble", page);
  for (const running of held) running.kill();
  await page.close();
  return catcher;
}

async function lines(browser, gateway, look) {
  const server = await openLines(browser, gateway);
  const { page, host, port } = server;
  await look("lines-empty", page);
  const [ann, bo] = [nc(host, port), nc(host, port)];
  ann.write("hello\n");
  await ann.said(/hello/);
  await click(page, "#wait");
  bo.write(`<b>${"a long line ".repeat(30)}</b>\nand then no more\n`);
  bo.end();
  await until(page, "#lines", /has said all/);
  await fill(page, "#text", "An answer, typed by a person");
  await click(page, "#say .main");
  await ann.said(/typed by a person/);
  await until(page, "#connections", /and then no more/);
  await look("lines-busy", page);
  await endSession(page);
  await until(page, "#state", /^Not listening$/);
  await look("lines-ended", page);
  for (const running of [ann, bo]) running.kill();
  await page.close();
  return server;
}

/** As when the gateway does not take the session back. @param {Page} page */
function endSession(page) {
  return page.evaluate(async () => {
    const module = "/pageport.js";
    const { session } = await import(module);
    session().close();
  });
}
