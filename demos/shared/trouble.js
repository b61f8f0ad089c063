// Says why there is no connection (any more), and what to do about it. Must never guess: what it knows nothing of keeps its code
// and its own words.

import { copyButtons } from "./copy.js";

/** @typedef {import("./target.js").Target} Target */

/** What each code means to whoever wanted this connection. @type {Record<string, (target: Target) => string>} */
const WORDS = {
  ERR_TARGET_FORBIDDEN: ({ url }) => `This gateway does not allow ${url}. Whoever runs it names on its command line what pages may connect to:`,
  ERR_TARGET_CONNECTION_REFUSED: ({ address }) => `Nobody listens at ${address}. Start the server, or check the port.`,
  ERR_TARGET_UNRESOLVED: ({ host }) => `${host} has no address. Check the name.`,
  ERR_TARGET_TIMEOUT: ({ address }) => `${address} did not answer in time.`,
  ERR_TARGET_UNREACHABLE: ({ address }) => `${address} broke the connection off, or cannot be reached.`,
  ERR_TARGET_TLS: ({ address }) =>
    `No trusted TLS with ${address}: the gateway knows the authorities of its system. For one of your own, start it with SSL_CERT_FILE=ca.pem in its environment.`,
  ERR_TARGET_LIMIT: ({ address }) => `As many connections to ${address} are open as the gateway allows. Try again in a moment.`,
  ERR_TARGET_IDLE: ({ address }) => `Nothing moved for as long as the gateway allows, so it closed the connection to ${address}.`,
  ERR_TARGET_LIFETIME: ({ address }) => `The connection to ${address} was as old as the gateway allows. Connect again.`,
  ERR_STARTTLS_DIRTY: ({ address }) => `${address} said more in the clear than it may before TLS begins. Somebody may have put words in its mouth, so both ends were closed.`,
  ERR_GATEWAY_UNREACHABLE: () => "The gateway does not answer.",
  ERR_SESSION_CLOSED: () => "The session with the gateway has ended, and the connection with it. Connect begins a new one.",
  ERR_SESSION_LOST: () => "The gateway has started anew, or the network was away for too long: the connection is gone.",
};

export class Trouble {
  #root;
  #words = document.createElement("p");
  #paste = document.createElement("div");
  #command = document.createElement("code");

  /** @param {HTMLElement} root empty; a live region (`role="alert"`) @param {(text: string) => void} announce */
  constructor(root, announce) {
    this.#root = root;
    this.#words.className = "problem";
    const note = document.createElement("p");
    note.textContent = "Start the gateway with";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.dataset.copy = this.#command.id = `${root.id}-command`;
    const what = document.createElement("span");
    what.className = "hidden";
    what.textContent = " the command line";
    button.append("Copy", what);
    this.#paste.className = "paste";
    this.#paste.append(note, button, this.#command);
    root.replaceChildren(this.#words, this.#paste);
    copyButtons(root, announce);
    this.clear();
  }

  /** @param {any} error @param {Target} [target] */
  show(error, target) {
    const { code, message } = error ?? {};
    const known = target && Object.hasOwn(WORDS, code) ? WORDS[code](target) : undefined;
    this.#words.textContent = known ? `${known} (${code})` : code && code !== message ? `${code}: ${message}` : (message ?? String(error));
    const command = code === "ERR_TARGET_FORBIDDEN" && target?.command;
    this.#paste.hidden = !command;
    this.#command.textContent = command || "";
    this.#root.hidden = false;
  }

  clear() {
    this.#root.hidden = true;
    this.#words.textContent = this.#command.textContent = "";
  }
}
