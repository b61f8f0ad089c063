// What stands around the screen: its buttons, what it is, and what it asks. Must never keep the keyboard: whoever gets in with keys
// gets out with keys.

import { announcer } from "../shared/announce.js";
import { size } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { Dial } from "../shared/dial.js";
import { NetworkPanel } from "../shared/network.js";
import { showSource } from "../shared/source.js";
import { showVerified } from "../shared/verified.js";

const REFRESH_MS = 500;

export class ScreenPage {
  /** Where the screen goes. @type {HTMLElement} */
  place = $("screen");
  #announce = announcer($("announcements"));
  #network;
  /** noVNC's. @type {any} */
  #screen;
  #target;
  #bytes = { in: 0, out: 0 };
  #name = "";
  #failure = "";

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.dial = new Dial(this.#announce, { port: 5900 });
    this.#network = new NetworkPanel($("network"), session, { lanes: ["received", "sent"], announce: this.#announce });
    $("type").addEventListener("click", () => this.#screen?.focus());
    $("cad").addEventListener("click", () => this.#screen?.sendCtrlAltDel());
    for (const id of ["fit", "view-only"]) $(id).addEventListener("change", () => this.#apply());
    $("paste-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#screen?.clipboardPasteFrom($("clipboard").value);
      this.#announce("Put into the clipboard there.");
    });
    $("credentials").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#screen?.sendCredentials({ username: $("user").value, password: $("password").value });
      this.#ask([]);
      // The form has gone, and the focus with it.
      $("disconnect").focus();
    });
    // Before noVNC sees it: everything else that is typed goes there.
    this.place.addEventListener("keydown", (event) => event.key === "Escape" && event.shiftKey && this.#takeBack(event), { capture: true });
    // Keys that were down when the focus went would stay down there.
    this.place.addEventListener("focusout", () => this.#release());
    setInterval(() => this.#showCounts(), REFRESH_MS);
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** @param {number} bytes */
  received(bytes) {
    this.#bytes.in += bytes;
    this.#network.timeline.mark("received");
  }

  /** @param {number} bytes */
  sent(bytes) {
    this.#bytes.out += bytes;
    this.#network.timeline.mark("sent");
  }

  /** There is a connection; what the server wants to know is not known yet. @param {import("../shared/target.js").Target} target @param {any} tls @param {any} screen */
  connected(target, tls, screen) {
    this.#screen = screen;
    this.#target = target;
    this.#bytes = { in: 0, out: 0 };
    this.#name = this.#failure = "";
    this.#showFacts({ Screen: "none yet" });
    this.#network.watch();
    this.dial.say("waiting", `Connected to ${target.address}, no screen yet`);
    this.dial.goodbye = () => screen.disconnect();
    showVerified($("verified"), tls);
    // Of the page, not of noVNC.
    screen.background = "transparent";
    this.#apply();
    const canvas = this.place.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Screen of the server");
    screen.addEventListener("connect", () => this.#shown());
    screen.addEventListener("desktopname", ({ detail }) => {
      this.#name = detail.name;
      canvas.setAttribute("aria-label", `Screen of ${detail.name}`);
    });
    screen.addEventListener("credentialsrequired", ({ detail }) => this.#ask(detail.types));
    screen.addEventListener("securityfailure", ({ detail }) => (this.#failure = detail.reason || "The server did not let this page in."));
    screen.addEventListener("serververification", () => {
      this.#failure = "The server wants its key compared by hand, which this page cannot do.";
      screen.disconnect();
    });
    screen.addEventListener("clipboard", ({ detail }) => ($("clipboard").value = detail.text));
    screen.addEventListener("bell", () => this.#announce("The bell rang."));
  }

  /** The connection ended: rejects where that was no end that somebody wanted. */
  mayHaveFailed() {
    if (this.#failure) throw new Error(this.#failure);
    if (this.dial.goodbye) throw new Error(this.#name ? "The server ended the connection." : "This is no VNC server, or it did not want to talk.");
  }

  ended() {
    this.#screen = undefined;
    this.#ask([]);
    this.#enable(false);
  }

  #shown() {
    this.dial.say("good", `Showing ${this.#name || this.#target.address}`);
    this.#enable(true);
    const { width, height } = this.place.querySelector("canvas");
    this.#showFacts({ Screen: `${width} × ${height}`, Name: this.#name || "none" });
  }

  #showFacts(facts) {
    const parts = Object.entries(facts).flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
    $("facts").replaceChildren(...parts);
  }

  /** @param {string[]} types what the server wants to know: "username", "password" */
  #ask(types) {
    $("credentials").hidden = !types.length;
    $("user-row").hidden = !types.includes("username");
    $("password").value = "";
    if (!types.length) return;
    this.dial.say("waiting", "The server asks who you are");
    $(types.includes("username") ? "user" : "password").focus();
  }

  #apply() {
    if (!this.#screen) return;
    this.#screen.scaleViewport = $("fit").checked;
    this.#screen.viewOnly = $("view-only").checked;
  }

  #takeBack(event) {
    event.preventDefault();
    event.stopPropagation();
    $("type").focus();
    this.#announce("The keyboard is yours again.");
  }

  /** noVNC lets go of all keys when it is told to only look. */
  #release() {
    if (!this.#screen || this.#screen.viewOnly) return;
    this.#screen.viewOnly = true;
    this.#screen.viewOnly = false;
  }

  #enable(isShown) {
    for (const id of ["type", "cad", "paste"]) $(id).disabled = !isShown;
  }

  #showCounts() {
    $("count-in").textContent = size(this.#bytes.in);
    $("count-out").textContent = size(this.#bytes.out);
  }
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
