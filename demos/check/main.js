// The network check: shows what survey.js finds, as it finds it. It must never show more digits than a measurement has.

import { announcer } from "/shared/announce.js";
import { copyButtons } from "/shared/copy.js";
import { showSource } from "/shared/source.js";
import { attempt, CARRIERS, requests } from "./survey.js";

const FIELDS = ["open", "round", "added", "down", "up"];
const UNITS = { down: "Mbit/s", up: "Mbit/s" };

const announce = announcer($("announcements"));
const rows = new Map(CARRIERS.map((carrier) => [carrier, row(carrier)]));

$("results").append(...[...rows.values()].map(({ element }) => element));
$("line").textContent = `pageport check ${location.origin}`;
// Not `disabled`, which would take the focus away from whoever has just pressed it.
$("run").addEventListener("click", () => $("run").getAttribute("aria-disabled") !== "true" && run());
copyButtons(document, announce);
showSource($("source"), announce);

async function run() {
  $("run").setAttribute("aria-disabled", "true");
  show("waiting", "Trying plain requests");
  for (const { set } of rows.values()) set({ state: "waits" });
  const found = { gateway: location.origin, requests: undefined, carriers: [], best: null };
  try {
    found.requests = await requests();
    $("requests").textContent = `${digits(found.requests.round)} ms there and back; answers are ${found.requests.answers}.`;
    for (const carrier of CARRIERS) {
      show("waiting", `Trying ${carrier}`);
      rows.get(carrier).set({ state: "is tried" });
      const result = await attempt(carrier, found.requests.round);
      rows.get(carrier).set({ ...result, state: result.works ? "works" : (result.why ?? "does not work") });
      found.carriers.push(result);
      found.best ??= result.works ? carrier : null;
    }
    show(found.best ? "good" : "bad", found.best ? `Best for pages here: ${found.best}` : "No carrier gets through");
  } catch (error) {
    show("bad", `No answer: ${error.message}`);
  }
  $("json").textContent = JSON.stringify(found, (_, value) => (typeof value === "number" ? Number(digits(value)) : value), 2);
  $("report").hidden = false;
  $("run").removeAttribute("aria-disabled");
  $("run").textContent = "Check again";
}

/** @param {"waiting" | "good" | "bad"} state @param {string} words */
function show(state, words) {
  $("state").dataset.state = state;
  $("state").textContent = words;
  announce(`${words}.`);
}

/** @param {string} carrier */
function row(carrier) {
  const element = document.createElement("tr");
  const head = element.appendChild(document.createElement("th"));
  head.scope = "row";
  head.textContent = carrier;
  const cells = new Map(
    ["state", ...FIELDS].map((field) => {
      const column = document.querySelector(`[data-field="${field}"]`);
      const cell = element.appendChild(document.createElement("td"));
      cell.className = column.className;
      cell.dataset.label = column.textContent;
      return [field, cell.appendChild(document.createElement("span"))];
    }),
  );
  const set = (/** @type {Record<string, any>} */ result) => {
    cells.get("state").textContent = result.state;
    for (const field of FIELDS) {
      const value = result[field];
      cells.get(field).textContent = value === undefined ? "" : `${digits(value)} ${UNITS[field] ?? "ms"}`;
    }
  };
  set({ state: "not tried yet" });
  return { element, set };
}

/** Three of them. @param {number} value */
function digits(value) {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
