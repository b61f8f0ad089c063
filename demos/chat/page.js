// What the host of a chat sees, and does. Everything a guest says ends up in `textContent`.

import { announcer } from "../shared/announce.js";
import { ConnectionTable, passFocus } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { NetworkPanel } from "../shared/network.js";
import { showSource } from "../shared/source.js";
import { spoken, Talk } from "./talk.js";

export class HostPage {
  /** @type {() => void} what "Open the room again" does */
  onlisten = () => {};
  #room;
  #announce = announcer($("announcements"));
  #talk = new Talk($("talk"));
  #table = new ConnectionTable($("connections"), $("connections-summary"));
  #network;

  /** @param {import("./room.js").Room} room @param {typeof import("/pageport.js").session} session */
  constructor(room, session) {
    this.#room = room;
    this.#network = new NetworkPanel($("network"), session, { lanes: ["entries"], announce: this.#announce });
    this.#talk.me = room.host;
    this.#talk.note("The room is empty so far. Send somebody the link, or open it in another tab.");
    this.#showPeople();
    room.addEventListener("entry", ({ detail }) => this.#entry(detail));
    room.addEventListener("people", () => this.#showPeople());
    $("say").addEventListener("submit", (event) => this.#say(event));
    $("again").addEventListener("click", () => this.onlisten());
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** @param {string} url of the listener, by name */
  listening(url) {
    this.#network.watch();
    const [name] = new URL(url).hostname.split(".");
    // Behind the #, so that it stays out of logs and referrers.
    const invite = new URL(`visit/#${name}`, location.href).href;
    $("invite").textContent = invite;
    $("open").href = invite;
    $("invitation").hidden = false;
    $("again").hidden = true;
    this.#state("good", "Open");
  }

  /** @param {WebSocket} socket @param {{ peer: string }} request */
  connected(socket, { peer }) {
    return this.#table.add({ peer, name: "not joined yet", close: () => socket.close(4003, "Removed by the host") });
  }

  ended() {
    $("again").hidden = false;
    $("invitation").hidden = true;
    this.#state("bad", "Closed");
    this.#announce("The room is closed.");
  }

  failed(error) {
    this.#talk.note(`${error?.code ?? "error"}: ${error?.message ?? "unknown"}`);
  }

  #state(state, words) {
    $("state").dataset.state = state;
    $("state").textContent = words;
  }

  #say(event) {
    event.preventDefault();
    const text = $("text").value.trim();
    if (text) this.#room.say(text);
    $("text").value = "";
    $("text").focus();
  }

  #entry(entry) {
    this.#network.timeline.mark("entries");
    this.#talk.add(entry);
    if (entry.who !== this.#room.host) this.#announce(spoken(entry));
  }

  #showPeople() {
    const [host, ...guests] = this.#room.people;
    const rows = [row(`${host} (you, the server)`), ...guests.map((name) => row(name, () => this.#room.remove(name)))];
    passFocus($("people"), $("people-title"));
    $("people").replaceChildren(...rows);
    $("people-title").textContent = `People (${rows.length})`;
  }
}

function row(name, remove) {
  const item = document.createElement("li");
  item.className = "head";
  const text = document.createElement("span");
  text.textContent = name;
  item.append(text);
  if (remove) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove ${name}`);
    button.addEventListener("click", remove);
    item.append(button);
  }
  return item;
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
