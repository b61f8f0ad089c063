// An IRC client (RFC 2812) for one channel: lines in, events out. It knows of no page. Must never answer anything but PING by itself, nor ask
// for names more often than now and then: a client that answers whoever asks can be made to flood.

import { Channel } from "./channel.js";
import { folded, format, parse, pieces, spoken } from "./message.js";

/** How many names are tried when they are taken. */
const MOST_NAMES = 4;
/** How long changes of modes are gathered before the list of names is asked for, in milliseconds. */
export const GATHER_MS = 2000;
/** That there is no message of the day is no refusal, although it has a number of one. */
const NO_MOTD = "422";

/**
 * What happened, for whoever shows it: `said` by somebody, to the channel or to us alone; a `note`; what `changed` in `channel` or `nick`;
 * `ready` once the server has let us in.
 * @typedef {{ type: "said", nick: string, text: string, isAction: boolean, isPrivate: boolean } | { type: "note", text: string }
 *   | { type: "changed" } | { type: "ready" }} Happening
 */

export class Client {
  /** @type {Channel | undefined} once joined */
  channel;
  #io;
  #tell;
  #wanted;
  #named = 0;
  #isReady = false;
  #isLeaving = false;
  /** Until the list of names is asked for. @type {ReturnType<typeof setTimeout> | undefined} */
  #gathering;

  /**
   * @param {{ lines: (most?: number) => AsyncIterable<string>, write: (text: string) => Promise<void> }} io
   * @param {{ nick: string, channel: string }} as @param {(what: Happening) => void} tell
   */
  constructor(io, { nick, channel }, tell) {
    this.#io = io;
    this.#tell = tell;
    this.nick = nick;
    this.#wanted = channel;
  }

  /** Until the server ends the connection. Rejects when that was not asked for, with the server's own words if it said any. */
  async run() {
    await this.#send("NICK", this.nick);
    await this.#send("USER", "pageport", "0", "*", "A web page");
    let error = "";
    try {
      for await (const line of this.#io.lines()) {
        const message = parse(line);
        if (message?.command === "ERROR") error = message.params.at(-1) ?? "";
        else if (message) await this.#handle(message);
      }
    } finally {
      clearTimeout(this.#gathering);
    }
    if (!this.#isLeaving) throw new Error(error ? `The server ended the connection: ${error}` : "The server ended the connection.");
  }

  /** To the channel. What a person typed: a text, or a command behind a slash. @param {string} typed */
  async say(typed) {
    const [, command, rest] = /^\/(\w+) *(.*)$/.exec(typed) ?? [undefined, "", typed];
    const [first] = rest.split(" ", 1);
    const behind = rest.slice(first.length).trim();
    switch (command.toLowerCase()) {
      case "":
        return this.#speak(this.#place(), rest);
      case "me":
        return this.#speak(this.#place(), rest, true);
      case "msg":
        if (!behind) throw new Error("/msg wants a name and what to say.");
        return this.#speak(first, behind);
      case "nick":
        return this.#send("NICK", first);
      case "join":
        if (this.channel) await this.#send("PART", this.channel.name);
        return this.#join(first);
      case "quit":
        return this.quit(rest);
      default:
        throw new Error(`/${command} is not known here. To say it, put a space in front.`);
    }
  }

  /** The server ends the connection then. @param {string} [words] */
  async quit(words = "") {
    this.#isLeaving = true;
    await this.#send("QUIT", words || "Leaving");
  }

  #place() {
    if (!this.channel) throw new Error("You are on no channel. /join #name enters one.");
    return this.channel.name;
  }

  async #speak(target, text, isAction = false) {
    if (!text.trim()) return;
    for (const piece of pieces(target, text)) {
      await this.#send("PRIVMSG", target, isAction ? `\x01ACTION ${piece}\x01` : piece);
      const isPrivate = folded(target) !== folded(this.channel?.name ?? "");
      this.#tell({ type: "said", nick: isPrivate ? `${this.nick} to ${target}` : this.nick, text: piece, isAction, isPrivate });
    }
  }

