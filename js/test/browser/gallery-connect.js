// The gallery's page that connects: two tabs and a WebSocket server, driven from end to end, and looked at in every state that
// looks different.

import assert from "node:assert/strict";
import { click, fill, open, openEcho, say, text, until } from "./gallery-steps.js";

/** @typedef {import("./driver.js").Browser} Browser @typedef {{ url: string }} Gateway @typedef {import("./driver.js").Page} Page */

/** A tab that can be found. @param {Browser} browser @param {Gateway} gateway @param {string} [hash] what a link brought along */
export async function openConnect(browser, gateway, hash = "") {
  const opened = await open(browser, `${gateway.url}/connect/${hash}`);
  await until(opened.page, "#state", /^Listening$/);
  return { ...opened, url: await text(opened.page, "#url") };
}

/** Two tabs talk through a cut, then one talks to a WebSocket server. @param {Browser} browser @param {Gateway} gateway */
export async function driveConnect(browser, gateway) {
  const first = await openConnect(browser, gateway);
  const second = await openConnect(browser, gateway, `#${first.url}`);
  // Whatever else a link brings along is no address, and does no harm.
  const other = await openConnect(browser, gateway, "#%");
  assert.equal(await second.page.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector("#target")).value), first.url);
  await click(second.page, "#reach button");
  await until(second.page, "#reach-state", /^Connected to page:/);
  await until(first.page, "#connections", /open.*came here/s);
  await say(second.page, "from the second <b>");
  await until(first.page, "#lines", /#1 < from the second <b>/);
  await click(first.page, "#cut");
  await say(first.page, "through the cut");
  await until(second.page, "#lines", /#1 < through the cut/);
  await until(first.page, "#network-events", /cut by you.*attached over \w+ after/s);
  await click(first.page, "#connections tr:first-child button");
  await until(first.page, "#connections-summary", /^0 open, 1 ended/);
  await until(second.page, "#connections tr:first-child", /closed/);

  const echo = await openEcho(browser, gateway);
  await fill(second.page, "#target", echo.url);
  await click(second.page, "#reach button");
  await until(second.page, "#reach-state", /^Connected to ws:/);
  await say(second.page, "grüße");
  await until(second.page, "#lines", /#2 < grüße/);

  await fill(second.page, "#target", "page:nobody-here");
  await click(second.page, "#reach button");
  await until(second.page, "#no-connection", /^ERR_LISTENER_UNKNOWN/);
  await fill(second.page, "#target", "ws://127.0.0.1:9/");
  await click(second.page, "#reach button");
  await until(second.page, "#no-connection", /a WebSocket does not say why/);
  for (const { page, errors } of [first, second, other, echo]) {
    assert.deepEqual(errors, []);
    await page.close();
  }
  return { tabs: 2, cuts: 1, websocket_echo: "grüße" };
}

/** @param {Browser} browser @param {Gateway} gateway @param {(state: string, page: Page) => Promise<void>} look */
export async function tourConnect(browser, gateway, look) {
  const first = await openConnect(browser, gateway);
  await look("connect-alone", first.page);
  const second = await openConnect(browser, gateway, `#${first.url}`);
  await click(second.page, "#reach button");
  await until(second.page, "#reach-state", /^Connected to page:/);
  await say(second.page, `<img src=x onerror=alert(1)> ${"long".repeat(30)}`);
  await until(first.page, "#lines", /longlong/);
  await say(first.page, "I read you.");
  await click(first.page, "details.source summary");
  await until(first.page, "details.source", /peer\.js, \d+ lines/);
  await look("connect-busy", first.page);
  await fill(second.page, "#target", "page:nobody-here");
  await click(second.page, "#reach button");
  await until(second.page, "#no-connection", /^ERR_LISTENER_UNKNOWN/);
  await look("connect-refused", second.page);
  await second.page.close();
  await first.page.close();
  return { requests: [...first.requests, ...second.requests], errors: [...first.errors, ...second.errors] };
}
