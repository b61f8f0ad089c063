// What the terminal shows of its connection, and what a person types. What comes is a stranger's: all of it ends up in
// `textContent`, here or in what this uses.

import { announcer } from "../shared/announce.js";
import { count, size } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { Dial } from "../shared/dial.js";
import { log } from "../shared/log.js";
import { NetworkPanel } from "../shared/network.js";
import { showSource } from "../shared/source.js";
import { showVerified } from "../shared/verified.js";
import { hexRows, textOf } from "./hex.js";

const MOST_PENDING = 65_536;
/** How long a line may lack its end before that is said: prompts do, and pieces of lines for a moment. */
const PATIENCE_MS = 300;

/** @typedef {{ write: (bytes: Uint8Array) => Promise<void>, end: () => Promise<void>, close: () => Promise<void> }} Connection */

export class TerminalPage {
  #announce = announcer($("announcements"));
  #log = log($("lines"));
  #network;
  /** @type {Connection | undefined} */
  #connection;
  #unsent = 0;
  #bytes = { in: 0, out: 0 };
  #linesIn = 0;
  #partial;

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.dial = new Dial(this.#announce);
    this.#network = new NetworkPanel($("network"), session, { lanes: ["received", "sent"], announce: this.#announce });
    $("say").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(event.submitter?.id === "send-last");
    });
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** @param {import("../shared/target.js").Target} target @param {any} tls @param {Connection} connection */
  connected(target, tls, connection) {
    this.#connection = connection;
    this.#bytes = { in: 0, out: 0 };
    this.#linesIn = this.#unsent = 0;
    this.dial.goodbye = () => connection.close().catch(() => {});
    this.dial.say("good", `Connected to ${target.address}`);
    this.#log(`connected to ${target.url}`);
    showVerified($("verified"), tls);
    this.#network.watch();
    this.#showCounts();
    $("text").focus();
  }

  /** @param {Uint8Array} bytes a line with its end, or a piece of one */
  received(bytes) {
    const text = $("hex").checked ? undefined : textOf(bytes);
    if (text === undefined) for (const row of hexRows(bytes, this.#bytes.in)) this.#log(`< ${row}`);
    else this.#log(`< ${text}`);
    this.#bytes.in += bytes.length;
    this.#linesIn++;
    this.#network.timeline.mark("received");
    this.#announce(`Received: ${text?.slice(0, 80) ?? `${bytes.length} bytes`}`);
    this.#showCounts();
  }

  /** Something has come: what is left of it in a moment is a line without an end, such as a prompt. @param {{ pending: Uint8Array }} tap */
  pending(tap) {
    this.#partial ??= setTimeout(() => {
      this.#partial = undefined;
      const bytes = tap.pending;
      const text = bytes.length ? (textOf(bytes) ?? `${bytes.length} bytes`) : "";
      $("partial").textContent = text && `No end of a line yet behind: ${text}`;
    }, PATIENCE_MS);
  }

  serverEnded() {
    this.#log("the server has said all");
    this.dial.say("waiting", "The server has said all, and may still hear");
  }

  ended() {
    this.#connection = undefined;
    this.#log("the connection has ended");
    $("partial").textContent = "";
  }

  async #send(isLast) {
    const connection = this.#connection;
    if (!connection) return this.#said("There is no connection: the line was not sent.");
    if (this.#unsent > MOST_PENDING) return this.#said("The server does not read: the line was not sent.");
    const text = $("text").value;
    const bytes = new TextEncoder().encode(text + ENDS[$("end").value]);
    $("text").value = "";
    $("text").focus();
    this.#said("");
    // "Send, then end" with nothing typed only ends.
    if (!isLast || text) await this.#write(connection, text, bytes);
    if (!isLast) return;
    try {
      await connection.end();
      this.#log("> (and no more)");
      if ($("state").dataset.state === "good") this.dial.say("waiting", "You have said all, and may still hear");
    } catch {
      this.#said("Nothing more can be said on this connection.");
    }
  }

  async #write(connection, text, bytes) {
    this.#unsent += bytes.length;
    try {
      this.#log(`> ${text}`);
      await connection.write(bytes);
      this.#bytes.out += bytes.length;
      this.#network.timeline.mark("sent");
      this.#showCounts();
    } catch {
      this.#said("Nothing more can be said on this connection.");
    } finally {
      this.#unsent -= bytes.length;
    }
  }

  #said(words) {
    $("said").textContent = words;
  }

  #showCounts() {
    $("count-lines").textContent = count(this.#linesIn);
    $("count-in").textContent = size(this.#bytes.in);
    $("count-out").textContent = size(this.#bytes.out);
  }
}

const ENDS = { crlf: "\r\n", lf: "\n", none: "" };

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
