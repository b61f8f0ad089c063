/**
 * What bytes are read as and how they are written again, in the words of spec/vectors/README.md: for the vectors and for
 * the differential test. `crates/proto/tests/it/decoded.rs` is its twin.
 */

import { readFileSync, readdirSync } from "node:fs";
import * as codes from "../pageport/codes.js";
import { fail } from "../pageport/errors.js";
import { decode as decodeMessage, join, sizeOf } from "../pageport/frames.js";
import { parseWelcome } from "../pageport/heads.js";
import { parse } from "../pageport/json.js";
import { parseListening, parsePort, parseReply, parseTls } from "../pageport/replies.js";
import { ints, MAX, peekInt } from "../pageport/varint.js";
import { parseVisit } from "../pageport/visit.js";

/** @typedef {import("../pageport/frames.js").Frame} Frame */
/** @typedef {import("../pageport/frames.js").Part} Part */
/** @typedef {{ kind: string, about: string, vectors: Vector[] }} VectorFile */
/**
 * @typedef {object} Vector
 * @property {string} name
 * @property {string} why
 * @property {string} [hex]
 * @property {string | (string | [string, number])[]} [json]
 * @property {string} [encodes_as]
 * @property {string} [error]
 * @property {any} [value]
 * @property {any[]} [frames]
 */

/** Types of frames and flags of DATA, as the specification has them. */
const TYPES = [0x00, 0x02, 0x04, 0x06, 0x08, 0x0a, 0x0c, 0x0e, 0x10, 0x12, 0x14, 0x16, 0x19];
const [HELLO, WELCOME, RESUME, DATA, ACK, RESET, STOP, PING, PONG, GOAWAY, DETACH, CLOSE, DATAGRAM] = TYPES;
const [FIN, BLOCKED] = [1, 2];

/** Kinds that a page reads; it only writes the others. */
export const KINDS = ["varint", "message", "json", "welcome", "visit", "listening reply", "port reply", "tls reply"];

/** @returns {VectorFile[]} */
export function vectorFiles() {
  const folder = new URL("../../spec/vectors/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  return names.map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")));
}

/** The input of a vector. @param {Vector} vector @returns {Uint8Array} */
export function inputOf({ hex, json }) {
  if (hex !== undefined) return unhex(hex);
  const text = typeof json === "string" ? json : json.map((part) => plain(part)).join("");
  return new TextEncoder().encode(text);
}

/**
 * @param {string} kind
 * @param {Uint8Array} bytes
 * @returns {{ value: any, encoded?: Uint8Array }} fails with the code that refuses the bytes
 */
export function decode(kind, bytes) {
  switch (kind) {
    case "varint": {
      const [value, at] = peekInt(bytes, 0);
      if (at !== bytes.length || !(value <= MAX)) fail(codes.FRAME_MALFORMED);
      return { value, encoded: Uint8Array.from(ints(value)) };
    }
    case "message": {
      const read = decodeMessage(bytes);
      return { value: read.map(valueOf), encoded: join(read.flatMap(partsOf)) };
    }
    case "json":
      parse(bytes, codes.HEAD_INVALID);
      return { value: null };
    case "welcome":
      return { value: { version: 1, ...defined(parseWelcome(bytes)) } };
    case "visit":
      return { value: parseVisit(parse(bytes, codes.HEAD_INVALID)) };
    case "port reply":
    case "tls reply":
    case "listening reply": {
      const reply = /** @type {any} */ (parseReply(parse(bytes, codes.HEAD_INVALID)));
      if (reply.ok && kind === "tls reply") return { value: { ok: true, tls: parseTls(reply) } };
      if (reply.ok && kind === "port reply") return { value: { ok: true, ...parsePort(reply) } };
      if (reply.ok) {
        const { pathUrl, ...place } = parseListening(reply);
        return { value: { ok: true, ...place, path_url: pathUrl } };
      }
      const { error, message, status, retry_after } = reply;
      return { value: defined({ error, message, status, retry_after }) };
    }
  }
  throw new Error(`no such kind: ${kind}`);
}

