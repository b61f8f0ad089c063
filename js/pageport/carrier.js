/**
 * The `websocket` carrier (spec/protocol.md §9) over a native WebSocket.
 *
 * Must never hoard: what it cannot send soon stays with the session, which knows what is urgent.
 */

import { MESSAGE, QUEUE, QUEUE_TIME } from "./limits.js";

/**
 * What every carrier is to the session; it calls back with each message that has come, and when it has opened or is gone.
 * @typedef {object} Transport
 * @property {"webtransport" | "websocket" | "http"} name
 * @property {() => number} room how many bytes it takes now; NaN while it is not open, or when it says by itself that there is room
 * @property {(message: Uint8Array<ArrayBuffer>) => void} send
 * @property {() => void} close what was sent still leaves
 * @property {Uint8Array<ArrayBuffer>} [memory] where a message may be put together, if the carrier is done with it when send() returns
 */
/** @typedef {[onmessage: (message: Uint8Array) => void, onchange: (isGone: boolean) => void]} Callbacks */

export class WebSocketCarrier {
  /** @readonly */
  name = "websocket";
  #socket;
  /** Where messages are put together: new memory for each would cost more than what is put there. @type {Uint8Array<ArrayBuffer> | undefined} */
  memory;
  /** Bytes queued at the last look, and since. */
  #queued = 0;
  #at = 0;
  /** Bytes a millisecond. */
  #rate = 0;

  /**
   * @param {string} gateway an origin
   * @param {typeof globalThis.WebSocket} WebSocket
   * @param {(message: Uint8Array) => void} onmessage
   * @param {(isGone: boolean) => void} onchange it has opened, or is gone
   */
  constructor(gateway, WebSocket, onmessage, onchange) {
    const socket = (this.#socket = new WebSocket(gateway.replace("http", "ws") + "/link", "pageport.v1"));
    socket.binaryType = "arraybuffer";
    // Platforms copy what is sent before send() returns. Node's package `ws`, which has on(), may not.
    if (!("on" in socket)) this.memory = new Uint8Array(MESSAGE);
    // No text belongs here: it counts as an empty message, which is malformed as well.
    socket.onmessage = ({ data }) => onmessage(new Uint8Array(data.big ? 0 : data));
    socket.onopen = socket.onclose = socket.onerror = ({ type }) => onchange(type !== "open");
  }

  /** How many bytes it takes now; NaN while it is not open. */
  room() {
    const { readyState, bufferedAmount } = this.#socket;
    const ms = performance.now() - this.#at;
    if (this.#queued && ms > 1) {
      const rate = (this.#queued - bufferedAmount) / ms;
      // A queue that ran empty was faster than that.
      this.#rate = bufferedAmount ? (this.#rate + rate) / 2 : Math.max(this.#rate, rate);
      this.#at += ms;
      this.#queued = bufferedAmount;
    }
    return readyState === 1 ? Math.max(QUEUE, this.#rate * QUEUE_TIME) - this.#queued : NaN;
  }

  /** @param {Uint8Array<ArrayBuffer>} message */
  send(message) {
    if (!this.#queued) this.#at = performance.now();
    this.#queued += message.length;
    this.#socket.send(message);
  }

  /** What was sent still leaves. */
  close() {
    this.#socket.close();
  }
}
