// What the mail reader shows, and what a person chooses. Mail comes from anybody: everything in it ends up in `textContent`, and what
// is HTML is never markup here.

import { announcer } from "../shared/announce.js";
import { count, size } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { Dial } from "../shared/dial.js";
import { NetworkPanel } from "../shared/network.js";
import { showSource } from "../shared/source.js";
import { showVerified } from "../shared/verified.js";
import { headersOf, read } from "./mime.js";
import { MOST_OF_A_MESSAGE } from "./session.js";

const AT_ONCE = 30;

/** @typedef {import("./session.js").Session} Session @typedef {import("./session.js").Summary} Summary */

export class MailPage {
  #announce = announcer($("announcements"));
  #network;
  /** @type {Session | undefined} */
  #imap;
  #target;
  /** Messages that are shown go from here to the newest. */
  #first = 0;
  #newest = 0;
  /** Answers to what was asked for before are for nobody. */
  #asked = 0;

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.dial = new Dial(this.#announce);
    this.#network = new NetworkPanel($("network"), session, { lanes: ["received", "sent"], announce: this.#announce });
    // The usual ports belong to the ways in which TLS begins; another port is a person's own.
    for (const [id, port, other] of [["starttls", 143, 993], ["tls", 993, 143]]) {
      $(id).addEventListener("change", () => ($("target").value = $("target").value.replace(new RegExp(`:${other}$`), `:${port}`)));
    }
    $("folder").addEventListener("change", () => this.#do(() => this.#open($("folder").value)));
    $("older").addEventListener("click", () => this.#do(() => this.#older()));
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** Name and password, which this page forgets. @returns {[user: string, password: string]} */
  login() {
    const password = $("password").value;
    $("password").value = "";
    return [$("user").value, password];
  }

  /** @param {import("../shared/target.js").Target} target @param {any} tls @param {() => Promise<unknown>} leave */
  connected(target, tls, leave) {
    this.#target = target;
    this.#network.watch();
    this.dial.goodbye = () => void leave().catch(() => {});
    this.dial.say("waiting", `Connected to ${target.address}, logging in`);
    showVerified($("verified"), tls);
  }

  /** @param {Session} imap */
  async loggedIn(imap) {
    this.#imap = imap;
    this.dial.say("good", `Logged in at ${this.#target.address}`);
    const folders = await imap.folders();
    $("folder").replaceChildren(...folders.map(({ name, label }) => new Option(label, name)));
    $("folder").disabled = !folders.length;
    if (folders.length) await this.#open(folders[0].name);
    else $("folder-summary").textContent = "There is no folder.";
  }

  /** Asks what is new. */
  poll() {
    return this.#do(async (imap) => {
      await imap.poll();
      if (imap.count > this.#newest) await this.#show(this.#newest + 1, imap.count, (rows) => $("messages").prepend(...rows));
    });
  }

  ended() {
    this.#imap = undefined;
    $("folder").disabled = true;
    $("older").hidden = true;
    $("folder-summary").textContent = $("messages").childElementCount ? "Read before the connection ended" : "";
  }

  /** What fails here is said, and the session goes on if it can. @param {(imap: Session) => Promise<unknown>} what */
  async #do(what) {
    try {
      if (!this.#imap) throw new Error("There is no connection.");
      await what(this.#imap);
    } catch (error) {
      $("folder-summary").textContent = error.message;
    }
  }

  async #open(name) {
    this.#asked++;
    $("messages").replaceChildren();
    $("folder-summary").textContent = "Opening…";
    const total = (await this.#imap?.open(name)) ?? 0;
    this.#first = total + 1;
    this.#newest = total;
    if (total) await this.#older();
    else this.#summarise();
  }

  #older() {
    return this.#show(Math.max(1, this.#first - AT_ONCE), this.#first - 1, (rows) => $("messages").append(...rows));
  }

  /** @param {number} from @param {number} to @param {(rows: HTMLElement[]) => void} put */
  async #show(from, to, put) {
    const summaries = (await this.#imap?.summaries(from, to)) ?? [];
    this.#mark();
    put(summaries.map((summary) => row(summary, (button) => this.#choose(summary, button))));
    this.#first = Math.min(this.#first, from);
    this.#newest = Math.max(this.#newest, to);
    this.#summarise();
  }

  #summarise() {
    const shown = $("messages").childElementCount;
    $("folder-summary").textContent = this.#newest ? `${count(this.#newest)} messages, ${shown === this.#newest ? "all" : `the newest ${count(shown)}`} shown` : "No message in it";
    $("older").hidden = this.#first <= 1;
  }

  /** @param {Summary} summary @param {HTMLElement} button */
  #choose(summary, button) {
    return this.#do(async (imap) => {
      const asked = ++this.#asked;
      for (const one of $("messages").querySelectorAll("[aria-current]")) one.removeAttribute("aria-current");
      button.setAttribute("aria-current", "true");
      $("detail-state").textContent = "Reading…";
      $("detail").focus();
      const bytes = await imap.message(summary.uid).catch((error) => {
        if (asked === this.#asked) $("detail-state").textContent = error.message;
        throw error;
      });
      this.#mark();
      if (asked === this.#asked) this.#read(bytes, summary);
    });
  }

  #read(bytes, summary) {
    const { headers, text, isHtml, others } = read(bytes);
    const rows = ["from", "to", "date", "subject"].filter((name) => headers.get(name)).flatMap((name) => [element("dt", name[0].toUpperCase() + name.slice(1)), element("dd", headers.get(name))]);
    $("headers").replaceChildren(...rows);
    $("body").textContent = text;
    $("parts").replaceChildren(...others.map(({ type, name, size: bytes }) => element("li", `${name || "a part without a name"}: ${type}, ${size(bytes)}, not shown`)));
    const notes = [
      summary.size > bytes.length && `These are the first ${size(MOST_OF_A_MESSAGE)} of ${size(summary.size)}.`,
      isHtml && "It has no plain text: these are the words of its HTML.",
      !text && "It has no text.",
    ];
    $("detail-state").textContent = notes.filter(Boolean).join(" ");
    $("headers").hidden = false;
    $("body").hidden = !text;
    $("parts").hidden = !others.length;
    this.#announce(`Message: ${headers.get("subject") ?? "no subject"}`);
  }

  #mark() {
    for (const lane of ["sent", "received"]) this.#network.timeline.mark(lane);
  }
}

/** @param {Summary} summary @param {(button: HTMLElement) => void} choose */
function row({ header, isSeen, size: bytes }, choose) {
  const headers = headersOf(header);
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const subject = element("strong", headers.get("subject") || "No subject");
  const more = element("span", `${isSeen ? "" : "New · "}${headers.get("from") ?? "from nobody"} · ${dated(headers.get("date"))} · ${size(bytes)}`);
  more.className = "soft";
  button.append(subject, more);
  button.addEventListener("click", () => choose(button));
  item.append(button);
  return item;
}

/** @param {string | undefined} header */
function dated(header) {
  const date = new Date(header ?? NaN);
  return Number.isNaN(date.getTime()) ? "no date" : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
