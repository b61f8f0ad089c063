// What the IRC client shows, and what a person types. Everything that comes is somebody's words: all of it ends up in
// `textContent`, here or in what this uses.

import { Talk } from "../chat/talk.js";
import { announcer } from "../shared/announce.js";
import { passFocus } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { Dial } from "../shared/dial.js";
import { NetworkPanel } from "../shared/network.js";
import { showSource } from "../shared/source.js";
import { showVerified } from "../shared/verified.js";

const MOST_SHOWN = 300;
/** How long a server may take to let somebody in before that is said. */
const SLOW_MS = 10_000;

/** @typedef {import("./client.js").Client} Client */

export class IrcPage {
  #announce = announcer($("announcements"));
  #talk = new Talk($("talk"));
  #network;
  /** @type {Client | undefined} */
  #client;
  #target;
  #slow;

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.dial = new Dial(this.#announce, { port: 6667 });
    this.#network = new NetworkPanel($("network"), session, { lanes: ["received", "sent"], announce: this.#announce });
    $("nick").value = `guest${Math.floor(Math.random() * 9000) + 1000}`;
    $("say").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
    this.#talk.note("Nobody is here yet. Connect to a server, in two tabs if you are alone.");
    this.#showPeople();
  }

  /** Who one wants to be, and where. */
  get wishes() {
    const channel = $("channel").value.trim();
    return { nick: $("nick").value.trim(), channel: /^[#&+!]/.test(channel) ? channel : `#${channel}` };
  }

  /** There is a connection; whether the server lets anybody in is not known yet. @param {import("../shared/target.js").Target} target @param {any} tls @param {Client} client */
  connected(target, tls, client) {
    this.#client = client;
    this.#target = target;
    this.#network.watch();
    this.dial.say("waiting", `Connected to ${target.address}, not let in yet`);
    showVerified($("verified"), tls);
    this.#slow = setTimeout(() => this.#talk.note("The server takes its time. Some look up whoever connects first."), SLOW_MS);
  }

  /** @param {import("./client.js").Happening} what */
  happened(what) {
    clearTimeout(this.#slow);
    if (what.type === "said") this.#said(what);
    if (what.type === "note") this.#note(what.text);
    if (what.type === "ready") {
      this.dial.goodbye = () => void this.#client?.quit().catch(() => {});
      $("text").focus();
    }
    this.#showPeople();
  }

  ended() {
    clearTimeout(this.#slow);
    this.#client = undefined;
    this.#note("The connection has ended.");
    this.#showPeople();
  }

  #said({ nick, text, isAction, isPrivate }) {
    this.#talk.me = this.#client?.nick ?? "";
    this.#talk.add({ kind: isAction ? "does" : "say", who: nick, text, at: Date.now() });
    const isMine = nick.split(" ", 1)[0] === this.#talk.me;
    this.#network.timeline.mark(isMine ? "sent" : "received");
    if (!isMine) this.#announce(`${nick}${isAction ? "" : ":"} ${text}${isPrivate ? " (only to you)" : ""}`);
  }

  #note(text) {
    this.#talk.note(text);
    this.#announce(text);
  }

  async #say() {
    const typed = $("text").value;
    $("said").textContent = "";
    try {
      if (!this.#client) throw new Error("There is no connection: nothing was said.");
      await this.#client.say(typed);
      $("text").value = "";
    } catch (error) {
      // It stays in the field: a person may want to say it otherwise.
      $("said").textContent = error.message;
    }
    $("text").focus();
  }

  #showPeople() {
    const channel = this.#client?.channel;
    const people = channel?.people ?? [];
    if (channel && this.#client) this.dial.say("good", `On ${channel.name} as ${this.#client.nick}`);
    else if (this.#client && this.dial.goodbye) this.dial.say("waiting", `Connected to ${this.#target.address}, on no channel`);
    $("talk-title").textContent = channel?.name ?? "Channel";
    $("topic").textContent = channel?.topic ? `Topic: ${channel.topic}` : "";
    passFocus($("people"), $("people-title"));
    $("people").replaceChildren(...people.slice(0, MOST_SHOWN).map((person) => row(person, this.#client?.nick)));
    $("people-title").textContent = channel ? `People (${people.length})` : "People";
    $("nobody").hidden = people.length > 0;
  }
}

function row({ nick, mark }, me) {
  const item = document.createElement("li");
  const what = { "@": ", operator", "+": ", may speak" }[mark] ?? "";
  item.textContent = `${mark}${nick}${nick === me ? " (you)" : ""}`;
  const spelled = document.createElement("span");
  spelled.className = "hidden";
  spelled.textContent = what;
  item.append(spelled);
  return item;
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
