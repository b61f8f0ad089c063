// An IMAP session (RFC 3501) that only reads: folders, headers, messages. It knows of no page. Must never change a mailbox: folders are
// examined, not selected, and nothing is marked as seen.

import { folderName } from "./folder-name.js";
import { Room, pairs, readResponse, textOf } from "./response.js";

/** How much of a message is asked for. */
export const MOST_OF_A_MESSAGE = 524_288;

/** @typedef {import("./response.js").Response} Response */
/** @typedef {{ name: string, label: string }} Folder `name` is how the server wants it */
/** @typedef {{ uid: number, isSeen: boolean, size: number, header: Uint8Array }} Summary */

export class Session {
  /** Of the folder that is open. */
  count = 0;
  #io;
  #tags = 0;
  #bye = "";
  /** @type {Error | undefined} */
  #failure;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {{ readLine: any, readExactly: any, write: (data: string | Uint8Array) => Promise<void> }} io */
  constructor(io) {
    this.#io = io;
  }

  /** What the server says first. */
  async greeting() {
    const { status, text } = await this.#read();
    if (status !== "OK" && status !== "PREAUTH") throw new Error(status === "BYE" ? `The server does not want to talk: ${text}` : "This is no IMAP server.");
  }

  async startTls() {
    await this.#command("STARTTLS");
  }

  /** @param {string} user @param {string} password */
  async login(user, password) {
    await this.#command("LOGIN", text(user), text(password));
  }

  /** Those that can be opened. @returns {Promise<Folder[]>} */
  async folders() {
    const found = (await this.#command('LIST "" "*"')).filter(({ name }) => name === "LIST");
    const names = found.filter(({ values }) => !JSON.stringify(values?.[0]).match(/\\\\(noselect|nonexistent)/i)).map(({ values }) => textOf(values?.[2]));
    const isInbox = (name) => /^inbox$/i.test(name);
    names.sort((a, b) => Number(isInbox(b)) - Number(isInbox(a)) || a.localeCompare(b, "en"));
    return names.map((name) => ({ name, label: folderName(name) }));
  }

  /** @param {string} name as the server wants it @returns {Promise<number>} how many messages there are */
  async open(name) {
    this.count = 0;
    await this.#command("EXAMINE", text(name));
    return this.count;
  }

  /** Of these messages, counted from 1, the newest first. @param {number} from @param {number} to @returns {Promise<Summary[]>} */
  async summaries(from, to) {
    if (to < from) return [];
    const found = await this.#command(`FETCH ${from}:${to} (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])`);
    return found
      .filter(({ name }) => name === "FETCH")
      .sort((a, b) => Number(b.number) - Number(a.number))
      .map(({ values }) => {
        const data = pairs(values?.[0]);
        const flags = data.get("FLAGS");
        return {
          uid: Number(data.get("UID")),
          isSeen: Array.isArray(flags) && flags.some((flag) => /^\\seen$/i.test(textOf(flag))),
          size: Number(data.get("RFC822.SIZE")),
          header: bytesOf(data, /^BODY\[HEADER/),
        };
      })
      .filter(({ uid }) => uid > 0);
  }

  /** As it is on the wire, up to MOST_OF_A_MESSAGE bytes. @param {number} uid */
  async message(uid) {
    const found = await this.#command(`UID FETCH ${uid} (BODY.PEEK[]<0.${MOST_OF_A_MESSAGE}>)`);
    const data = found.filter(({ name }) => name === "FETCH").map(({ values }) => pairs(values?.[0]));
    const one = data.find((data) => [...data.keys()].some((key) => key.startsWith("BODY[]")));
    if (!one) throw new Error("This message is gone.");
    return bytesOf(one, /^BODY\[\]/);
  }

  /** Gives the server a chance to say what is new, and keeps the session alive. */
  async poll() {
    await this.#command("NOOP");
  }

  async logout() {
    await this.#command("LOGOUT");
  }

  /**
   * One at a time, in the order of the calls.
   * @param {string} words @param {...Uint8Array} literals arguments that a person has chosen
   * @returns {Promise<Response[]>} what the server said meanwhile
   */
  #command(words, ...literals) {
    const result = this.#last.then(() => this.#converse(words, literals));
    this.#last = result.catch(() => {});
    return result;
  }

  async #converse(words, literals) {
    const tag = `a${++this.#tags}`;
    /** @type {Response[]} */
    const said = [];
    const room = new Room();
    let line = `${tag} ${words}`;
    for (const literal of literals) {
      await this.#io.write(`${line} {${literal.length}}\r\n`);
      for (let next; (next = await this.#read(room)).tag !== "+"; ) if (this.#take(next, tag, said)) throw new Error("The server did not wait for all of it.");
      await this.#io.write(literal);
      line = "";
    }
    await this.#io.write(`${line}\r\n`);
    while (!this.#take(await this.#read(room), tag, said));
    return said;
  }

  /** Whether that was the end of the command. @param {Response} response @param {string} tag @param {Response[]} said */
  #take(response, tag, said) {
    const { status, name, number, text } = response;
    if (response.tag === tag) {
      if (status !== "OK") throw new Error(`The server says: ${text || status}`);
      return true;
    }
    if (status === "BYE") this.#bye = text ?? "";
    if (name === "EXISTS") this.count = number ?? 0;
    said.push(response);
    return false;
  }

  /** Where one response cannot be read, nothing behind it can. @param {Room} [room] */
  async #read(room) {
    if (this.#failure) throw this.#failure;
    const response = await readResponse(this.#io, room).catch((error) => {
      throw (this.#failure = error);
    });
    if (!response) throw new Error(this.#bye ? `The server has ended the session: ${this.#bye}` : "The server has ended the session.");
    return response;
  }
}

/** What a person chose goes as a literal: nothing in it can be taken for a command. @param {string} text */
function text(text) {
  return new TextEncoder().encode(text);
}

/** @param {Map<string, import("./response.js").Value>} data @param {RegExp} pattern of the name */
function bytesOf(data, pattern) {
  const [, value] = [...data].find(([name]) => pattern.test(name)) ?? [];
  return value instanceof Uint8Array ? value : new TextEncoder().encode(textOf(value));
}