  async #join(name) {
    this.#wanted = name;
    await this.#send("JOIN", name);
  }

  #send(command, ...params) {
    return this.#io.write(format(command, ...params));
  }

  #note(text) {
    this.#tell({ type: "note", text });
  }

  #isMe(nick) {
    return folded(nick) === folded(this.nick);
  }

  #isHere(name) {
    return this.channel !== undefined && folded(name) === folded(this.channel.name);
  }

  /** @param {import("./message.js").Message} message */
  async #handle({ nick, command, params }) {
    const [first = ""] = params;
    const last = params.at(-1) ?? "";
    switch (command) {
      case "PING":
        return this.#send("PONG", last);
      case "001":
        this.nick = first || this.nick;
        this.#isReady = true;
        this.#tell({ type: "ready" });
        return this.#join(this.#wanted);
      case "433":
      case "436":
        return this.#taken(last);
      case "PRIVMSG":
      case "NOTICE":
        return this.#said(nick, first, last, command === "NOTICE");
      case "TOPIC":
      case "332":
        if (this.channel && this.#isHere(params.at(-2) ?? "")) this.channel.topic = spoken(last).text;
        return this.#tell({ type: "changed" });
      case "353":
        if (this.#isHere(params.at(-2) ?? "")) this.channel?.list(last);
        return;
      case "366":
        if (this.#isHere(params[1] ?? "")) this.channel?.listed();
        return this.#tell({ type: "changed" });
      case "MODE":
        // Who may do what has changed, perhaps: the list of names says it.
        if (this.#isHere(first)) this.#gathering ??= setTimeout(() => this.#askNames(), GATHER_MS);
        return;
      case "JOIN":
      case "PART":
      case "KICK":
      case "QUIT":
      case "NICK":
        return this.#moved(nick, command, params);
      default:
        // Numbers from 400 on are refusals, in words that a person can read.
        if (/^[45]\d\d$/.test(command) && command !== NO_MOTD) this.#note(`${params.slice(1).join(" ")} (${command})`);
    }
  }

  #askNames() {
    this.#gathering = undefined;
    // Where the connection breaks, run() says so.
    if (this.channel) this.#send("NAMES", this.channel.name).catch(() => {});
  }

  async #taken(words) {
    if (this.#isReady) return this.#note(words);
    if (++this.#named > MOST_NAMES) throw new Error(`Every name that was tried is taken: ${words}`);
    this.nick += "_";
    this.#note(`That name is taken: trying ${this.nick}.`);
    await this.#send("NICK", this.nick);
  }

  #said(nick, target, words, isNotice) {
    const { text, isAction } = spoken(words);
    if (this.#isHere(target)) return this.#tell({ type: "said", nick, text, isAction, isPrivate: false });
    // Before one is let in, servers say how they find out who one is.
    if (this.#isMe(target) && !(isNotice && !this.#isReady) && (isAction || !words.startsWith("\x01"))) {
      this.#tell({ type: "said", nick: `${nick} to you`, text, isAction, isPrivate: true });
    }
  }

  #moved(nick, command, [first = "", second = "", third = ""]) {
    if (command === "JOIN" && this.#isMe(nick)) {
      this.channel = new Channel(first);
      this.#note(`You are on ${first} as ${this.nick}.`);
    } else if (command === "NICK") {
      const isMe = this.#isMe(nick);
      if (isMe) this.nick = first;
      if (this.channel?.renamed(nick, first) || isMe) this.#note(`${nick} is called ${first} now.`);
    } else if (command === "QUIT") {
      if (this.channel?.left(nick)) this.#note(`${nick} has left: ${first || "no word"}.`);
    } else if (this.#isHere(first)) {
      const who = command === "KICK" ? second : nick;
      if (command === "JOIN") this.channel?.joined(nick);
      else if (this.#isMe(who)) this.channel = undefined;
      else this.channel?.left(who);
      this.#note(command === "JOIN" ? `${nick} came.` : command === "PART" ? `${who} left ${first}.` : `${who} was removed by ${nick}: ${third || "no word"}.`);
    }
    this.#tell({ type: "changed" });
  }
}
