// A walk through every page of the gallery in every state that looks different, for whoever wants to judge or picture
// them. The states are real: real visitors, a real cut, a host who really leaves.

import { click, echoes, open, openChat, openEcho, say, tabTo, text, until, visitChat } from "./gallery-steps.js";

/** @typedef {import("./driver.js").Page} Page */

/**
 * @param {import("./driver.js").Browser} browser @param {{ url: string }} gateway
 * @param {(state: string, page: Page) => Promise<void>} look
 * @returns {Promise<{ requests: string[], errors: string[] }>} of all pages together
 */
export async function tour(browser, gateway, look) {
  const opened = [];
  const keep = (one) => (opened.push(one), one);

  const index = keep(await open(browser, `${gateway.url}/`));
  await until(index.page, "#facts", /version 1/);
  await look("index", index.page);

  const echo = keep(await openEcho(browser, gateway));
  await look("echo-listening", echo.page);
  await visitAndCut(echo.page);
  await echoes(echo.page, echo.pathUrl, ["echo.example"]);
  await click(echo.page, "#log-messages");
  await click(echo.page, "#refuse");
  await click(echo.page, "details.source summary");
  await until(echo.page, "details.source", /visitor\.js, \d+ lines/);
  await look("echo-busy", echo.page);

  const chat = keep(await openChat(browser, gateway));
  await look("chat-open", chat.page);
  const before = keep(await open(browser, chat.invite));
  await look("guest-before", before.page);
  const ann = keep(await visitChat(browser, chat.invite, "Ann"));
  const bo = keep(await visitChat(browser, chat.invite, "Bo <b>"));
  await say(ann.page, "Is this room really served by a tab?");
  await say(chat.page, "It is. Close my tab and the room is gone; cut my network and it is not.");
  await say(bo.page, `<img src=x onerror=alert(1)> ${"long".repeat(30)}`);
  await until(ann.page, "#talk", /longlong/);
  await until(chat.page, "#talk", /longlong/);
  await look("chat-talk", chat.page);
  await look("guest-talk", ann.page);
  await chat.page.close();
  await until(ann.page, "#state", /^(Disconnected|No answer)$/);
  await look("guest-alone", ann.page);

  const lost = keep(await open(browser, `${gateway.url}/chat/visit/`));
  await until(lost.page, "#state", /^No room$/);
  await look("guest-no-room", lost.page);

  const { requests, errors } = together(opened);
  const nowhere = await open(browser, `${gateway.url}/nothing/here`);
  await look("not-found", nowhere.page);
  return { requests: [...requests, ...nowhere.requests], errors };
}

/**
 * Lets the echo page visit itself and cuts the network under it.
 * @param {Page} page
 * @returns {Promise<Record<"sent" | "echoed" | "lost" | "wrong", number>>} as the page shows it, well after the cut
 */
export async function visitAndCut(page) {
  await click(page, "#visit");
  await until(page, "#echoed", 20);
  await click(page, "#cut");
  await until(page, "#network-events", /cut by you.*suspended, .*under way.*attached over \w+ after \d+ ms/s);
  const sent = Number((await text(page, "#sent")).replaceAll(",", ""));
  await until(page, "#echoed", sent + 20);
  const counters = ["sent", "echoed", "lost", "wrong"].map(async (name) => [name, Number(await text(page, `#${name}`))]);
  return Object.fromEntries(await Promise.all(counters));
}

/**
 * Visits a room by keyboard alone, past everything that comes before the form.
 * @param {Page} page before joining
 * @returns {Promise<string[]>} stops that did not show that they had the focus
 */
export async function joinByKeyboard(page, name, words) {
  const unseen = await tabTo(page, ".skip");
  await page.raw.keyboard.press("Enter");
  unseen.push(...(await tabTo(page, "#name")));
  await page.raw.keyboard.type(name);
  await page.raw.keyboard.press("Enter");
  await until(page, "#state", /^Connected as /);
  // The field to write in has the focus by now: nobody has to look for it.
  await page.raw.keyboard.type(words);
  await page.raw.keyboard.press("Enter");
  return unseen;
}

function together(opened) {
  return { requests: opened.flatMap(({ requests }) => requests), errors: opened.flatMap(({ errors }) => errors) };
}
