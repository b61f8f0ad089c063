// What carries the session, why that, and a way to force another. It must never choose by itself: that is the module's work, and this
// shows what it says of it.

import { configure } from "/pageport.js";

/** What the module may be told to use, and what people call it. */
const WAYS = {
  "": "The best that works",
  webtransport: "WebTransport",
  websocket: "WebSocket",
  http: "HTTP requests, streaming",
  "http-poll": "HTTP requests, polling",
};

const STATES = {
  active: "in use",
  ready: "not needed",
  failed: "did not work here a moment ago, is tried again later",
  unsupported: "not in this browser",
  unoffered: "not offered by this gateway",
  excluded: "not among those in use",
};

const REFRESH_MS = 1000;

export class Carriers {
  #session;
  #select = document.createElement("select");
  #list = document.createElement("ul");
  #shown = "";

  /** @param {HTMLElement} before what it is to stand before @param {() => any} session the one that is shown @param {(text: string) => void} announce */
  constructor(before, session, announce) {
    this.#session = session;
    for (const [value, text] of Object.entries(WAYS)) this.#select.append(new Option(text, value));
    const label = document.createElement("label");
    label.append("Carried by ", this.#select);
    const row = document.createElement("div");
    row.className = "row";
    row.append(label);
    this.#list.className = "carriers";
    this.#list.setAttribute("aria-label", "Carriers");
    before.before(row, this.#list);
    this.#select.id = "carrier";
    this.#select.addEventListener("change", () => {
      const { value } = this.#select;
      configure({ carriers: value ? [/** @type {any} */ (value)] : undefined });
      announce(value ? `From now on only ${WAYS[value]}.` : "From now on the best that works.");
      this.show();
    });
    // What failed is no event of the session.
    setInterval(() => this.show(), REFRESH_MS);
    this.show();
  }

  show() {
    const lines = this.#session().carriers.map(({ carrier, state }) => [carrier === "http" ? "HTTP requests" : WAYS[carrier], state]);
    if (this.#shown === `${lines}`) return;
    this.#shown = `${lines}`;
    this.#list.replaceChildren(
      ...lines.map(([name, state]) => {
        const item = document.createElement("li");
        const strong = document.createElement("strong");
        strong.textContent = name;
        item.dataset.state = state;
        item.append(strong, `: ${STATES[state]}`);
        return item;
      }),
    );
  }
}
