// What the page shows of its TCP server, and what a person says. Lines are strangers' words: all of them end up in
// `textContent`, here or in what this uses.

import { announcer } from "../shared/announce.js";
import { ConnectionTable, count } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { log } from "../shared/log.js";
import { NetworkPanel } from "../shared/network.js";
import { noteReach } from "../shared/reach.js";
import { showSource } from "../shared/source.js";

const MOST_CHOICES = 50;

/** @typedef {import("./connection.js").LineConnection} LineConnection */

export class LinesPage {
  /** @type {() => void} what "Listen again" does */
  onlisten = () => {};
  #announce = announcer($("announcements"));
  #log = log($("lines"));
  #table = new ConnectionTable($("connections"), $("connections-summary"));
  #network;
  /** By their numbers. @type {Map<number, LineConnection>} */
  #clients = new Map();

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.#network = new NetworkPanel($("network"), session, { lanes: ["received", "sent"], announce: this.#announce });
    $("again").addEventListener("click", () => this.onlisten());
    $("say").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say(event.submitter?.id === "say-last");
    });
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** What happens to a line that arrives. @returns {"echo" | "broadcast" | "wait"} */
  get policy() {
    return /** @type {any} */ (["echo", "broadcast", "wait"].find((id) => $(id).checked));
  }

  listening(host, port) {
    this.#network.watch();
    noteReach($("reach"), host);
    $("nc").textContent = `nc ${host} ${port}`;
    $("pipe").textContent = `printf 'one\\ntwo\\n' | nc -N ${host} ${port}`;
    $("python").textContent = python(host, port);
    $("addresses").hidden = false;
    $("again").hidden = true;
    $("trouble").hidden = true;
    this.#state("good", `Listening on port ${port}`);
    this.#log(`listening at ${host}, port ${port}`);
  }

  /** @param {any} [error] */
  ended(error) {
    $("again").hidden = false;
    $("addresses").hidden = true;
    this.#state("bad", "Not listening");
    this.#log("the server has ended");
    this.#announce("The server has ended.");
    $("trouble").hidden = !error;
    $("trouble").textContent = error ? `${error.code ?? "error"}: ${error.message}` : "";
  }

  /** A row for somebody who is just coming: what he does is told through it. */
  connecting() {
    /** @type {LineConnection | undefined} */
    let client;
    let isAborted = false;
    let said = 0;
    const row = this.#table.add({ peer: "", lines: "0", close: () => ((isAborted = true), client?.abort()) });
    const who = `#${row.number}`;
    const option = new Option(who, `${row.number}`);
    return {
      received: (bytes) => row.received(bytes),
      sent: (bytes) => {
        row.sent(bytes);
        this.#network.timeline.mark("sent");
      },
      connected: (connected) => {
        client = connected;
        row.set({ peer: connected.peer });
        this.#clients.set(row.number, connected);
        if ($("to").length <= MOST_CHOICES) $("to").append(option);
        this.#log(`${who} connected`);
        this.#announce("Somebody connected.");
      },
      said: (line) => {
        row.set({ line, lines: count(++said) });
        this.#log(`${who} < ${line}`);
        this.#announce(`${who}: ${line.slice(0, 80)}`);
        this.#network.timeline.mark("received");
      },
      passed: (_other, fits) => fits || this.#log("… left out for somebody who does not read"),
      finished: () => {
        row.set({ state: "has said all" });
        this.#log(`${who} has said all, and may still read`);
      },
      ended: (how) => {
        const word = isAborted ? "aborted by you" : how;
        row.ended(word);
        this.#clients.delete(row.number);
        option.remove();
        this.#log(`${who} ${word}`);
        this.#announce(`${who} left.`);
      },
    };
  }

  #say(isLast) {
    const number = Number($("to").value);
    const chosen = number ? [...this.#clients].filter(([one]) => one === number) : [...this.#clients];
    if (!chosen.length) return this.#said("Nobody is connected: the line was not sent.");
    const line = $("text").value;
    const unread = chosen.filter(([, client]) => (line || !isLast) && !client.say(line));
    if (isLast) for (const [, client] of chosen) client.finish().catch(() => {});
    this.#log(`${number ? `#${number}` : "everybody"} > ${line}${isLast ? " (and no more)" : ""}`);
    this.#said(unread.length ? `${unread.map(([one]) => `#${one}`).join(", ")} did not get it: too much is unread there, or the end has been said.` : "");
    $("text").value = "";
    $("text").focus();
  }

  #said(words) {
    $("said").textContent = words;
    if (words) this.#announce(words);
  }

  #state(state, words) {
    $("state").dataset.state = state;
    $("state").textContent = words;
  }
}

function python(host, port) {
  return [
    "python3 - <<'EOF'",
    "import socket",
    `with socket.create_connection(("${host}", ${port})) as tcp:`,
    '    tcp.sendall(b"hello\\n")',
    "    tcp.shutdown(socket.SHUT_WR)",
    "    print(tcp.makefile().read())",
    "EOF",
  ].join("\n");
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
