// What a message is made of (RFC 5322, RFC 2045 to 2047): headers, parts, and the text that a person reads. Must never give anything but
// text, and never look deeper or wider than mail really is, nor at the same of it again and again.

import { base64, binary, bytesOf, decode, decodeWords, quotedPrintable } from "./words.js";

const MOST_DEPTH = 10;
const MOST_PARTS = 200;

/** By their names in lower case; of those that come twice the first. @typedef {Map<string, string>} Headers */
/** @typedef {{ type: string, name: string, size: number }} Part what there is beside the text */
/** @typedef {{ headers: Headers, text: string, isHtml: boolean, others: Part[] }} Message */

/** @param {Uint8Array} bytes @returns {Headers} decoded */
export function headersOf(bytes) {
  return split(binary(bytes)).headers;
}

/** @param {Uint8Array} bytes as on the wire; the end may be missing @returns {Message} */
export function read(bytes) {
  const leaves = [];
  const { headers, body } = split(binary(bytes));
  walk(headers, body, leaves, 0);
  const isText = ({ type, isAttached }) => type.startsWith("text/") && !isAttached;
  const shown = leaves.find((leaf) => leaf.type === "text/plain" && !leaf.isAttached) ?? leaves.find(isText);
  const isHtml = shown?.type === "text/html";
  const text = shown ? decode(shown.bytes, shown.charset).replaceAll("\r\n", "\n") : "";
  const others = leaves.filter((leaf) => leaf !== shown).map(({ type, name, bytes }) => ({ type, name, size: bytes.length }));
  return { headers, text: isHtml ? withoutMarkup(text) : text, isHtml, others };
}

/** @param {string} message one character a byte */
function split(message) {
  const head = message.slice(0, headEnd(message));
  /** @type {Headers} */
  const headers = new Map();
  for (const [, name, value] of head.replace(/\r?\n(?=[ \t])/g, "").matchAll(/^([!-9;-~]+)[ \t]*:[ \t]*(.*?)\r?$/gm)) {
    // Some send headers in UTF-8 as they are (RFC 6532).
    if (!headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), decodeWords(decode(bytesOf(value))));
  }
  return { headers, body: message.slice(head.length).replace(/^\r?\n/, "") };
}

/** Where the first empty line is. @param {string} message */
function headEnd(message) {
  for (let at = 0, end; ; at = end + 1) {
    end = message.indexOf("\n", at);
    if (end < 0) return message.length;
    if (end === at || (end === at + 1 && message[at] === "\r")) return at;
  }
}

/** @param {Headers} headers @param {string} body @param {any[]} leaves @param {number} depth */
function walk(headers, body, leaves, depth) {
  const { value: type, parameters } = field(headers.get("content-type") ?? "text/plain");
  if (type.startsWith("multipart/") && parameters.boundary && depth < MOST_DEPTH) {
    for (const part of partsOf(body, parameters.boundary)) {
      if (leaves.length >= MOST_PARTS) return;
      const inner = split(part);
      walk(inner.headers, inner.body, leaves, depth + 1);
    }
    return;
  }
  const { value: disposition, parameters: more } = field(headers.get("content-disposition") ?? "");
  const encoding = (headers.get("content-transfer-encoding") ?? "").trim().toLowerCase();
  const bytes = encoding === "base64" ? base64(body) : encoding === "quoted-printable" ? quotedPrintable(body) : bytesOf(body);
  leaves.push({ type, charset: parameters.charset, name: more.filename ?? parameters.name ?? "", isAttached: disposition === "attachment", bytes });
}

/** Between the lines with the boundary; the last one may lack its end. @param {string} body @param {string} boundary */
function partsOf(body, boundary) {
  const parts = [];
  let start = -1;
  for (let at = 0; at <= body.length; ) {
    const end = body.indexOf("\n", at) < 0 ? body.length : body.indexOf("\n", at) + 1;
    const line = body.slice(at, end).trimEnd();
    if (line === `--${boundary}` || line === `--${boundary}--`) {
      if (start >= 0) parts.push(body.slice(start, at).replace(/\r?\n$/, ""));
      start = line.endsWith("--") && line.length > boundary.length + 2 ? -1 : end;
      if (start < 0 || parts.length >= MOST_PARTS) return parts;
    }
    if (end === at || end === body.length) break;
    at = end;
  }
  if (start >= 0) parts.push(body.slice(start));
  return parts;
}

/** `text/plain; charset="utf-8"`, also in the form for other charsets (RFC 2231). @param {string} header */
function field(header) {
  /** @type {Record<string, string>} */
  const parameters = Object.create(null);
  for (const [, name, star, quoted, plain] of header.matchAll(/;\s*([^\s=*;]+)(\*)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g)) {
    const value = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    const [charset, , coded] = star ? value.split("'", 3) : [];
    parameters[name.toLowerCase()] = coded === undefined ? value : decode(quotedPrintable(coded.replaceAll("%", "=")), charset);
  }
  return { value: header.split(";", 1)[0].trim().toLowerCase(), parameters };
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** What begins a comment, something that nobody reads, or a new line; or any other tag. */
const TAG = /<(?:(!--|(?:script|style|head|title)\b)|((?:br|\/(?:p|div|tr|li|h\d))\b)|(?=[a-z/!?]))/gi;
/** And what ends it. @type {Record<string, RegExp>} */
const ENDS = { "!--": /-->/g, script: /<\/script\s*>/gi, style: /<\/style\s*>/gi, head: /<\/head\s*>/gi, title: /<\/title\s*>/gi, tag: />/g };

/** The words of HTML, for mail that has nothing else. They are shown as text: what is overlooked here is ugly, and does nothing. @param {string} html */
function withoutMarkup(html) {
  return untagged(html.replace(/\s+/g, " "))
    .replace(/ +/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
      const code = decimal ? Number(decimal) : hex ? parseInt(hex, 16) : undefined;
      if (code === undefined) return ENTITIES[name.toLowerCase()] ?? whole;
      return code > 31 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    })
    .trim();
}

/** Without tags, comments, and what nobody reads. @param {string} html */
function untagged(html) {
  // An end that is not ahead will not be ahead later on: nobody looks for it twice.
  const missing = new Set();
  const endOf = (what, from) => {
    if (missing.has(what)) return 0;
    ENDS[what].lastIndex = from;
    if (!ENDS[what].test(html)) missing.add(what);
    return ENDS[what].lastIndex;
  };
  let text = "";
  let done = 0;
  for (const { 0: tag, 1: hidden, 2: isBreak, index } of html.matchAll(TAG)) {
    // Within what has gone already.
    if (index < done) continue;
    const from = index + tag.length;
    const end = (hidden && endOf(hidden.toLowerCase(), from)) || endOf("tag", from);
    if (!end) continue;
    text += html.slice(done, index) + (isBreak ? "\n" : "");
    done = end;
  }
  return text + html.slice(done);
}
