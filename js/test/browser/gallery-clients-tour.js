// A walk through the gallery's clients in every state that looks different: nobody there, not allowed, connecting, refused, talking, left
// alone. The states are real, and so are the servers.

import { dial, openClient } from "./gallery-clients.js";
import { click, fill, say, until } from "./gallery-steps.js";

/** @typedef {import("./driver.js").Page} Page @typedef {import("./gallery-rig.js").Rig} Rig */
/** @typedef {(state: string, page: Page) => Promise<void>} Look */

/**
 * @param {import("./driver.js").Browser} browser @param {Rig} rig @param {Look} look
 * @returns {Promise<{ requests: string[], errors: string[] }>} of all pages together
 */
export async function tourClients(browser, rig, look) {
  const opened = [];
  for (const walk of [terminal, irc, mail, screen]) opened.push(await walk(browser, rig, look));
  return { requests: opened.flatMap(({ requests }) => requests), errors: opened.flatMap(({ errors }) => errors) };
}

async function terminal(browser, { gateway, store, mail, nobody }, look) {
  const client = await openClient(browser, gateway, "terminal");
  const { page } = client;
  await look("terminal-idle", page);
  await dial(page, `${store.host}:${store.port}`);
  await until(page, "#trouble", /ERR_TARGET_FORBIDDEN/);
  await look("terminal-forbidden", page);
  await dial(page, nobody);
  await until(page, "#trouble", /ERR_TARGET_CONNECTION_REFUSED/);
  await look("terminal-refused", page);
  await dial(page, `tls://${mail.host}:${mail.tlsPort}`);
  await until(page, "#lines", /CAPABILITY/);
  await say(page, `<b>${"a long line ".repeat(12)}</b>`);
  await until(page, "#lines", /BAD/);
  await click(page, "#hex");
  await say(page, "a1 LOGOUT");
  await until(page, "#lines", /the server has said all/);
  await click(page, "details.source summary");
  await until(page, "details.source", /hex\.js, \d+ lines/);
  await look("terminal-busy", page);
  await page.close();
  return client;
}

async function irc(browser, { gateway, chat, store }, look) {
  const [client, other] = [await openClient(browser, gateway, "irc"), await openClient(browser, gateway, "irc")];
  const { page } = client;
  await look("irc-idle", page);
  await dial(page, `${store.host}:${store.port}`);
  await until(page, "#trouble", /ERR_TARGET_FORBIDDEN/);
  await look("irc-forbidden", page);
  const channel = `#tour${Math.floor(Math.random() * 1e6)}`;
  await dial(page, `${chat.host}:${chat.port}`, { nick: "tourist", channel });
  await until(page, "#state", /^On /);
  await dial(other.page, `${chat.host}:${chat.port}`, { nick: "guide", channel });
  await until(other.page, "#state", /^On /);
  await say(page, "Is this really IRC?");
  await say(other.page, `<img src=x onerror=alert(1)> ${"long".repeat(30)}`);
  await say(other.page, "/me nods");
  await until(page, "#talk", /longlong.*nods/s);
  await say(page, "/frob");
  await until(page, "#said", /not known/);
  await look("irc-talk", page);
  await endSession(page);
  await until(page, "#trouble", /./);
  await until(page, "#state", /^Not connected$/);
  await look("irc-lost", page);
  await other.page.close();
  await page.close();
  return { requests: [...client.requests, ...other.requests], errors: [...client.errors, ...other.errors] };
}

async function mail(browser, { gateway, mail, chat }, look) {
  const client = await openClient(browser, gateway, "mail");
  const { page } = client;
  await look("mail-idle", page);
  // An IRC server waits for whoever connects to say something: this is what connecting looks like, for a while.
  await click(page, "#starttls");
  await dial(page, `${chat.host}:${chat.port}`, { user: mail.user, password: "wrong" });
  await until(page, "#state", /^Connecting to /);
  await look("mail-connecting", page);
  await click(page, "#disconnect");
  await until(page, "#state", /^Disconnected$/);
  await dial(page, `${mail.host}:${mail.port}`);
  await until(page, "#trouble", /Authentication failed/);
  await look("mail-refused", page);
  await fill(page, "#password", mail.password);
  await click(page, "#connect");
  await until(page, "#folder-summary", /all shown/);
  await click(page, "#messages li:nth-child(2) button");
  await until(page, "#parts", /not shown/);
  await look("mail-read", page);
  await click(page, "#messages li:nth-child(1) button");
  await until(page, "#headers", /A long one/);
  await endSession(page);
  await until(page, "#state", /^Not connected$/);
  await look("mail-lost", page);
  await page.close();
  return client;
}

async function screen(browser, { gateway, screen, chat }, look) {
  const client = await openClient(browser, gateway, "screen");
  const { page } = client;
  await look("screen-idle", page);
  await dial(page, `${screen.host}:${screen.port}`);
  await until(page, "#state", /^Showing /);
  await click(page, "#type");
  await look("screen-shown", page);
  await click(page, "#view-only");
  await endSession(page);
  await until(page, "#state", /^Not connected$/);
  await look("screen-lost", page);
  await dial(page, `${chat.host}:${chat.port}`);
  await until(page, "#state", /no screen yet$/);
  await look("screen-waiting", page);
  await page.close();
  return client;
}

/** As when the gateway does not take the session back. @param {Page} page */
function endSession(page) {
  return page.evaluate(async () => {
    const module = "/pageport.js";
    const { session } = await import(module);
    session().close();
  });
}
