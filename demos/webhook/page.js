// What the page shows of its catcher, and what a person answers. Requests are strangers' words: all of them end up in
// `textContent`, here or in what this uses.

import { announcer } from "../shared/announce.js";
import { ConnectionTable, count, size } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { NetworkPanel } from "../shared/network.js";
import { noteReach } from "../shared/reach.js";
import { showSource } from "../shared/source.js";
import { AnswerForm } from "./answer-form.js";
import { Detail } from "./detail.js";
import { MOST_KEPT, MOST_TAKEN } from "./exchange.js";
import { Inbox, MOST_REQUESTS } from "./inbox.js";

/** Requests that wait for an answer by hand; others get 503. */
const MOST_WAITING = 20;
const BUSY = { status: 503, headers: [["retry-after", "10"]], body: "Too many requests wait for an answer here.\n" };

/** @typedef {import("./exchange.js").Exchange} Exchange */

export class CatcherPage {
  /** @type {() => void} what "Listen again" does */
  onlisten = () => {};
  #announce = announcer($("announcements"));
  #table = new ConnectionTable($("connections"), $("connections-summary"));
  #inbox = new Inbox($("requests"));
  #answer = new AnswerForm($("template"));
  #detail = new Detail($("detail"), $("template"), this.#announce);
  #network;
  #came = 0;
  #patience = "";

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.#network = new NetworkPanel($("network"), session, {
      lanes: ["requests"],
      announce: this.#announce,
      waiting: () => (this.#table.open ? `, ${this.#table.open} requests under way` : ""),
    });
    $("again").addEventListener("click", () => this.onlisten());
    $("forget").addEventListener("click", () => (this.#inbox.forget(), this.#show()));
    this.#inbox.addEventListener("choose", () => this.#detail.show(this.#inbox.chosen));
    for (const radio of document.getElementsByName("policy")) radio.addEventListener("change", () => this.#explain());
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
    this.#explain();
    this.#show();
    this.#askPatience();
  }

  listening(url) {
    this.#network.watch();
    const hook = new URL("hook", url).href;
    $("url").textContent = url;
    noteReach($("reach"), new URL(url).hostname);
    $("curl").textContent = `curl -i -H 'content-type: application/json' -d '{"hello": "tab"}' ${hook}`;
    $("open").href = new URL("from-a-new-tab", url).href;
    $("addresses").hidden = false;
    $("again").hidden = true;
    $("trouble").hidden = true;
    this.#state("good", "Listening");
  }

  ended() {
    $("again").hidden = false;
    $("addresses").hidden = true;
    this.#state("bad", "Not listening");
    this.#announce("The catcher has ended.");
  }

  failed(error) {
    $("trouble").textContent = `${error?.code ?? "error"}: ${error?.message ?? "unknown"}`;
    $("trouble").hidden = false;
  }

  /** @param {Exchange} exchange whose body is still to come */
  arrived(exchange) {
    const { peer, method, path } = exchange;
    const row = this.#table.add({ peer, request: `${method} ${path}`, status: "none yet", close: () => exchange.drop() });
    let counted = 0;
    this.#came++;
    this.#network.timeline.mark("requests");
    this.#inbox.add(exchange);
    this.#announce(`${method} ${path.slice(0, 80)}`);
    exchange.addEventListener("change", () => {
      row.received(exchange.bytes - counted);
      counted = exchange.bytes;
      const { state, answered } = exchange;
      if (state === "answered") {
        row.sent(answered.body);
        row.set({ status: `${answered.status}` });
        row.ended("answered");
      } else if (state === "gone") {
        row.ended("sender left");
      }
      if (exchange === this.#inbox.chosen) this.#detail.show(exchange);
      this.#show();
    });
    this.#show();
  }

  /** Its body is there: now it is answered, or waits for a person. @param {Exchange} exchange */
  decide(exchange) {
    const answer = $("at-once").checked ? this.#answer.read() : this.#inbox.waiting > MOST_WAITING && BUSY;
    // When what stands in the form is no answer, a person has to give one.
    if (answer) exchange.answer(answer);
  }

  /** The gateway answers in our place after a while. */
  async #askPatience() {
    const answer = await fetch("/.well-known/pageport").then((response) => response.json()).catch(() => undefined);
    const seconds = answer?.limits?.answer;
    if (seconds) this.#patience = ` After ${seconds} s the gateway answers 504.`;
    this.#explain();
  }

  #explain() {
    $("policy-words").textContent = $("at-once").checked
      ? "Every request gets this answer."
      : `Each request waits for you with this answer filled in; at most ${MOST_WAITING} wait, others get 503.${this.#patience}`;
  }

  #show() {
    const { size: kept, waiting } = this.#inbox;
    const words = [`${count(this.#came)} came`, `${waiting} wait`, `the last ${MOST_REQUESTS} are kept, ${size(MOST_KEPT)} of each body, bodies to ${size(MOST_TAKEN)}`];
    $("requests-summary").textContent = words.join(", ");
    $("nothing").hidden = kept > 0;
    $("forget").disabled = kept === 0;
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
