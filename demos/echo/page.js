// What the echo page shows, and its switches. Everything a visitor says ends up in `textContent`, here or below.

import { announcer } from "../shared/announce.js";
import { ConnectionTable, preview, size, sizeOf } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { log } from "../shared/log.js";
import { NetworkPanel } from "../shared/network.js";
import { isElsewhere, noteReach } from "../shared/reach.js";
import { describe } from "../shared/request.js";
import { showSource } from "../shared/source.js";
import { byName, byPath } from "./clients.js";
import { Visitor } from "./visitor.js";

export class EchoPage {
  /** @type {() => void} what "Listen again" does */
  onlisten = () => {};
  describe = describe;
  #announce = announcer($("announcements"));
  #log = log($("log"));
  #table = new ConnectionTable($("connections"), $("connections-summary"));
  #network;
  #urls = { name: "", path: "" };
  /** @type {Visitor | undefined} */
  #visitor;

  /** @param {typeof import("/pageport.js").session} session */
  constructor(session) {
    this.#network = new NetworkPanel($("network"), session, {
      lanes: ["sent", "echoed"],
      announce: this.#announce,
      waiting: () => this.#underWay(),
    });
    $("again").addEventListener("click", () => this.onlisten());
    $("visit").addEventListener("click", () => (this.#visitor ? this.#visitor.stop() : this.#visit()));
    for (const radio of document.getElementsByName("form")) radio.addEventListener("change", () => this.#showClients());
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
  }

  /** The status that new visitors are refused with, 0 to let them in. */
  get refusal() {
    return $("refuse").checked ? Number($("status").value) : 0;
  }

  listening(url, pathUrl) {
    this.#network.watch();
    this.#urls = { name: url, path: pathUrl };
    $("url").textContent = url;
    $("path-url").textContent = pathUrl;
    noteReach($("reach"), new URL(url).hostname);
    $("addresses").hidden = false;
    $("again").hidden = true;
    $("visit").disabled = false;
    this.#showClients();
    this.#say("good", "Listening");
    this.#log(`listening at ${url}`);
  }

  connected(socket, request) {
    const { peer, path, origin } = describe(request);
    const close = () => socket.close(1000);
    const connection = this.#table.add({ peer, path, origin: origin || "none", protocol: socket.protocol || "none", close });
    this.#log(`+ ${peer} connected to ${path} from ${origin || "no origin"}`);
    this.#announce("A visitor connected.");
    return {
      received: (data) => {
        connection.received(data);
        if ($("log-messages").checked) this.#log(`< ${sizeOf(data)} B: ${preview(data)}`);
      },
      sent: connection.sent,
      ended: (how) => {
        connection.ended(how);
        this.#log(`- ${peer} ${how}`);
        this.#announce("A visitor left.");
      },
    };
  }

  refused(request, status) {
    const { peer, path } = describe(request);
    this.#table.refused();
    this.#log(`× ${peer} refused with ${status} at ${path}`);
    this.#announce(`A visitor was refused with ${status}.`);
  }

  ended() {
    $("again").hidden = false;
    $("visit").disabled = true;
    this.#say("bad", "Not listening");
    this.#log("the listener has ended");
    this.#announce("The listener has ended.");
  }

  failed(error) {
    this.#log(`${error?.code ?? "error"}: ${error?.message ?? "unknown"}`);
  }

  #say(state, words) {
    $("state").dataset.state = state;
    $("state").textContent = words;
  }

  #showClients() {
    const named = $("form-name").checked;
    const clients = named ? byName(this.#urls.name) : byPath(this.#urls.path);
    clients.forEach(({ name, line }, i) => {
      $(`client-${i}-name`).textContent = name;
      $(`client-${i}`).textContent = line;
    });
  }

  #visit() {
    const visitor = (this.#visitor = new Visitor(`${this.#reachable}from-this-page`));
    $("visit").textContent = "Disconnect";
    $("visitor-state").textContent = "Connecting…";
    const show = () => this.#count(visitor);
    visitor.addEventListener("open", () => ($("visitor-state").textContent = "Connected, sending ten messages a second."));
    visitor.addEventListener("sent", () => (this.#network.timeline.mark("sent"), show()));
    visitor.addEventListener("echoed", () => (this.#network.timeline.mark("echoed"), show()));
    visitor.addEventListener("close", () => {
      this.#visitor = undefined;
      $("visit").textContent = "Connect from this page";
      $("visitor-state").textContent = `Not connected (${visitor.how.code}).`;
      show();
    });
    show();
  }

  /** Names below `localhost` lead nowhere from another machine; the path does. */
  get #reachable() {
    const { name, path } = this.#urls;
    return isElsewhere(new URL(name).hostname) ? path : name;
  }

  #count(visitor) {
    $("sent").textContent = visitor.sent.toLocaleString("en");
    $("echoed").textContent = visitor.echoed.toLocaleString("en");
    $("waiting").textContent = (visitor.sent - visitor.echoed - visitor.lost).toLocaleString("en");
    $("lost").textContent = visitor.lost.toLocaleString("en");
    $("wrong").textContent = visitor.wrong.toLocaleString("en");
    $("lost-box").className = visitor.lost ? "broken" : "proof";
    $("wrong-box").className = visitor.wrong ? "broken" : "proof";
  }

  #underWay() {
    if (!this.#visitor) return "";
    const messages = this.#visitor.sent - this.#visitor.echoed - this.#visitor.lost;
    return `, ${messages} messages (${size(this.#visitor.bytesUnderWay)}) kept under way`;
  }
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
