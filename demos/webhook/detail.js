// One request, all of it: where from, headers, body, and its answer or the form for one. Every word of it is a stranger's: must
// never be more than text.

import { count, size } from "../shared/connections.js";
import { AnswerForm, copyFields } from "./answer-form.js";
import { MOST_KEPT } from "./exchange.js";
import { stateOf } from "./inbox.js";
import { pretty } from "./pretty.js";

/** @typedef {import("./exchange.js").Exchange} Exchange */

export class Detail {
  #root;
  #template;
  #announce;
  /** @type {Exchange | undefined} */
  #exchange;
  #shown = "";
  #waited = document.createElement("span");

  /** @param {HTMLElement} root @param {HTMLElement} template fields of an answer @param {(text: string) => void} announce */
  constructor(root, template, announce) {
    this.#root = root;
    this.#template = template;
    this.#announce = announce;
    setInterval(() => this.#wait(), 1000);
  }

  /** @param {Exchange | undefined} exchange */
  show(exchange) {
    if (this.#exchange === exchange && exchange?.state === this.#shown) return;
    const hadFocus = this.#exchange === exchange && this.#root.contains(document.activeElement);
    this.#exchange = exchange;
    this.#shown = exchange?.state ?? "";
    this.#root.hidden = !exchange;
    this.#root.replaceChildren(...(exchange ? this.#parts(exchange) : []));
    // What had the focus is gone: whoever works by keyboard stays here.
    if (hadFocus) this.#root.focus();
  }

  *#parts(exchange) {
    const { method, path, peer, at, state } = exchange;
    const title = element("h3");
    title.append(element("strong", method), " ", element("span", path));
    yield title;
    const facts = element("p", `${at.toLocaleTimeString("en-GB")} from ${peer}, ${size(exchange.bytes)} `);
    facts.className = "soft";
    yield facts;
    if (state === "waiting") yield this.#form(exchange);
    else yield this.#outcome(exchange);
    yield element("h4", `Headers (${count(exchange.headers.length)})`);
    yield headerList(exchange.headers);
    if (state !== "arriving") yield* this.#body(exchange);
  }

  #form(exchange) {
    const form = document.createElement("form");
    const fields = copyFields(this.#template);
    const answer = new AnswerForm(fields);
    const row = element("div");
    const send = element("button", "Send this answer");
    const drop = element("button", "Close without one");
    drop.type = "button";
    send.className = "main";
    row.className = "row";
    row.append(send, drop);
    form.className = "by-hand";
    this.#waited.className = "state";
    this.#waited.dataset.state = "waiting";
    form.append(this.#waited, fields, row);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = answer.read();
      if (!chosen) return;
      exchange.answer(chosen);
      this.#announce(`Answered with ${chosen.status}.`);
    });
    drop.addEventListener("click", () => exchange.drop());
    this.#wait();
    return form;
  }

  #outcome(exchange) {
    const { state, took } = exchange;
    const words = element("p", state === "answered" ? `Answered with ${exchange.answered.status} after ${seconds(took)}` : stateOf(exchange));
    words.className = "state";
    words.dataset.state = { answered: "good", gone: "bad" }[state] ?? "waiting";
    return words;
  }

  *#body({ kept, bytes, headers }) {
    const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
    const { kind, text } = pretty(kept, type, kept.length === bytes);
    const head = element("div");
    head.className = "head";
    head.append(element("h4", bytes ? `Body: ${kind}` : "No body"));
    yield head;
    if (!bytes) return;
    const copy = element("button", "Copy");
    copy.type = "button";
    copy.className = "small";
    copy.append(hidden(" the body"));
    copy.addEventListener("click", async () => {
      const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
      this.#announce(copied ? "Copied." : "Copying is not allowed here.");
    });
    head.append(copy);
    const listing = element("pre", text);
    listing.className = "listing";
    listing.tabIndex = 0;
    listing.setAttribute("role", "region");
    listing.setAttribute("aria-label", "Body of the request");
    yield listing;
    if (kept.length < bytes) yield element("p", `The first ${size(MOST_KEPT)} of ${size(bytes)}: the rest was not kept.`);
  }

  #wait() {
    if (this.#exchange?.state !== "waiting") return;
    this.#waited.textContent = `Its sender has been waiting for ${seconds(Date.now() - this.#exchange.at.getTime())}`;
  }
}

function headerList(headers) {
  const list = element("dl");
  list.className = "facts headers";
  for (const [name, value] of headers) {
    const description = element("dd");
    description.append(element("code", value));
    list.append(element("dt", name), description);
  }
  return list;
}

function hidden(text) {
  const words = element("span", text);
  words.className = "hidden";
  return words;
}

/** @returns {any} */
function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function seconds(milliseconds) {
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`;
}
