// The chat's server: it takes sockets and knows nothing of the page it runs in. Must never trust a guest: names and texts
// are cut to size, nobody floods the room, and nobody who does not read makes it hoard.
//
// A guest says {"join": name} once and {"say": text} after it. The room says {"welcome": {room, you, history}}, then
// {"entry": …} and {"people": […]} whenever there is one, or {"error": text}.

const HISTORY = 50;
export const MOST_GUESTS = 50;
const NAME_CHARACTERS = 24;
const TEXT_CHARACTERS = 1000;
const JOIN_WITHIN_MS = 10_000;
const MOST_BUFFERED = 1_000_000;
/** Messages that a guest may say at once, and how fast he gets new ones. */
const BURST = 10;
const REFILL_MS = 500;

/** @typedef {{ id: number, at: number, kind: "say" | "join" | "leave", who: string, text: string }} Entry */

/** @typedef {import("../shared/connections.js").Connection} Connection */
/** What he may still say before it is too fast. @typedef {{ name: string, left: number, at: number, connection: Connection }} Guest */

/** Tells its host `entry` (the Entry is `detail`) and `people`. */
export class Room extends EventTarget {
  /** So that guests who come back know whether it is still the same room. */
  id = crypto.randomUUID();
  host = "Host";
  /** @type {Entry[]} */
  history = [];
  /** @type {Map<WebSocket, Guest>} */
  #guests = new Map();
  #entries = 0;

  /** Names of all, the host first. */
  get people() {
    return [this.host, ...[...this.#guests.values()].map(({ name }) => name)];
  }

  /** @param {string} text */
  say(text) {
    this.#publish("say", this.host, tidy(text, TEXT_CHARACTERS));
  }

  /** @param {string} name of a guest */
  remove(name) {
    for (const [socket, guest] of this.#guests) if (guest.name === name) socket.close(4003, "Removed by the host");
  }

  /** @param {WebSocket} socket of a new visitor @param {Connection} connection counts what passes */
  enter(socket, connection) {
    const late = setTimeout(() => socket.close(4008, "Nobody joined"), JOIN_WITHIN_MS);
    socket.onmessage = ({ data }) => {
      connection.received(data);
      const { join, say } = parse(data);
      const guest = this.#guests.get(socket);
      if (!guest && typeof join === "string") {
        clearTimeout(late);
        this.#join(socket, connection, join);
      } else if (guest && typeof say === "string") {
        this.#say(socket, guest, say);
      } else {
        socket.close(4000, "Not the language of this room");
      }
    };
    socket.onclose = () => {
      clearTimeout(late);
      const guest = this.#guests.get(socket);
      if (!this.#guests.delete(socket)) return;
      this.#publish("leave", guest.name, "left");
      this.#tellPeople();
    };
  }

  #join(socket, connection, wanted) {
    const name = this.#free(tidy(wanted, NAME_CHARACTERS) || "Guest");
    const { id, history } = this;
    // The history comes first, so that the guest's own arrival is not in it twice.
    tell(socket, connection, { welcome: { room: id, you: name, history } });
    connection.set({ name });
    this.#guests.set(socket, { name, left: BURST, at: Date.now(), connection });
    this.#publish("join", name, "joined");
    this.#tellPeople();
  }

  #say(socket, guest, said) {
    const now = Date.now();
    guest.left = Math.min(BURST, guest.left + (now - guest.at) / REFILL_MS);
    guest.at = now;
    const text = tidy(said, TEXT_CHARACTERS);
    if (guest.left < 1) return tell(socket, guest.connection, { error: "Too fast: this message was left out." });
    guest.left--;
    if (text) this.#publish("say", guest.name, text);
  }

  /** Two people of one name would be hard to tell apart. */
  #free(name) {
    const taken = new Set(this.people);
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name} ${n}`;
    return free;
  }

  #publish(kind, who, text) {
    const entry = { id: ++this.#entries, at: Date.now(), kind, who, text };
    this.history = [...this.history, entry].slice(-HISTORY);
    for (const [socket, { connection }] of this.#guests) tell(socket, connection, { entry });
    this.dispatchEvent(new CustomEvent("entry", { detail: entry }));
  }

  #tellPeople() {
    const { people } = this;
    for (const [socket, { connection }] of this.#guests) tell(socket, connection, { people });
    this.dispatchEvent(new Event("people"));
  }
}

function tell(socket, connection, message) {
  if (socket.bufferedAmount > MOST_BUFFERED) return socket.close(4009, "Too slow");
  const text = JSON.stringify(message);
  socket.send(text);
  connection.sent(text);
}

function parse(data) {
  try {
    return Object(JSON.parse(data));
  } catch {
    return {};
  }
}

/** One line, without characters that could turn or hide the text of others. */
function tidy(text, most) {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim().slice(0, most);
}
