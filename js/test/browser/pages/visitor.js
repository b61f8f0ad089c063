// In a page, or in Node with a WebSocket of its own: an ordinary client that follows a plan, one message after the
// other's answer. It must know nothing of the module.

import { damaged, look, payload } from "./payload.js";

/**
 * @typedef {object} Visit what a client saw
 * @property {boolean} opened
 * @property {string} protocol
 * @property {import("./payload.js").Seen[]} sent
 * @property {import("./payload.js").Seen[]} received
 * @property {{ code: number, clean: boolean }} close
 */

/**
 * @param {WebSocket} socket that is connecting
 * @param {{ plan: import("./payload.js").Plan, seed: number, damage?: number }} options `damage` is the number of a message
 *   that is changed after it was looked at
 * @returns {Promise<Visit>}
 */
export function follow(socket, { plan, seed, damage = -1 }) {
  /** @type {Visit} */
  const visit = { opened: false, protocol: "", sent: [], received: [], close: { code: 0, clean: false } };
  socket.binaryType = "arraybuffer";

  async function next() {
    const number = visit.sent.length;
    if (number === plan.length) return socket.close(1000);
    const message = payload(...plan[number], seed + number);
    visit.sent.push(await look(message));
    socket.send(number === damage ? damaged(message) : message);
  }

  return new Promise((resolve) => {
    socket.onopen = () => {
      visit.opened = true;
      visit.protocol = socket.protocol;
      next();
    };
    socket.onmessage = async ({ data }) => {
      visit.received.push(await look(data));
      next();
    };
    // What is wrong stands in the close event.
    socket.onerror = () => {};
    socket.onclose = ({ code, wasClean }) => {
      visit.close = { code, clean: wasClean };
      resolve(visit);
    };
  });
}

/** @param {string} url @param {string[]} protocols @param {Parameters<typeof follow>[1]} options */
export function visit(url, protocols, options) {
  return follow(new WebSocket(url, protocols), options);
}
