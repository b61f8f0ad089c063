// The gallery's clients from one end to the other, as a person uses them, with real servers at the other end. Each drive fails when
// anything is not as it should be, and says what it saw.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startGateway } from "./gateway.js";
import { click, enter, fill, open, say, text, until } from "./gallery-steps.js";

/** @typedef {import("./driver.js").Browser} Browser @typedef {import("./driver.js").Page} Page @typedef {import("./gallery-rig.js").Rig} Rig */

/** A client's page, which has found its gateway. @param {Browser} browser @param {{ url: string }} gateway @param {string} name */
export async function openClient(browser, gateway, name) {
  const opened = await open(browser, `${gateway.url}/${name}/`);
  await until(opened.page, "#network-state", /^Attached/);
  return opened;
}

/** Presses Connect. @param {Page} page @param {string} target @param {Record<string, string>} [fields] by the ids of what they go into */
export async function dial(page, target, fields = {}) {
  for (const [id, words] of Object.entries({ target, ...fields })) await fill(page, `#${id}`, words);
  await click(page, "#connect");
}

/** Two tabs on a channel. @param {Browser} browser @param {Rig} rig */
export async function driveIrc(browser, { gateway, chat }) {
  const channel = `#of-${browser.name}`;
  const ann = await openClient(browser, gateway, "irc");
  const bo = await openClient(browser, gateway, "irc");
  const nick = `ann-${browser.name}`.slice(0, 8);
  await dial(ann.page, `${chat.host}:${chat.port}`, { nick, channel });
  await until(ann.page, "#state", new RegExp(`^On ${channel} as ${nick}$`));
  await dial(bo.page, `${chat.host}:${chat.port}`, { nick, channel });
  await until(bo.page, "#state", new RegExp(`^On ${channel} as ${nick}_$`));
  await until(ann.page, "#people-title", /^People \(2\)$/);
  await until(bo.page, "#people", new RegExp(`@${nick}`));
  await say(ann.page, "<b>grüße</b> 😀");
  await until(bo.page, "#talk", /<b>grüße<\/b> 😀/);
  assert.equal(await bo.page.evaluate(() => document.querySelectorAll("#talk b").length), 0);
  await say(bo.page, "/me waves");
  await until(ann.page, "#talk", new RegExp(`${nick}_ waves`));
  await click(bo.page, "#cut");
  await say(ann.page, "said during a cut");
  await until(bo.page, "#network-events", /cut by you.*attached over \w+ after/s);
  await until(bo.page, "#talk", /said during a cut/);
  assert.match(await text(ann.page, "#people-title"), /\(2\)/, "the cut was seen on the channel");
  await say(bo.page, "/frob");
  await until(bo.page, "#said", /not known here/);
  await fill(bo.page, "#text", "/msg nobody-there psst");
  await enter(bo.page, "");
  await until(bo.page, "#talk", /No such nick.*\(401\)/);
  await click(bo.page, "#disconnect");
  await until(bo.page, "#state", /^Disconnected$/);
  await until(ann.page, "#talk", new RegExp(`${nick}_ has left`));
  await until(ann.page, "#people-title", /^People \(1\)$/);
  // The button is there again, and works.
  await click(bo.page, "#connect");
  await until(bo.page, "#state", /^On /);
  for (const { page, errors } of [ann, bo]) {
    assert.deepEqual(errors, []);
    await page.close();
  }
  return { tabs: 2, cuts: 1 };
}

