// What the page shows of its site, and where files come in. Paths, names and peers are strangers' words: all of them end up in
// `textContent`, here or in what this uses.

import { announcer } from "../shared/announce.js";
import { addCell, arrange, ConnectionTable, count, emptyRow, size } from "../shared/connections.js";
import { copyButtons } from "../shared/copy.js";
import { NetworkPanel } from "../shared/network.js";
import { noteReach } from "../shared/reach.js";
import { showSource } from "../shared/source.js";
import { contentType } from "./content-type.js";
import { Downloads } from "./downloads.js";
import { dropped, picked } from "./pick.js";
import { sample } from "./sample.js";
import { encodePath, MOST_FILES } from "./site.js";

const SHOWN_FILES = 100;

export class SitePage {
  /** @type {() => void} what "Serve again" does */
  onlisten = () => {};
  #site;
  #url = "";
  #announce = announcer($("announcements"));
  #connections = new ConnectionTable($("connections"), $("connections-summary"));
  #downloads = new Downloads($("downloads"));
  #network;
  /** By path. @type {Map<string, { file: import("./site.js").FileLike, url: string, row: HTMLElement }>} */
  #rows = new Map();

  /** @param {import("./site.js").Site} site @param {typeof import("/pageport.js").session} session */
  constructor(site, session) {
    this.#site = site;
    this.#network = new NetworkPanel($("network"), session, {
      lanes: ["answers"],
      announce: this.#announce,
      waiting: () => (this.#connections.open ? `, ${this.#connections.open} answers under way` : ""),
    });
    $("again").addEventListener("click", () => this.onlisten());
    $("sample").addEventListener("click", async () => this.#add(await sample()));
    $("clear").addEventListener("click", () => this.#clear());
    for (const [button, input] of [["pick-files", "files-input"], ["pick-folder", "folder-input"]]) {
      $(button).addEventListener("click", () => $(input).click());
      $(input).addEventListener("change", () => (this.#add(picked($(input).files)), ($(input).value = "")));
    }
    takeDrops($("drop"), (transfer) => this.#drop(transfer));
    copyButtons(document, this.#announce);
    for (const details of document.querySelectorAll("details.source")) showSource(details, this.#announce);
    this.#showFiles();
  }

  listening(url) {
    this.#network.watch();
    this.#url = url;
    $("url").textContent = $("open").href = url;
    noteReach($("reach"), new URL(url).hostname);
    $("curl").textContent = `curl -i ${url}`;
    $("addresses").hidden = false;
    $("again").hidden = true;
    say($("state"), "good", "Serving");
    this.#showFiles();
  }

  ended() {
    $("again").hidden = false;
    $("addresses").hidden = true;
    say($("state"), "bad", "Not serving");
    this.#announce("The site is gone.");
  }

  failed(error) {
    this.#trouble(`${error?.code ?? "error"}: ${error?.message ?? "unknown"}`);
  }

  /**
   * @param {Request} request
   * @param {string} peer
   * @param {{ status: number, path?: string, start?: number, total?: number }} answered
   * @param {() => void} close
   */
  visited({ method, url, headers }, peer, { status, path, start = 0, total }, close) {
    const { pathname, search } = new URL(url);
    const range = headers.get("range");
    const connection = this.#connections.add({
      peer,
      request: `${method} ${pathname}${search}`,
      range: range?.replace("bytes=", "") ?? "all",
      status: `${status}`,
      close,
    });
    const isPart = path !== undefined && total !== undefined && method === "GET";
    const download = isPart && this.#downloads.begin({ peer, path, total, start });
    if (isPart) this.#announce(`Somebody downloads ${path}.`);
    this.#network.timeline.mark("answers");
    return {
      sent: (bytes) => {
        connection.sent(bytes);
        if (download) download.sent(bytes);
      },
      ended: (how) => {
        connection.ended(how);
        if (download) download.ended(how);
      },
    };
  }

  async #drop(transfer) {
    try {
      this.#add(await dropped(transfer));
    } catch (error) {
      this.#trouble(`The folder could not be read: ${error.message}`);
    }
  }

  #add(files) {
    if (!files.length) return;
    const left = this.#site.add(files);
    // How many there were is not known: a folder is not read further than there is room.
    this.#trouble(left ? `The rest was left out: a site has at most ${count(MOST_FILES)} files.` : "");
    this.#announce(`${number(files.length - left)} added.`);
    this.#showFiles();
  }

  #clear() {
    this.#site.clear();
    this.#announce("The site is empty.");
    this.#trouble("");
    this.#showFiles();
    $("sample").focus();
  }

  #trouble(words) {
    $("trouble").textContent = words;
    $("trouble").hidden = !words;
  }

  #showFiles() {
    const { files, bytes } = this.#site;
    const columns = [...$("files").parentElement.querySelectorAll("thead th")];
    const paths = [...files.keys()].sort().slice(0, SHOWN_FILES);
    const before = this.#rows;
    this.#rows = new Map();
    const rows = paths.map((path) => {
      const file = files.get(path);
      const old = before.get(path);
      // The same row, so that its link keeps the focus.
      const shown = old?.file === file && old.url === this.#url ? old : { file, url: this.#url, row: this.#row(path, file, columns) };
      this.#rows.set(path, shown);
      return shown.row;
    });
    arrange($("files"), rows.length ? rows : [emptyRow("No file yet: the site says that it is empty.", columns.length)]);
    const hidden = files.size - rows.length;
    const more = hidden ? `, the first ${SHOWN_FILES} are shown` : "";
    $("files-summary").textContent = `${number(files.size)}, ${size(bytes)}${more}`;
    $("clear").disabled = !files.size;
  }

  #row(path, file, [, ...columns]) {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    const link = document.createElement("a");
    head.scope = "row";
    head.dataset.label = "Path";
    link.textContent = path;
    if (this.#url) link.href = new URL(encodePath(path), this.#url).href;
    // This one is the server.
    link.target = "_blank";
    const where = document.createElement("span");
    where.className = "hidden";
    where.textContent = " in a new tab";
    link.append(where);
    head.append(link);
    row.append(head);
    const [type, bytes] = columns.map((column) => addCell(row, column));
    type.textContent = contentType(path).split(";")[0];
    bytes.textContent = size(file.size);
    return row;
  }
}

/** @param {number} files */
function number(files) {
  return `${count(files)} ${files === 1 ? "file" : "files"}`;
}

/** @param {HTMLElement} zone @param {(transfer: DataTransfer) => void} take */
function takeDrops(zone, take) {
  const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  // Anywhere in the window: a drop that misses would otherwise navigate away from a server.
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.dataset.over = "";
  });
  addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || delete zone.dataset.over);
  addEventListener("drop", (event) => {
    delete zone.dataset.over;
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer);
  });
}

function say(element, state, words) {
  element.dataset.state = state;
  element.textContent = words;
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
