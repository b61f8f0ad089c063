// The live table of a listener's connections. What it shows comes from strangers: it must never be more than text, and
// never more than a bounded number of rows, however many connect.

import { shorten } from "./log.js";

const OPEN_ROWS = 200;
const ENDED_ROWS = 10;
const REFRESH_MS = 500;

/**
 * @typedef {object} Connection
 * @property {(data: string | ArrayBuffer) => void} received counts a message from the visitor
 * @property {(data: string | ArrayBuffer) => void} sent counts a message to the visitor
 * @property {(how: string) => void} ended
 */

export class ConnectionTable {
  #body;
  #summary;
  #open = new Set();
  #ended = [];
  #number = 0;
  #refused = 0;
  #nobody = emptyRow();

  /** @param {HTMLTableSectionElement} body @param {HTMLElement} summary says how many there are */
  constructor(body, summary) {
    this.#body = body;
    this.#summary = summary;
    this.#refresh();
    setInterval(() => this.#refresh(), REFRESH_MS);
  }

  /**
   * @param {{ peer: string, path: string, origin: string, protocol: string, close: () => void }} visitor
   * @returns {Connection}
   */
  add(visitor) {
    const row = new Row(++this.#number, visitor);
    this.#open.add(row);
    this.#refresh();
    return {
      received: (data) => ((row.messages += 1), (row.bytesIn += sizeOf(data)), (row.last = data)),
      sent: (data) => (row.bytesOut += sizeOf(data)),
      ended: (how) => {
        row.end(how);
        this.#open.delete(row);
        this.#ended.unshift(row);
        for (const old of this.#ended.splice(ENDED_ROWS)) old.element.remove();
        this.#refresh();
      },
    };
  }

  refused() {
    this.#refused++;
    this.#refresh();
  }

  #refresh() {
    const shown = [...this.#open].slice(-OPEN_ROWS).reverse();
    const rows = [...shown, ...this.#ended];
    for (const row of shown) row.render();
    const elements = rows.length ? rows.map((row) => row.element) : [this.#nobody];
    // Rows stay where they are unless something came or went: a focused button must not lose its focus.
    if (elements.length !== this.#body.children.length || elements.some((row, i) => row !== this.#body.children[i])) {
      arrange(this.#body, elements);
    }
    const hidden = this.#open.size - shown.length;
    const open = this.#open.size.toLocaleString("en");
    this.#summary.textContent =
      `${open} open` +
      (hidden > 0 ? ` (the newest ${OPEN_ROWS} are shown)` : "") +
      `, ${(this.#number - this.#open.size).toLocaleString("en")} ended, ${this.#refused.toLocaleString("en")} refused`;
  }
}

class Row {
  messages = 0;
  bytesIn = 0;
  bytesOut = 0;
  last = "";
  #since = performance.now();
  #cells = {};
  #button;

  constructor(number, { peer, path, origin, protocol, close }) {
    this.element = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.dataset.label = "Connection";
    head.textContent = `#${number}`;
    this.element.append(head);
    for (const label of COLUMNS) this.#cells[label] = this.#cell(label);
    this.#cells.State.textContent = "open";
    this.#cells.Peer.textContent = peer;
    this.#cells.Path.textContent = shorten(path, 80);
    this.#cells.Origin.textContent = origin || "none";
    this.#cells.Subprotocol.textContent = protocol || "none";
    this.#button = document.createElement("button");
    this.#button.type = "button";
    this.#button.className = "small";
    this.#button.textContent = "Close";
    this.#button.setAttribute("aria-label", `Close connection ${number}`);
    this.#button.addEventListener("click", close);
    this.#cells.Action.append(this.#button);
    this.render();
  }

  render() {
    this.#cells.Messages.textContent = this.messages.toLocaleString("en");
    this.#cells["Bytes in / out"].textContent = `${size(this.bytesIn)} / ${size(this.bytesOut)}`;
    this.#cells.Last.textContent = preview(this.last);
    this.#cells.Age.textContent = duration(performance.now() - this.#since);
  }

  end(how) {
    this.render();
    this.element.className = "ended";
    this.#cells.State.textContent = how;
    this.#button.remove();
  }

  #cell(label) {
    const cell = document.createElement("td");
    const content = document.createElement("span");
    cell.dataset.label = label;
    if (["Messages", "Bytes in / out", "Age"].includes(label)) cell.className = "number";
    cell.append(content);
    this.element.append(cell);
    return content;
  }
}

const COLUMNS = ["State", "Peer", "Path", "Origin", "Subprotocol", "Messages", "Bytes in / out", "Last", "Age", "Action"];

function emptyRow() {
  const row = document.createElement("tr");
  const cell = row.insertCell();
  cell.colSpan = COLUMNS.length + 1;
  cell.textContent = "Nobody has connected yet.";
  return row;
}

/** Puts the rows in order and touches only those that are out of place. */
function arrange(body, elements) {
  const wanted = new Set(elements);
  for (const old of [...body.children]) if (!wanted.has(old)) old.remove();
  elements.forEach((element, i) => {
    if (body.children[i] !== element) body.insertBefore(element, body.children[i] ?? null);
  });
}

/** @param {string | ArrayBuffer} data */
export function sizeOf(data) {
  return typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength;
}

/** @param {string | ArrayBuffer} data */
export function preview(data) {
  return typeof data === "string" ? shorten(data, 40) : `${size(data.byteLength)} binary`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}
