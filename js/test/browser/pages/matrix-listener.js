// In a page: a listener that looks at every visitor closely, chooses a subprotocol, refuses who asks for it, and
// answers each message with one of its own of the same form and size.

import { damaged, look, payload } from "./payload.js";

export const CHOSEN = "second.example";
export const REFUSAL = { status: 451, reason: "Not for visitors like you" };

/**
 * @typedef {object} Report what the page saw of one visitor
 * @property {string} url
 * @property {[name: string, value: string][]} headers
 * @property {string} peer
 * @property {string} protocol
 * @property {import("./payload.js").Seen[]} received
 * @property {import("./payload.js").Seen[]} sent
 * @property {{ code: number, reason: string, clean: boolean }} [close]
 */

/** @type {Map<string, { report: Report, ended: Promise<void>, end: () => void }>} */
const visits = new Map();

/** @param {string} gateway its origin */
export async function listen(gateway) {
  const { WebSocketListener } = await import(`${gateway}/pageport.js`);
  const listener = new WebSocketListener();
  listener.onconnecting = ({ request, accept, reject }) => {
    visit(request);
    if (new URL(request.url).pathname.endsWith("/refused")) reject(REFUSAL.status, REFUSAL.reason);
    else accept({ protocol: CHOSEN });
  };
  listener.onconnection = ({ socket, request }) => serve(socket, request);
  await new Promise((resolve, reject) => {
    listener.onlistening = resolve;
    listener.onerror = ({ error }) => reject(error);
    listener.onclose = () => reject(new Error("the listener ended"));
  });
  return { url: listener.url, pathUrl: listener.pathUrl };
}

/** What was seen of a visitor, once its connection has ended. @param {string} id @returns {Promise<Report>} */
export async function report(id) {
  const known = visits.get(id);
  if (!known) throw new Error(`nobody came as ${id}`);
  await known.ended;
  return known.report;
}

/** The same at once, for one who was refused. @param {string} id @returns {Report | undefined} */
export function glimpse(id) {
  return visits.get(id)?.report;
}

function visit(request) {
  let end = () => {};
  const ended = new Promise((resolve) => (end = () => resolve(undefined)));
  const report = {
    url: request.url,
    headers: [...request.headers],
    peer: request.peer,
    protocol: "",
    received: [],
    sent: [],
  };
  visits.set(idOf(request), { report, ended, end });
}

function serve(socket, request) {
  const { searchParams } = new URL(request.url);
  const { report, end } = /** @type {NonNullable<ReturnType<typeof visits.get>>} */ (visits.get(idOf(request)));
  const seed = Number(searchParams.get("seed"));
  // A fault on purpose: this answer is changed after it was looked at.
  const fault = Number(searchParams.get("damage") ?? -1);
  report.protocol = socket.protocol;
  socket.binaryType = "arraybuffer";
  let turn = Promise.resolve();
  socket.onmessage = ({ data }) => (turn = turn.then(() => answer(data)));
  socket.onclose = ({ code, reason, wasClean }) => {
    report.close = { code, reason, clean: wasClean };
    turn.then(end);
  };

  async function answer(data) {
    const seen = await look(data);
    report.received.push(seen);
    const number = report.sent.length;
    const own = payload(seen.form, seen.bytes, seed + number);
    report.sent.push(await look(own));
    socket.send(number === fault ? damaged(own) : own);
  }
}

function idOf(request) {
  return new URL(request.url).searchParams.get("id") ?? "";
}
