// Two pages in a channel of an IRC server talk to each other.

import assert from "node:assert/strict";
import { ClientPage } from "../client-page.js";

const WORDS = ["hello from the one page", "and from the other: grüß dich, 日本 😀", ":what begins with a colon, and  has two blanks"];

/** @param {any} world @param {{ host: string, port: number }} server */
export async function irc(world, { host, port }) {
  const channel = "#pages";
  const [one, two] = [await ClientPage.open(world, "irc-client"), await ClientPage.open(world, "irc-client")];
  const welcome = await one.ask("join", { host, port, channel, nick: "one" });
  assert.match(welcome, /^Welcome to the Internet Relay Network one!/);
  await two.ask("join", { host, port, channel, nick: "two" });
  for (const [number, text] of WORDS.entries()) {
    await one.ask("say", { channel, text });
    assert.deepEqual(await two.ask("hear", { number }), ["one", channel, text]);
    await two.ask("say", { channel, text });
    assert.deepEqual(await one.ask("hear", { number }), ["two", channel, text]);
  }
  assert.equal(await one.ask("quit"), "well");
  const [who] = await two.ask("left");
  assert.equal(who, "one");
  await Promise.all([one.close(), two.close()]);
  return { messages_each_way: WORDS.length };
}
