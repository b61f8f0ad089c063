// The list of requests, newest first. Must never hold more than its limit; those that nobody has answered yet are the last to
// go.

import { arrange, show, size } from "../shared/connections.js";
import { shorten } from "../shared/log.js";

export const MOST_REQUESTS = 50;

/** @typedef {import("./exchange.js").Exchange} Exchange */

export class Inbox extends EventTarget {
  /** The one that is looked at. @type {Exchange | undefined} */
  chosen;
  #list;
  /** Newest first. @type {Map<Exchange, Item>} */
  #items = new Map();

  /** Fires `choose`. @param {HTMLOListElement} list */
  constructor(list) {
    super();
    this.#list = list;
  }

  get size() {
    return this.#items.size;
  }

  get waiting() {
    return [...this.#items.keys()].filter(({ state }) => state === "waiting").length;
  }

  /** @param {Exchange} exchange */
  add(exchange) {
    const item = new Item(exchange, () => this.choose(exchange));
    this.#items = new Map([[exchange, item], ...this.#items]);
    exchange.addEventListener("change", () => item.render());
    while (this.#items.size > MOST_REQUESTS) this.#items.delete(this.#oldest());
    if (!this.chosen || !this.#items.has(this.chosen)) this.choose(exchange);
    this.#arrange();
  }

  /** Lets go of those that are over. */
  forget() {
    for (const exchange of [...this.#items.keys()].filter(isOver)) this.#items.delete(exchange);
    if (this.chosen && !this.#items.has(this.chosen)) this.choose([...this.#items.keys()][0]);
    this.#arrange();
  }

  /** @param {Exchange | undefined} exchange */
  choose(exchange) {
    this.chosen = exchange;
    for (const [one, item] of this.#items) item.choose(one === exchange);
    this.dispatchEvent(new Event("choose"));
  }

  #oldest() {
    const oldestFirst = [...this.#items.keys()].reverse();
    return oldestFirst.find((one) => isOver(one) && one !== this.chosen) ?? oldestFirst.find(isOver) ?? oldestFirst[0];
  }

  #arrange() {
    arrange(this.#list, [...this.#items.values()].map(({ element }) => element));
  }
}

class Item {
  element = document.createElement("li");
  #exchange;
  #button = document.createElement("button");
  #what = document.createElement("span");

  /** @param {Exchange} exchange @param {() => void} choose */
  constructor(exchange, choose) {
    this.#exchange = exchange;
    this.#button.type = "button";
    const method = document.createElement("strong");
    const path = document.createElement("span");
    method.textContent = exchange.method;
    path.textContent = shorten(exchange.path, 120);
    path.className = "path";
    this.#what.className = "soft";
    this.#button.append(method, " ", path, " ", this.#what);
    this.#button.addEventListener("click", choose);
    this.element.append(this.#button);
    this.render();
  }

  render() {
    const { at, bytes, state } = this.#exchange;
    show(this.#what, `${at.toLocaleTimeString("en-GB")} · ${size(bytes)} · ${stateOf(this.#exchange)}`);
    this.element.dataset.state = state;
  }

  choose(isChosen) {
    if (isChosen) this.#button.setAttribute("aria-current", "true");
    else this.#button.removeAttribute("aria-current");
  }
}

/** @param {Exchange} exchange */
export function stateOf({ state, answered }) {
  if (state === "answered") return `answered ${answered.status}`;
  return { arriving: "arriving", waiting: "waits for you", gone: "sender left" }[state];
}

function isOver({ state }) {
  return state === "answered" || state === "gone";
}