/** A mailbox, both ways into TLS. @param {Browser} browser @param {Rig} rig */
export async function driveMail(browser, { gateway, mail }) {
  const { page, errors } = await openClient(browser, gateway, "mail");
  const seen = [];
  for (const [how, port] of [["starttls", mail.port], ["tls", mail.tlsPort]]) {
    await click(page, `#${how}`);
    await dial(page, `${mail.host}:${port}`, { user: mail.user, password: "not that" });
    await until(page, "#trouble", /Authentication failed/);
    await dial(page, `${mail.host}:${port}`, { password: mail.password });
    await until(page, "#folder-summary", new RegExp(`^${mail.messages.length} messages, all shown$`));
    assert.equal(await page.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector("#password")).value), "");
    const verified = await text(page, "#verified");
    assert.ok(verified.replaceAll(":", "").includes(mail.fingerprint) && /TLS 1\.3/.test(verified), verified);
    const list = await text(page, "#messages");
    for (const words of ["日本語の件名😊", "André", "Grüße aus Köln und Zürich", "Jürgen Grün", "276.1 kB"]) assert.ok(list.includes(words), list);
    await click(page, "#messages li:nth-child(3) button");
    await until(page, "#body", /^Schöne Grüße, 100% echt\.$/);
    await click(page, "#cut");
    await click(page, "#messages li:nth-child(2) button");
    await until(page, "#body", /^日本語の本文$/);
    await until(page, "#parts", /text\/html, \d+ B, not shown/);
    assert.equal(await page.evaluate(() => document.querySelectorAll("#detail b").length), 0);
    await click(page, "#messages li:nth-child(1) button");
    await until(page, "#headers", /A long one/);
    seen.push(createHash("sha256").update(await page.evaluate(() => document.querySelector("#body")?.textContent ?? "")).digest("hex"));
    await click(page, "#disconnect");
    await until(page, "#state", /^Disconnected$/);
  }
  const [, body] = mail.messages.at(-1)?.split(/\r\n\r\n/) ?? [];
  const sent = createHash("sha256").update(body?.replaceAll("\r\n", "\n") ?? "").digest("hex");
  assert.deepEqual(seen, [sent, sent]);
  assert.deepEqual(errors, []);
  await page.close();
  return { certificate: mail.fingerprint.slice(0, 16), long_message: sent.slice(0, 16) };
}

/** Pixels as the server has them, through a cut; keys and pointer arrive there. @param {Browser} browser @param {Rig} rig */
export async function driveScreen(browser, { gateway, screen, mail }) {
  const { page, errors } = await openClient(browser, gateway, "screen");
  const file = `typed-${browser.name}`;
  const typed = appears(screen.dir, file);
  // At the top left, where the pointer is going to be: without a window manager that is what has the keyboard.
  const script = `cd ${screen.dir}; exec xterm -geometry 60x16+0+0 -bg lightyellow -e sh -c 'head -n 1 >.${file}; mv .${file} ${file}; sleep 600' 2>/dev/null`;
  const xterm = screen.client("sh", "-c", script);
  await dial(page, `${screen.host}:${screen.port}`);
  await until(page, "#state", /^Showing /);
  await until(page, "#facts", new RegExp(`${screen.width} × ${screen.height}`));
  // Where the pointer was moved by somebody else, the server draws it into the picture.
  await clickScreen(page, 60, 60);
  const first = await samePixels(page, screen, (pixels) => pixels.includes(Buffer.from([255, 255, 224, 255])));
  await click(page, "#cut");
  await until(page, "#network-events", /cut by you.*attached over \w+ after/s);
  await clickScreen(page, 60, 60);
  await page.raw.keyboard.type("Typed: in a tab!");
  await page.raw.keyboard.press("Enter");
  await typed;
  assert.equal(await readFile(join(screen.dir, file), "utf8"), "Typed: in a tab!\n");
  const second = await samePixels(page, screen);
  assert.notEqual(first, second);
  // Keys that are taken back are the page's again.
  await page.raw.keyboard.down("Shift");
  await page.raw.keyboard.press("Escape");
  await page.raw.keyboard.up("Shift");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "type");
  xterm.kill();
  await click(page, "#disconnect");
  await until(page, "#state", /^Disconnected$/);
  assert.deepEqual(errors, []);
  await dial(page, `${mail.host}:${mail.port}`);
  await until(page, "#trouble", /This is no VNC server/);
  await page.close();
  return { pixels: `${screen.width}x${screen.height}`, before: first.slice(0, 16), behind: second.slice(0, 16) };
}

