// Who is on a channel, as the server tells it. Must never trust that it tells everything in order: whoever speaks is there.

import { folded } from "./message.js";

/** More than anybody reads, and a bound on what a server can make a page keep. */
const MOST_PEOPLE = 5000;

export class Channel {
  topic = "";
  /** By their folded names. @type {Map<string, { nick: string, mark: string }>} */
  #people = new Map();
  /** Names that have come of a list that has not ended. @type {Map<string, { nick: string, mark: string }> | undefined} */
  #listed;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** With the mark of operators (@) or of those who may speak (+), in the order of their names. */
  get people() {
    const rank = ({ mark }) => "@+".indexOf(mark) >>> 0;
    return [...this.#people.values()].sort((a, b) => rank(a) - rank(b) || a.nick.localeCompare(b.nick, "en"));
  }

  /** A part of the list of names: 353. @param {string} names */
  list(names) {
    this.#listed ??= new Map();
    for (const word of names.split(" ").filter(Boolean)) {
      const [, marks, nick] = /^([~&@%+]*)(.*)$/.exec(word);
      if (nick && this.#listed.size < MOST_PEOPLE) this.#listed.set(folded(nick), { nick, mark: /[~&@%]/.test(marks) ? "@" : marks.slice(0, 1) });
    }
  }

  /** The end of the list: 366. */
  listed() {
    this.#people = this.#listed ?? new Map();
    this.#listed = undefined;
  }

  has(nick) {
    return this.#people.has(folded(nick));
  }

  /** @param {string} nick */
  joined(nick) {
    if (!this.has(nick) && this.#people.size < MOST_PEOPLE) this.#people.set(folded(nick), { nick, mark: "" });
  }

  /** Whether he was there. @param {string} nick */
  left(nick) {
    return this.#people.delete(folded(nick));
  }

  /** Whether he was there. @param {string} from @param {string} to */
  renamed(from, to) {
    const person = this.#people.get(folded(from));
    if (!person) return false;
    this.#people.delete(folded(from));
    this.#people.set(folded(to), { ...person, nick: to });
    return true;
  }
}
