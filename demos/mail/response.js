// What an IMAP server says (RFC 3501 §7, §9), one response at a time: lines of text with literals in them, of which the server says how
// many bytes they have. Must never take more of them than anybody asked for.

/** Bytes of a line, up to its first literal, between two of them, or behind the last. */
const MOST_OF_A_LINE = 65_536;
/** Bytes of all that answers a command: a message is asked for up to a quarter of that. */
const MOST_OF_AN_ANSWER = 2_097_152;
/** What each line counts for besides its bytes, and each literal: an empty one is to be kept, too. */
const PIECE = 64;
const MOST_DEPTH = 32;

/** Text, bytes of a literal, NIL, or a list of them. @typedef {string | Uint8Array | null | Value[]} Value */
/**
 * `tag` is `*` where nobody asked, `+` where the server waits for more, and otherwise that of the command that is over. A status has its
 * `text`, and a `code` in some; data have a `name`, a `number` in some, and `values`.
 * @typedef {{ tag: string, status?: "OK" | "NO" | "BAD" | "BYE" | "PREAUTH", code?: string, text?: string, name?: string, number?: number, values?: Value[] }} Response
 */

/** What may still come for one command. */
export class Room {
  #left = MOST_OF_AN_ANSWER;

  /** @param {number} bytes of a line or a literal */
  take(bytes) {
    this.#left -= bytes + PIECE;
    if (this.#left < 0) throw new Error("The server sends more than was asked for.");
  }
}

/** @param {{ readLine: (most?: number) => Promise<string | undefined>, readExactly: (n: number) => Promise<Uint8Array> }} io @param {Room} [room] @returns {Promise<Response | undefined>} nothing at the end */
export async function readResponse(io, room = new Room()) {
  /** @type {(string | Uint8Array)[]} */
  const pieces = [];
  for (;;) {
    const line = await io.readLine(MOST_OF_A_LINE);
    if (line === undefined) return undefined;
    room.take(line.length);
    const [mark, length] = /\{(\d{1,10})\}$/.exec(line) ?? [];
    pieces.push(mark ? line.slice(0, -mark.length) : line);
    if (!mark) return parse(pieces);
    room.take(Number(length));
    pieces.push(await io.readExactly(Number(length)));
  }
}

/** @param {(string | Uint8Array)[]} pieces text, and the literals in it @returns {Response} */
function parse(pieces) {
  const [, tag, rest] = /^(\S+) ?(.*)$/s.exec(/** @type {string} */ (pieces[0])) ?? [undefined, "*", ""];
  if (tag === "+") return { tag, text: rest };
  const [, status, code, text] = /^(OK|NO|BAD|BYE|PREAUTH)(?: \[([^\]]*)\])?(?: (.*))?$/is.exec(rest) ?? [];
  if (status) return { tag, status: /** @type {any} */ (status.toUpperCase()), code, text: text ?? "" };
  const values = new Reader([rest, ...pieces.slice(1)]).list();
  const number = /^\d+$/.test(String(values[0])) ? Number(values.shift()) : undefined;
  return { tag, name: String(values.shift() ?? "").toUpperCase(), number, values };
}

/** Reads values from text and literals. */
class Reader {
  #pieces;
  #piece = 0;
  #at = 0;

  /** @param {(string | Uint8Array)[]} pieces */
  constructor(pieces) {
    this.#pieces = pieces;
  }

  /** Up to the bracket that ends it, or the end of all. @returns {Value[]} */
  list(depth = 0) {
    if (depth > MOST_DEPTH) throw new Error("The server nests lists too deeply.");
    /** @type {Value[]} */
    const values = [];
    for (;;) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined) return values;
      if (typeof piece !== "string") {
        values.push(piece);
        this.#next();
      } else if (this.#at >= piece.length) this.#next();
      else if (piece[this.#at] === " ") this.#at++;
      else if (piece[this.#at] === "(") {
        this.#at++;
        values.push(this.list(depth + 1));
      } else if (piece[this.#at] === ")") {
        this.#at++;
        if (depth) return values;
      } else values.push(this.#word(piece));
    }
  }

  #next() {
    this.#piece++;
    this.#at = 0;
  }

  #word(piece) {
    // In square brackets there may be anything: BODY[HEADER.FIELDS (FROM)] is one word.
    const word = /"((?:[^"\\]|\\.)*)"?|(?:\[[^\]]*\]?|[^\s()"[])+/y;
    word.lastIndex = this.#at;
    const [whole, quoted] = word.exec(piece) ?? [piece[this.#at]];
    this.#at += whole.length;
    if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
    return /^nil$/i.test(whole) ? null : whole;
  }
}

/** A value as text. @param {Value | undefined} value */
export function textOf(value) {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : typeof value === "string" ? value : "";
}

/** A list of names and values, such as those of a FETCH, by their names. @param {Value | undefined} list @returns {Map<string, Value>} */
export function pairs(list) {
  const found = new Map();
  if (Array.isArray(list)) for (let i = 0; i + 1 < list.length; i += 2) found.set(textOf(list[i]).toUpperCase(), list[i + 1]);
  return found;
}