/** `2e*1200 00` → bytes. @param {string} groups */
export function unhex(groups) {
  const once = groups.split(" ").map((group) => {
    const [digits, times = "1"] = group.split("*");
    return Buffer.from(digits.repeat(Number(times)), "hex");
  });
  return Uint8Array.from(Buffer.concat(once));
}

/** @param {Uint8Array} bytes */
export const hex = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

/** Without the short notations: repeated texts, groups of bytes. @param {any} value @param {string} [key] @returns {any} */
export function plain(value, key) {
  if (typeof value === "string" && (key === "bytes" || key === "payload")) return hex(unhex(value));
  if (Array.isArray(value)) {
    const [text, times] = value;
    if (value.length === 2 && typeof text === "string" && typeof times === "number") return text.repeat(times);
    return value.map((item) => plain(item));
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, name)]));
}

/** @param {object} fields */
function defined(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** @param {[id: number, received: number, limit: number]} entry */
const entryValue = ([stream, received, limit]) => ({ stream, received, limit });

/** @param {Frame} frame */
function valueOf([type, a, b, c, d, e]) {
  switch (type) {
    case HELLO:
      return { type: "HELLO", payload: hex(a) };
    case WELCOME:
      return { type: "WELCOME", payload: hex(a) };
    case RESUME: {
      const entries = c.map((/** @type {any} */ entry) => {
        const [, , , code, final, stop] = entry;
        return defined({ ...entryValue(entry), reset: code === undefined ? undefined : { code, final }, stop });
      });
      return { type: "RESUME", end: a === 1, highest: b, entries };
    }
    case DATA: {
      const marks = defined({ fin: c === FIN || undefined, blocked: c === BLOCKED || undefined });
      return { type: "DATA", stream: a, offset: b, ...marks, bytes: hex(d) };
    }
    case ACK:
      return { type: "ACK", entries: a.map(entryValue) };
    case RESET:
      return { type: "RESET", stream: a, code: b, final: c };
    case STOP:
      return { type: "STOP", stream: a, code: b };
    case PING:
      return { type: "PING", bytes: hex(a) };
    case PONG:
      return { type: "PONG", bytes: hex(a) };
    case GOAWAY:
      return { type: "GOAWAY", last: a, deadline: b, reason: c, retry_min: d, retry_max: e };
    case DETACH:
      return { type: "DETACH", code: a, message: b };
    case CLOSE:
      return { type: "CLOSE", code: a, message: b };
    case DATAGRAM:
      return { type: "DATAGRAM", flow: a, bytes: hex(b) };
    default:
      // Whatever the module calls it, only an unknown frame that may be skipped gets here.
      return { type: "SKIPPED" };
  }
}

/** The frame as bytes. @param {Frame} frame @returns {Part[]} */
function partsOf([type, a, b, c, d, e]) {
  if (!TYPES.includes(type)) return [];
  const payload = (() => {
    switch (type) {
      case RESUME: {
        const entries = c.map((/** @type {number[]} */ [id, received, limit, code, final, stop]) => {
          const reset = code === undefined ? [] : ints(code, final);
          const pending = (reset.length ? 1 : 0) | (stop === undefined ? 0 : 2);
          return [...ints(id, received, limit), pending, ...reset, ...(stop === undefined ? [] : ints(stop))];
        });
        return [[a], ints(b), ...entries];
      }
      case DATA:
        return [ints(a, b), [c], d];
      case ACK:
        return a.map((/** @type {number[]} */ entry) => ints(...entry));
      case RESET:
        return [ints(a, b, c)];
      case STOP:
        return [ints(a, b)];
      case GOAWAY:
        return [ints(a, b, c, d, e)];
      case DETACH:
      case CLOSE:
        return [ints(a), new TextEncoder().encode(b)];
      case DATAGRAM:
        return [ints(a), b];
      default:
        return [a];
    }
  })();
  return [ints(type, sizeOf(payload)), ...payload];
}
