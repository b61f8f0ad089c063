// The form that every client of the gallery has: which server, with TLS or without, and how far things are. Must never leave a
// person without a button that does something: either there is a connection to end, or one to begin.

import { parseTarget } from "./target.js";
import { Trouble } from "./trouble.js";
import { forgetVerified } from "./verified.js";

/** @typedef {import("./target.js").Target} Target */
/** @typedef {"good" | "waiting" | "bad"} Kind */

export class Dial {
  /** Has the whole life of a connection; rejects when it failed. @type {(target: Target, signal: AbortSignal) => Promise<void>} */
  ondial = async () => {};
  /** How to leave politely, while there is somebody to say it to. @type {(() => void) | undefined} */
  goodbye;
  #announce;
  #trouble;
  #port;
  /** @type {AbortController | undefined} */
  #life;
  #shown = "";

  /** @param {(text: string) => void} announce @param {{ port?: number }} [usual] the port where none is written */
  constructor(announce, { port } = {}) {
    this.#announce = announce;
    this.#port = port;
    this.#trouble = new Trouble($("trouble"), announce);
    $("dial").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#dial();
    });
    $("disconnect").addEventListener("click", () => this.hangUp());
    this.say("waiting", "Not connected");
    this.#show(false);
  }

  /** Whether there is a connection, or will be. */
  get isBusy() {
    return Boolean(this.#life);
  }

  /** @param {Kind} kind @param {string} words */
  say(kind, words) {
    if (this.#shown === words) return;
    this.#shown = words;
    $("state").dataset.state = kind;
    $("state").textContent = words;
    this.#announce(`${words}.`);
  }

  /** Leaves politely; asked a second time, at once. */
  hangUp() {
    const { goodbye } = this;
    this.goodbye = undefined;
    if (goodbye) goodbye();
    else this.#life?.abort();
  }

  async #dial() {
    if (this.#life) return;
    this.#trouble.clear();
    let target;
    try {
      target = parseTarget($("target").value, { scheme: $("tls")?.checked ? "tls" : "tcp", port: this.#port });
    } catch (error) {
      this.#trouble.show(error);
      $("target").focus();
      return;
    }
    const life = (this.#life = new AbortController());
    this.#show(true);
    forgetVerified($("verified"));
    this.say("waiting", `Connecting to ${target.address}`);
    try {
      await this.ondial(target, life.signal);
      this.say("bad", "Disconnected");
    } catch (error) {
      this.say("bad", life.signal.aborted ? "Disconnected" : "Not connected");
      if (!life.signal.aborted) this.#trouble.show(error, target);
    } finally {
      // Whatever is left of a connection that failed half way.
      life.abort();
      this.goodbye = undefined;
      this.#life = undefined;
      this.#show(false);
    }
  }

  #show(isBusy) {
    const [from, to] = isBusy ? [$("connect"), $("disconnect")] : [$("disconnect"), $("connect")];
    const hadFocus = from === document.activeElement;
    from.hidden = true;
    to.hidden = false;
    if (hadFocus) to.focus();
  }
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
