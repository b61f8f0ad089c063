// Who is downloading what. A player that seeks, or a download that is resumed, asks many times for parts of one file: here
// they are one line. Must never hold more than a bounded number of lines, whoever asks for whatever.

import { addCell, arrange, emptyRow, show, size } from "../shared/connections.js";
import { shorten } from "../shared/log.js";
import { Coverage } from "./coverage.js";

const MOST = 50;
const REFRESH_MS = 250;

/** @typedef {{ peer: string, path: string, total: number, start: number }} Part one answer with (a part of) a file */

export class Downloads {
  #body;
  #columns;
  #nobody;
  /** Newest last. @type {Map<string, Download>} */
  #all = new Map();

  /** @param {HTMLTableSectionElement} body */
  constructor(body) {
    this.#body = body;
    this.#columns = [...body.parentElement.querySelectorAll("thead th")];
    this.#nobody = emptyRow("Nobody has downloaded anything yet.", this.#columns.length);
    setInterval(() => this.#refresh(), REFRESH_MS);
    this.#refresh();
  }

  /** @param {Part} part @returns {{ sent: (bytes: number) => void, ended: (how: string) => void }} */
  begin({ peer, path, total, start }) {
    const key = `${peer} ${total} ${path}`;
    const download = this.#all.get(key) ?? new Download(this.#columns, peer, path, total);
    this.#all.delete(key);
    this.#all.set(key, download);
    this.#forget();
    download.open++;
    let at = start;
    let isOver = false;
    return {
      sent: (bytes) => {
        download.bytes += bytes;
        download.covered.add(at, (at += bytes));
      },
      ended: (how) => {
        if (isOver) return;
        isOver = true;
        download.open--;
        download.how = how;
        download.render();
      },
    };
  }

  #forget() {
    if (this.#all.size <= MOST) return;
    // Those that are over go first, oldest first.
    const [key] = [...this.#all].find(([, { open }]) => !open) ?? [...this.#all][0];
    this.#all.delete(key);
  }

  #refresh() {
    const rows = [...this.#all.values()].reverse();
    for (const row of rows) if (row.open) row.render();
    arrange(this.#body, rows.length ? rows.map(({ element }) => element) : [this.#nobody]);
  }
}

class Download {
  open = 0;
  bytes = 0;
  covered = new Coverage();
  how = "";
  element = document.createElement("tr");
  #total;
  #bar = document.createElement("progress");
  #share = document.createElement("span");
  #bytes;
  #state;

  constructor([, ...columns], peer, path, total) {
    this.#total = total;
    const head = document.createElement("th");
    head.scope = "row";
    head.dataset.label = "File";
    head.textContent = shorten(path, 120);
    this.element.append(head);
    const [who, progress, bytes, state] = columns.map((column) => addCell(this.element, column));
    who.textContent = peer;
    this.#bar.setAttribute("aria-label", `Progress of ${shorten(path, 120)}`);
    progress.className = "progress";
    progress.append(this.#bar, this.#share);
    this.#bytes = bytes;
    this.#state = state;
    this.render();
  }

  render() {
    const { bytes } = this.covered;
    const share = this.#total ? bytes / this.#total : 1;
    this.#bar.value = share;
    // Rounded down: it is not all before it is all.
    show(this.#share, `${Math.floor(share * 100)} %`);
    show(this.#bytes, `${size(this.bytes)} of ${size(this.#total)}`);
    const over = bytes === this.#total ? "done" : this.how === "complete" ? "part done" : this.how;
    show(this.#state, this.open ? "downloading" : over || "beginning");
    this.element.className = this.open ? "" : "ended";
  }
}
