// The conversation as host and guests see it. It comes from strangers: it must never be more than text, nor more than
// its last lines.

import { isAtEnd, scrollToEnd } from "../shared/log.js";

const LINES = 200;

export class Talk {
  /** The name whose entries are marked as one's own. */
  me = "";
  #list;

  /** @param {HTMLElement} list an `ol` inside its box */
  constructor(list) {
    this.#list = list;
  }

  /** @param {import("./room.js").Entry} entry */
  add({ kind, who, text, at }) {
    const follow = isAtEnd(this.#list);
    const item = document.createElement("li");
    const words = document.createElement("p");
    if (kind === "say") {
      const mine = who === this.me;
      const name = document.createElement("span");
      name.className = "who";
      name.textContent = mine ? `${who} (you)` : who;
      words.textContent = text;
      item.className = mine ? "mine" : "";
      item.append(name, " ", time(at), words);
    } else {
      words.append(`${who} ${text} `, time(at));
      item.className = "event";
      item.append(words);
    }
    this.#append(item, follow);
  }

  /** @param {string} text something that nobody said */
  note(text) {
    const follow = isAtEnd(this.#list);
    const item = document.createElement("li");
    item.className = "event";
    item.append(document.createElement("p"));
    item.firstChild.textContent = text;
    this.#append(item, follow);
  }

  clear() {
    this.#list.replaceChildren();
  }

  #append(item, follow) {
    this.#list.append(item);
    while (this.#list.childElementCount > LINES) this.#list.firstElementChild.remove();
    if (follow) scrollToEnd(this.#list);
  }
}

/** @param {import("./room.js").Entry} entry */
export function spoken({ kind, who, text }) {
  return kind === "say" ? `${who}: ${text}` : `${who} ${text}.`;
}

function time(at) {
  const element = document.createElement("time");
  const date = new Date(at);
  element.dateTime = date.toISOString();
  element.textContent = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return element;
}
