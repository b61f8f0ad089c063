// What the page shows of its connections, and what a person says. All words are strangers': they end up in `textContent`,
// here or in what this uses.

import { announcer } from "../shared/announce.js";
import { ConnectionTable } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { log } from "../shared/log.js";
import { NetworkPanel } from "../shared/network.js";
import { showSource } from "../shared/source.js";

const MOST_CHOICES = 50;

/** @typedef {{ say: (text: string) => boolean, close: () => void }} Peer */

export class ConnectPage {
  /** @type {(target: string) => Promise<void>} what "Connect" does; resolves once connected, rejects when that cannot be */
  onreach = async () => {};
  #announce = announcer($("announcements"));
  #log = log($("lines"));
  #table = new ConnectionTable($("connections"), $("connections-summary"));
  #network;
  /** By their numbers. @type {Map<number, Peer>} */
  #peers = new Map();

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.#network = new NetworkPanel($("network"), session, { lanes: ["received", "sent"], announce: this.#announce });
    $("reach").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#reach($("target").value.trim());
    });
    $("say").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    // A link from another tab brings its address along, behind the number sign: nobody but this page sees it.
    const target = location.hash.slice(1);
    if (/^page:[a-z0-9-]+$/.test(target)) $("target").value = target;
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** @param {string} url */
  listening(url) {
    $("url").textContent = url;
    $("second").href = `#${url}`;
    $("address").hidden = false;
    $("trouble").hidden = true;
    this.#state("good", "Listening");
    this.#log(`listening at ${url}`);
  }

  /** @param {any} error */
  failed(error) {
    $("address").hidden = true;
    this.#state("bad", "Not listening");
    this.#trouble("trouble", error);
  }

  /** @param {Peer} peer @param {string} who @param {string} how */
  connected(peer, who, how) {
    const row = this.#table.add({ who, how, close: () => peer.close() });
    const name = `#${row.number}`;
    const option = new Option(`${name} ${who}`, `${row.number}`);
    this.#peers.set(row.number, peer);
    if ($("to").length <= MOST_CHOICES) $("to").append(option);
    this.#log(`${name} ${who} ${how}`);
    this.#announce(`${name} is connected.`);
    return {
      said: (text) => {
        row.received(text);
        this.#log(`${name} < ${text}`);
        this.#announce(`${name}: ${text.slice(0, 80)}`);
        this.#network.timeline.mark("received");
      },
      ended: (why) => {
        row.ended(why);
        this.#peers.delete(row.number);
        option.remove();
        this.#log(`${name} ${why}`);
        this.#announce(`${name} left.`);
      },
    };
  }

  async #reach(target) {
    $("reach-state").textContent = "Connecting…";
    $("no-connection").hidden = true;
    try {
      await this.onreach(target);
      $("reach-state").textContent = `Connected to ${target}.`;
      $("text").focus();
    } catch (error) {
      $("reach-state").textContent = "";
      this.#trouble("no-connection", error);
    }
  }

  #say() {
    const number = Number($("to").value);
    const chosen = number ? [...this.#peers].filter(([one]) => one === number) : [...this.#peers];
    const text = $("text").value;
    const unread = chosen.filter(([, peer]) => !peer.say(text));
    if (chosen.length > unread.length) {
      this.#log(`${number ? `#${number}` : "everybody"} > ${text}`);
      this.#network.timeline.mark("sent");
    }
    const words = chosen.length ? `${unread.map(([one]) => `#${one}`).join(", ")} did not get it: too much is unread there.` : "Nobody is connected: the line was not sent.";
    $("said").textContent = chosen.length && !unread.length ? "" : words;
    $("text").value = "";
    $("text").focus();
  }

  #trouble(id, error) {
    $(id).hidden = false;
    $(id).textContent = error.code && error.code !== error.message ? `${error.code}: ${error.message}` : error.message;
  }

  #state(state, words) {
    $("state").dataset.state = state;
    $("state").textContent = words;
  }
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
