// A guest of a chat. The room is a page somewhere; all this needs is the browser's own WebSocket.

import { announcer } from "../../shared/announce.js";
import { showSource } from "../../shared/source.js";
import { spoken, Talk } from "../talk.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** Said by the room with its own reasons: trying again would not help. */
const REFUSED = [4000, 4003];

const announce = announcer($("announcements"));
const talk = new Talk($("talk"));
let socket;
let room;
let lastSeen = 0;
let onTheWay = 0;
let attempt = 0;
let timer;

for (const details of document.querySelectorAll("details.source")) showSource(details, announce);
$("join").addEventListener("submit", (event) => (event.preventDefault(), connect()));
$("say").addEventListener("submit", (event) => (event.preventDefault(), say()));
$("now").addEventListener("click", () => connect());
addEventListener("online", () => timer && connect());
addEventListener("hashchange", () => location.reload());
// The fragment names the room here, so skipping must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});

const name = location.hash.slice(1);
if (!/^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/.test(name)) {
  $("join").hidden = $("now").hidden = true;
  show("bad", "No room", "This link names no room. Ask the host for a new one.");
}

function connect() {
  clearTimeout(timer);
  timer = undefined;
  $("join").hidden = true;
  $("inside").hidden = false;
  if (!room) $("text").focus();
  show("waiting", "Connecting");
  socket?.close();
  const mine = (socket = new WebSocket(`${location.origin.replace("http", "ws")}/@${name}/`));
  socket.onopen = () => tell({ join: $("name").value });
  socket.onmessage = ({ data }) => mine === socket && hear(JSON.parse(data));
  socket.onclose = (event) => mine === socket && lost(event);
}

function hear({ welcome, entry, people, error }) {
  if (welcome) enter(welcome);
  if (entry) add(entry);
  if (people) showPeople(people);
  if (error) note(error);
}

function enter({ room: id, you, history }) {
  attempt = 0;
  if (room && room !== id) {
    talk.clear();
    talk.note("The host started a new room.");
    lastSeen = 0;
  }
  room = id;
  talk.me = you;
  // What was on its way when the connection broke may or may not have arrived: the history tells.
  onTheWay = 0;
  show("good", `Connected as ${you}`);
  for (const entry of history) add(entry, true);
}

function add(entry, old = false) {
  if (entry.id <= lastSeen) return;
  lastSeen = entry.id;
  talk.add(entry);
  const mine = entry.who === talk.me;
  if (mine && entry.kind === "say" && onTheWay) onTheWay--;
  if (!mine && !old) announce(spoken(entry));
  showWaiting();
}

function say() {
  const text = $("text").value.trim();
  if (!text) return;
  if (!talk.me || socket.readyState !== WebSocket.OPEN) return announce("Not connected: the message was not sent.");
  tell({ say: text });
  onTheWay++;
  showWaiting();
  $("text").value = "";
  $("text").focus();
}

function lost({ code, reason }) {
  showPeople([]);
  if (REFUSED.includes(code)) return show("bad", "Out of the room", `${reason}.`);
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt++) * (0.5 + Math.random() / 2);
  const words = `Trying again in ${Math.ceil(wait / 1000)} s.`;
  show("waiting", room ? "Disconnected" : "No answer", room ? words : `${words} Is the host’s tab still open?`);
  timer = setTimeout(connect, wait);
}

function note(text) {
  onTheWay = 0;
  showWaiting();
  talk.note(text);
  announce(text);
}

function show(state, words, more = "") {
  if ($("state").textContent !== words) announce(`${words}. ${more}`);
  $("state").dataset.state = state;
  $("state").textContent = words;
  $("more").textContent = more;
  $("trouble").hidden = !more;
}

function showWaiting() {
  $("on-the-way").textContent = onTheWay ? `${onTheWay} of your messages on the way…` : "";
}

function showPeople(people) {
  const items = people.map((person) => {
    const item = document.createElement("li");
    item.textContent = person === talk.me ? `${person} (you)` : person;
    return item;
  });
  $("people").replaceChildren(...items);
  $("people").hidden = !people.length;
  $("nobody").hidden = Boolean(people.length);
  $("nobody").textContent = "Not connected, so nobody is seen.";
  $("people-title").textContent = people.length ? `People (${people.length})` : "People";
}

function tell(message) {
  socket.send(JSON.stringify(message));
}

/** @returns {any} */
function $(id) {
  return document.getElementById(id);
}
