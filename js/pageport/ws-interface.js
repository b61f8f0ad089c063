/**
 * The WebSocket interface as scripts see it: attributes, constants, and the arguments of its two methods (WHATWG WebSockets §3).
 *
 * Holds no connection: what carries out the methods may be fetched later. Must never deliver an event in the turn of a call.
 */

import { ENCODER, lengthOf } from "./frames.js";
import { CloseEvent, defineConstants, defineHandlers, nextTask } from "./ws-events.js";
import { CLOSED } from "./ws-numbers.js";

/**
 * What a socket shows, field by field, and what carries out its methods.
 * @typedef {object} SocketRecord
 * @property {string} url
 * @property {string} protocol
 * @property {string} extensions
 * @property {0 | 1 | 2 | 3} readyState
 * @property {number} bufferedAmount
 * @property {BinaryType} binaryType
 * @property {(payload: Payload, isText: boolean) => void} send only while it is open; the payload is not the caller's any more
 * @property {(code: number, reason: string) => void} close only before it closes; code 0 stands for none
 */

/** @typedef {Uint8Array<ArrayBuffer> | Blob} Payload */
/** What `close` says. @typedef {{ code: number, reason: string, wasClean?: boolean }} Outcome */

/** @type {WeakMap<object, SocketRecord>} */
const records = new WeakMap();

/** @param {object} socket */
export const recordOf = (socket) => /** @type {SocketRecord} */ (records.get(socket));

export class SocketInterface extends /** @type {InterfaceBase} */ (EventTarget) {
  /** @param {string} url absolute @param {string} [protocol] */
  constructor(url, protocol = "") {
    super();
    const nothing = () => {};
    records.set(this, { url, protocol, extensions: "", readyState: 0, bufferedAmount: 0, binaryType: "blob", send: nothing, close: nothing });
  }

  get binaryType() {
    return recordOf(this).binaryType;
  }
  set binaryType(type) {
    if (/^(blob|arraybuffer)$/.test(type)) recordOf(this).binaryType = /** @type {BinaryType} */ (`${type}`);
  }

  /** @param {string | BufferSource | Blob} data */
  send(data) {
    const record = recordOf(this);
    if (!arguments.length) throw new TypeError("nothing to send");
    const [payload, isText] = payloadOf(data);
    if (!record.readyState) throw new DOMException("not open yet", "InvalidStateError");
    record.bufferedAmount += lengthOf(payload);
    if (record.readyState < 2) record.send(payload, isText);
  }

  /** @param {number} [code] 1000 or 3000…4999 @param {string} [reason] at most 123 bytes in UTF-8 */
  close(code = undefined, reason) {
    const record = recordOf(this);
    const [number, text] = checkClose(code, reason);
    if (record.readyState < 2) record.close(number, text);
  }
}

/** What may be said at the end: a code, 0 for none, and a reason. @param {number} [code] @param {string} [reason] @returns {[number, string]} */
export function checkClose(code, reason = "") {
  const number = code === undefined ? 0 : toShort(code);
  const text = `${reason}`;
  if (code !== undefined && !/^(1000|[34]\d{3})$/.test(`${number}`)) throw new DOMException("code", "InvalidAccessError");
  if (ENCODER.encode(text).length > 123) throw new DOMException("reason", "SyntaxError");
  return [number || (text ? 1000 : 0), text];
}

const { prototype } = SocketInterface;
for (const name of /** @type {(keyof SocketRecord)[]} */ (["url", "protocol", "extensions", "readyState", "bufferedAmount"])) {
  Object.defineProperty(prototype, name, {
    configurable: true,
    get() {
      return recordOf(this)[name];
    },
  });
}
for (const name of ["binaryType", "send", "close", "url", "protocol", "extensions", "readyState", "bufferedAmount"]) Object.defineProperty(prototype, name, { enumerable: true });
Object.defineProperty(prototype, Symbol.toStringTag, { value: "WebSocket", configurable: true });
defineHandlers(SocketInterface, "open", "message", "error", "close");
defineConstants(SocketInterface, "CONNECTING", "OPEN", "CLOSING", "CLOSED");

/**
 * The end, as the platform tells of it: `error` if it failed, and `close`.
 * @param {SocketInterface} socket @param {Outcome} outcome @param {boolean} [isFailed]
 */
export async function tellEnd(socket, outcome, isFailed) {
  recordOf(socket).readyState = CLOSED;
  if (isFailed) {
    socket.dispatchEvent(new Event("error"));
    // As behind every listener of the platform, what its promises do comes first.
    await nextTask();
  }
  socket.dispatchEvent(new CloseEvent("close", outcome));
}

/**
 * What is sent for `data`, which may be of another realm: a copy of its bytes, a Blob, or text.
 * @param {any} data
 * @returns {[payload: Payload, isText: boolean]}
 */
export function payloadOf(data) {
  if (Object(data) === data) {
    if (ArrayBuffer.isView(data)) return [new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(), false];
    for (const [{ prototype }, name] of /** @type {[any, string][]} */ ([[ArrayBuffer, "byteLength"], [Blob, "size"]])) {
      try {
        const size = Reflect.get(prototype, name, data);
        return [name === "size" ? data : size ? new Uint8Array(data).slice() : new Uint8Array(), false];
      } catch {
        // Neither.
      }
    }
  }
  return [ENCODER.encode(`${data}`), true];
}

/** `[Clamp] unsigned short` of Web IDL. @param {any} value */
function toShort(value) {
  const clamped = Math.min(Math.max(+value || 0, 0), 65_535);
  const floor = Math.floor(clamped);
  const rest = clamped - floor;
  // Halves go to the even one.
  return rest > 0.5 || (rest === 0.5 && floor % 2) ? floor + 1 : floor;
}

/**
 * What defineHandlers, the constants and the loop above add.
 * @typedef {Pick<WebSocket, "onopen" | "onmessage" | "onerror" | "onclose" | "addEventListener" | "removeEventListener" | "url" | "protocol"
 *   | "extensions" | "readyState" | "bufferedAmount" | "CONNECTING" | "OPEN" | "CLOSING" | "CLOSED">} SocketAttributes
 * @typedef {{ new (): Pick<EventTarget, "dispatchEvent"> & SocketAttributes } & Pick<typeof WebSocket, "CONNECTING" | "OPEN" | "CLOSING"
 *   | "CLOSED">} InterfaceBase
 */
