// The front page: shows what the gateway says about itself. Must never show more than that, nor guess.

import { isElsewhere } from "./shared/reach.js";

const SERVICES = {
  "listen:websocket": "WebSocket listeners",
  "listen:http": "HTTP listeners",
  "listen:tcp": "TCP listeners on ports",
  "listen:page": "pages that other pages connect to",
  "connect:page": "connections to pages",
  "connect:websocket": "connections to WebSocket servers that the operator allows",
  measure: "measurements",
};

const facts = $("facts");
const state = $("facts-state");

// Whoever reads this on another machine came through the door that --lan opens.
$("lan").hidden = !isElsewhere("localhost");
$("others").hidden = isElsewhere("localhost");

try {
  const response = await fetch("/.well-known/pageport");
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  show(await response.json());
  state.hidden = true;
} catch (error) {
  state.textContent = `The gateway did not answer: ${error.message}.`;
} finally {
  facts.removeAttribute("aria-busy");
}

function show({ version, base, carriers, services, module, limits }) {
  add("Protocol", version && `version ${version}`);
  add("Address", location.origin);
  add("Names under", base && `*.${base}`);
  for (const { kind, url, up, down } of carriers ?? []) add(`Carrier ${kind}`, url ?? `${up}, ${down}`, true);
  add("Offers", services?.map((name) => SERVICES[name] ?? name).join(", "));
  add("Module", module, true);
  add("Streams", limits?.streams && `${limits.streams.toLocaleString("en")} at once for a session`);
  add("Listeners", limits?.listeners && `${limits.listeners} for a session`);
  add("Answers", limits?.answer && `visitors wait ${limits.answer} s for one`);
  add("Patience", limits?.lease && `a session without a network is kept for ${limits.lease} s`);
}

function add(name, value, code = false) {
  if (!value) return;
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  const text = code ? description.appendChild(document.createElement("code")) : description;
  text.textContent = value;
  facts.append(term, description);
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