/** What a page says where a server is not allowed is what makes it allowed; then lines, and half a close. @param {Browser} browser @param {Rig} rig */
export async function driveTerminal(browser, { gateway, store, mail, nobody }) {
  const { page, errors } = await openClient(browser, gateway, "terminal");
  const address = `${store.host}:${store.port}`;
  await dial(page, address);
  await until(page, "#trouble", /does not allow.*ERR_TARGET_FORBIDDEN/s);
  const command = await text(page, "#trouble-command");
  assert.equal(command, `pageport dev --allow tcp://${address}`);
  await dial(page, nobody);
  await until(page, "#trouble", /Nobody listens at .*ERR_TARGET_CONNECTION_REFUSED/s);
  await dial(page, "what is this");
  await until(page, "#trouble", /no host and port/);
  // Within TLS, as a target may say itself.
  await dial(page, `tls://${mail.host}:${mail.tlsPort}`);
  await until(page, "#lines", /< \* OK \[CAPABILITY /);
  assert.match(await text(page, "#verified"), /TLS 1\.3/);
  await click(page, "#disconnect");
  await until(page, "#state", /^Disconnected$/);
  assert.deepEqual(errors, []);
  await page.close();

  const second = await startGateway({ args: command.split(" ").slice(2) });
  try {
    const { page, errors } = await openClient(browser, second, "terminal");
    await dial(page, address);
    await until(page, "#state", /^Connected to /);
    await say(page, "PING grüße");
    await until(page, "#lines", /> PING grüße.*< \$7.*< grüße/s);
    await click(page, "#cut");
    // Text is shown as text, and what is none byte by byte.
    await say(page, `EVAL "return string.char(0,255,7)" 0`);
    await until(page, "#lines", /< [0-9a-f]{4} 00 ff 07 0d 0a +·····/);
    await fill(page, "#text", "ECHO last");
    await click(page, "#send-last");
    await until(page, "#lines", /> ECHO last.*< last.*the server has said all.*the connection has ended/s);
    await until(page, "#state", /^Disconnected$/);
    assert.deepEqual(errors, []);
    await page.close();
  } finally {
    await second.stop();
  }
  return { command };
}

/** Until the page shows what the server has, pixel for pixel, and that is what was waited for. @param {Page} page @param {Rig["screen"]} screen */
async function samePixels(page, screen, isThere = (/** @type {Buffer} */ _pixels) => true) {
  for (const end = Date.now() + 20_000; ; ) {
    const { data } = screen.dump();
    const server = createHash("sha256").update(data).digest("hex");
    const shown = await page.evaluate(async () => {
      const { width, height } = /** @type {HTMLCanvasElement} */ (document.querySelector("#screen canvas"));
      const { data } = document.querySelector("canvas")?.getContext("2d")?.getImageData(0, 0, width, height) ?? {};
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
      return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    });
    if (shown === server && isThere(data)) return shown;
    if (Date.now() > end) throw new Error("the page does not show what the server has");
  }
}

/** @param {Page} page @param {number} x of the server's pixels @param {number} y */
async function clickScreen(page, x, y) {
  await page.raw.bringToFront();
  const at = await page.evaluate(([x, y]) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector("#screen canvas"));
    canvas.scrollIntoView({ block: "center" });
    const { left, top, width } = canvas.getBoundingClientRect();
    const scale = width / canvas.width;
    return [left + x * scale, top + y * scale];
  }, [x, y]);
  await page.raw.mouse.click(...at);
}

/** Resolves once a file is there. @param {string} dir @param {string} name */
function appears(dir, name) {
  return new Promise((resolve) => {
    const watcher = watch(dir, (_, changed) => changed === name && (watcher.close(), resolve(undefined)));
    watcher.unref();
  });
}
