// The live table of a listener's connections, the same in every demo. What it shows comes from strangers: it must never be
// more than text, and never more than a bounded number of rows, however many connect.
//
// Its columns are those of the table's head: `data-field` names what stands in them. `state`, `messages`, `bytes`, `last`,
// `age` and `action` are kept here; every other field is what the demo says of a visitor.

import { shorten } from "./log.js";

const OPEN_ROWS = 200;
const ENDED_ROWS = 10;
const REFRESH_MS = 500;
const CELL_CHARACTERS = 80;

/** Counted by its size: text, bytes, or just a number of bytes. @typedef {string | number | ArrayBuffer | Uint8Array} Data */
/**
 * @typedef {object} Connection
 * @property {number} number as it stands in the table
 * @property {(data: Data) => void} received counts a message from the visitor
 * @property {(data: Data) => void} sent counts a message to the visitor
 * @property {(fields: Record<string, string>) => void} set says something new of the visitor
 * @property {(how: string) => void} ended
 */

export class ConnectionTable {
  #body;
  #columns;
  #summary;
  /** @type {Set<Row>} */
  #open = new Set();
  /** @type {Row[]} */
  #ended = [];
  #number = 0;
  #refused = 0;
  #nobody;

  /** @param {HTMLTableSectionElement} body @param {HTMLElement} summary says how many there are */
  constructor(body, summary) {
    this.#body = body;
    this.#summary = summary;
    this.#columns = [...body.parentElement.querySelectorAll("thead [data-field]")];
    this.#nobody = emptyRow("Nobody has connected yet.", this.#columns.length + 1);
    this.#refresh();
    setInterval(() => this.#refresh(), REFRESH_MS);
  }

  get open() {
    return this.#open.size;
  }

  /**
   * @param {Record<string, any> & { close: () => void }} visitor fields of the table, and what its button does
   * @returns {Connection}
   */
  add({ close, ...fields }) {
    const row = new Row(++this.#number, this.#columns, close);
    row.set({ state: "open", ...fields });
    this.#open.add(row);
    this.#refresh();
    return {
      number: this.#number,
      received: (data) => ((row.messages += 1), (row.bytesIn += sizeOf(data)), (row.last = data)),
      sent: (data) => (row.bytesOut += sizeOf(data)),
      set: (more) => row.set(more),
      ended: (how) => {
        if (!this.#open.delete(row)) return;
        row.end(how);
        this.#ended.unshift(row);
        this.#ended.splice(ENDED_ROWS);
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
    arrange(this.#body, rows.length ? rows.map((row) => row.element) : [this.#nobody]);
    const hidden = this.#open.size - shown.length;
    const parts = [`${count(this.#open.size)} open` + (hidden > 0 ? ` (the newest ${OPEN_ROWS} are shown)` : "")];
    parts.push(`${count(this.#number - this.#open.size)} ended`);
    // Only where there is a switch to refuse anybody.
    if ("refusals" in this.#summary.dataset) parts.push(`${count(this.#refused)} refused`);
    this.#summary.textContent = parts.join(", ");
  }
}

class Row {
  messages = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** @type {Data} */
  last = "";
  #since = performance.now();
  /** @type {Map<string, HTMLElement>} */
  #cells = new Map();
  #head = document.createElement("th");
  #button = document.createElement("button");

  constructor(number, columns, close) {
    this.element = document.createElement("tr");
    const head = this.#head;
    head.scope = "row";
    head.dataset.label = "Connection";
    head.textContent = `#${number}`;
    this.element.append(head);
    for (const column of columns) this.#cells.set(column.dataset.field, addCell(this.element, column));
    this.#button.type = "button";
    this.#button.className = "small";
    this.#button.textContent = "Close";
    this.#button.setAttribute("aria-label", `Close connection ${number}`);
    this.#button.addEventListener("click", close);
    this.#cells.get("action").append(this.#button);
    this.render();
  }

  set(fields) {
    for (const [field, value] of Object.entries(fields)) show(this.#cells.get(field), shorten(value, CELL_CHARACTERS));
  }

  render() {
    show(this.#cells.get("messages"), count(this.messages));
    show(this.#cells.get("bytes"), `${size(this.bytesIn)} / ${size(this.bytesOut)}`);
    show(this.#cells.get("last"), preview(this.last));
    show(this.#cells.get("age"), duration(performance.now() - this.#since));
  }

  end(how) {
    this.render();
    this.element.className = "ended";
    this.set({ state: how });
    passFocus(this.#button, this.#head);
    this.#button.remove();
  }
}

/** A cell below its column's head, which narrow screens show beside it. @param {HTMLTableRowElement} row */
export function addCell(row, column) {
  const cell = row.insertCell();
  const content = document.createElement("span");
  cell.dataset.label = column.textContent;
  cell.className = column.className;
  cell.append(content);
  return content;
}

/** A row that says that there are none. @param {string} words @param {number} columns */
export function emptyRow(words, columns) {
  const row = document.createElement("tr");
  const cell = row.insertCell();
  cell.colSpan = columns;
  cell.textContent = words;
  return row;
}

/**
 * Puts the rows in order and touches only those that are out of place: a focused button must not lose its focus. Where its row goes, the
 * whole list has it.
 * @param {HTMLElement} body @param {HTMLElement[]} elements
 */
export function arrange(body, elements) {
  const wanted = new Set(elements);
  for (const old of [...body.children]) {
    if (wanted.has(/** @type {HTMLElement} */ (old))) continue;
    passFocus(old, body);
    old.remove();
  }
  elements.forEach((element, i) => {
    if (body.children[i] !== element) body.insertBefore(element, body.children[i] ?? null);
  });
}

/** Before something goes: if it has the focus, that moves to what stays, and does not fall to the top of the page. @param {Element} going @param {HTMLElement} staying */
export function passFocus(going, staying) {
  if (!going.contains(document.activeElement)) return;
  staying.tabIndex = -1;
  staying.focus();
}

/** @param {HTMLElement | undefined} element @param {string} text */
export function show(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** @param {Data} data */
export function sizeOf(data) {
  if (typeof data === "number") return data;
  return typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength;
}

/** @param {Data} data */
export function preview(data) {
  return typeof data === "string" ? shorten(data, 40) : `${size(sizeOf(data))} binary`;
}

/** @param {number} number */
export function count(number) {
  return number.toLocaleString("en");
}

/** @param {number} bytes */
export function size(bytes) {
  const [unit, of] = bytes < 1e3 ? ["B", 1] : bytes < 1e6 ? ["kB", 1e3] : bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(bytes / Number(of)).toFixed(1).replace(/\.0$/, "")} ${unit}`;
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}
