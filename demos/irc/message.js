// Messages of IRC (RFC 1459 §2.3, RFC 2812 §2.3) as lines of text. Must never let a word of a person become a message of its own:
// whatever would end a line, or a parameter, does not get into one.

/** Bytes of a message, with its end. */
const MOST_BYTES = 512;
/** What a server puts in front when it passes a message on: `:nick!user@host `. */
const MOST_PREFIX = 120;

/** @typedef {{ nick: string, command: string, params: string[] }} Message `nick`: who sent it, or the name of the server; empty where that is not said */

/** @param {string} line without its end @returns {Message | undefined} nothing where the line is no message */
export function parse(line) {
  const [, prefix = "", command, rest] = /^(?:@[^ ]* +)?(?::([^ ]+) +)?([a-z]+|\d{3})((?: .*)?)$/i.exec(line) ?? [];
  if (!command) return;
  const params = [];
  for (let at = rest; (at = at.replace(/^ +/, "")); ) {
    if (at[0] === ":") {
      params.push(at.slice(1));
      break;
    }
    const [word] = at.split(" ", 1);
    params.push(word);
    at = at.slice(word.length);
  }
  return { nick: prefix.split("!", 1)[0], command: command.toUpperCase(), params };
}

/** A message with its end. The last parameter may be any text, the others are words. @param {string} command @param {string[]} params */
export function format(command, ...params) {
  const last = params.length - 1;
  const words = params.map((param, i) => {
    if (/[\0\r\n]/.test(param)) throw new Error("There is a line break in this.");
    if (i < last && !/^[^ :][^ ]*$/.test(param)) throw new Error(`"${param}" is no single word.`);
    return i === last && !/^[^ :][^ ]*$/.test(param) ? `:${param}` : param;
  });
  const line = `${[command, ...words].join(" ")}\r\n`;
  if (new TextEncoder().encode(line).length > MOST_BYTES) throw new Error("This is too long for one message.");
  return line;
}

/** Pieces of a text, each of which fits into a message to `target` for everybody who gets it. Never cuts a character in two. @param {string} target @param {string} text */
export function pieces(target, text) {
  const encoder = new TextEncoder();
  const room = MOST_BYTES - MOST_PREFIX - encoder.encode(`PRIVMSG ${target} :\r\n`).length;
  const parts = [];
  let part = "";
  let bytes = 0;
  for (const character of text) {
    const more = encoder.encode(character).length;
    if (bytes + more > room) {
      parts.push(part);
      part = "";
      bytes = 0;
    }
    part += character;
    bytes += more;
  }
  if (part) parts.push(part);
  return parts;
}

/** Names that differ only so are one name (RFC 2812 §2.2). @param {string} name */
export function folded(name) {
  return name.toLowerCase().replace(/[[\]\\~]/g, (character) => ({ "[": "{", "]": "}", "\\": "|", "~": "^" })[character]);
}

/** What somebody is said to do (CTCP ACTION), and text without the marks for colours and bold type. @param {string} text */
export function spoken(text) {
  const [, action] = /^\x01ACTION ?([^\x01]*)\x01?$/.exec(text) ?? [];
  return { isAction: action !== undefined, text: (action ?? text).replace(/\x03(\d{1,2}(,\d{1,2})?)?|[\0-\x08\x0b-\x1f\x7f]/g, "") };
}
