/**
 * One visitor of `serve` (spec/protocol.md §7.3): a stream becomes a Request, and a Response goes back.
 *
 * Must never tell a visitor why a handler failed, nor end a response cleanly that is not whole.
 */

import { HEAD_INVALID, INVALID_ARGUMENT, INVALID_STATE } from "./codes.js";
import { reply } from "./core.js";
import { fail, PageportError } from "./errors.js";
import { check } from "./json.js";
import { publish } from "./streams.js";
import { HEADERS, parseVisit } from "./visit.js";

/** @typedef {import("./ws-socket.js").ListenerSocket} ListenerSocket */
/** @typedef {{ protocol?: string, maxMessage?: number, maxFragments?: number }} UpgradeInit */
/**
 * @typedef {object} VisitorInfo
 * @property {string} peer the same for connections from the same address
 * @property {Headers} headers what the answer gets besides the fields of the Response: how to set cookies, since browsers take them
 *   out of a Response
 * @property {(init?: UpgradeInit) => { socket: ListenerSocket, response: Response }} upgradeWebSocket for a visitor who asks for it
 *   (`upgrade: websocket`); whoever returns the response accepts
 */
/**
 * A body that nobody reads when the answer has been sent is stopped, those of clones too. A reader that was taken and given up unreleased
 * leaves it open: release or cancel it.
 * @typedef {(request: Request, info: VisitorInfo) => Response | Promise<Response>} Handler
 */

/** @param {import("./listening.js").Listening} listening @param {import("./stream.js").Stream} stream @param {import("./json.js").Json} head */
export function meet({ session, role }, stream, head) {
  converse(session, stream, parseVisit(head), /** @type {Handler} */ (role.handler));
}

/**
 * @param {import("./session.js").Session} session
 * @param {import("./stream.js").Stream} stream
 * @param {import("./visit.js").Visit} visit
 * @param {Handler} handler
 */
async function converse(session, stream, { kind, method, url, headers, peer }, handler) {
  const { core } = session;
  const gone = new AbortController();
  const duplex = publish(session, stream, () => {
    const why = Math.max(stream.failed, stream.reset);
    if (why >= 0) gone.abort(new PageportError(why));
  });
  const { readable, writable } = duplex;

  /** The request and its clones. @type {Request[]} */
  const requests = [];
  let response = /** @type {Response} */ (/** @type {unknown} */ (undefined));
  /** @type {{ response: Response, open: (stream: import("./ws-connection.js").ByteDuplex) => void, cancel: (why?: any) => void } | undefined} */
  let upgrade;
  const more = new Headers();
  /** @param {Headers} [more] */
  const say = (more) => {
    reply(core, stream, { ok: true, status: response.status, headers: fieldsOf(response, more) });
    session.poke();
  };
  try {
    const { ListenerSocket } = kind === "websocket" ? await import("./ws-socket.js") : {};
    const asked = new Headers(ListenerSocket ? [...headers, ["upgrade", kind]] : headers);
    /** @type {VisitorInfo["upgradeWebSocket"]} */
    const upgradeWebSocket = ({ protocol, ...limits } = {}) => {
      if (!ListenerSocket || upgrade) return fail(INVALID_STATE);
      if (protocol) {
        if (!asked.get("sec-websocket-protocol")?.split(/ *, */).includes(protocol)) fail(INVALID_ARGUMENT);
        more.set("sec-websocket-protocol", protocol);
      }
      // The constructor takes no such status.
      const response = Object.defineProperty(new Response(), "status", { value: 101 });
      /** @type {Promise<import("./ws-connection.js").ByteDuplex>} */
      const stream = new Promise((open, cancel) => (upgrade = { response, open, cancel }));
      return { socket: new ListenerSocket(stream, { url, protocol, ...limits }), response };
    };
    response = isForbidden(method)
      ? new Response(null, { status: 405 })
      : await handler(requestOf(url, method, asked, readable, gone.signal, requests), { peer, headers: more, upgradeWebSocket });
    say(more);
  } catch (error) {
    if (!gone.signal.aborted) report(error);
    drop(response?.body);
    response = new Response("Internal Server Error", { status: 500 });
    say();
  }

  try {
    const { body } = response;
    gone.signal.throwIfAborted();
    if (response === upgrade?.response) return upgrade.open(/** @type {any} */ (duplex));
    if (body && method !== "HEAD") await body.pipeTo(writable, { preventAbort: true });
    else await writable.close();
    // Who still reads the request may go on.
    for (const { body } of [{ body: readable }, ...requests]) drop(body);
  } catch (error) {
    if (!gone.signal.aborted) report(error);
    duplex.reset();
  } finally {
    // Where the socket has not become the answer.
    upgrade?.cancel();
    drop(response.body);
  }
}

/** What no Request can be. @param {string} method */
const isForbidden = (method) => /^(CONNECT|TRACE|TRACK)$/i.test(method);

/** What nobody reads. @param {unknown} body */
function drop(body) {
  if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => {});
}

/**
 * A Request that keeps the fields that browsers forbid to pages, and that has its body where they let no Request have a stream: then it is
 * that of a Response.
 * @param {string} url
 * @param {string} method
 * @param {Headers} headers
 * @param {ReadableStream | null} stream
 * @param {AbortSignal} signal
 * @param {Request[]} all gets the request, and its clones
 */
function requestOf(url, method, headers, stream, signal, all) {
  const body = /^(GET|HEAD)$/i.test(method) ? null : stream;
  const carries = "duplex" in Request.prototype;
  const request = new Request(url.replace(/^ws/, "http"), { method, headers, signal, ...(carries && { body, duplex: "half" }) });
  return facade(request, headers, carries ? undefined : new Response(body, { headers }), all);
}

/**
 * @param {Request} request
 * @param {Headers} headers
 * @param {any} message what has the body, where the request has not
 * @param {Request[]} all
 */
function facade(request, headers, message, all) {
  all.push(request);
  for (const name of ["headers", ...(message ? ["body", "bodyUsed", "arrayBuffer", "blob", "bytes", "formData", "json", "text"] : [])]) {
    Object.defineProperty(request, name, { get: () => (name === "headers" ? headers : (message[name]?.bind?.(message) ?? message[name])) });
  }
  const clone = () => facade(Request.prototype.clone.call(request), new Headers(headers), message?.clone(), all);
  return Object.defineProperty(request, "clone", { value: clone });
}

/**
 * The fields of a response that can be passed on.
 * @param {Response} response
 * @param {Headers} [more]
 * @returns {[string, string][]}
 */
function fieldsOf({ type, status, body, bodyUsed, headers }, more = new Headers()) {
  if (!status || bodyUsed || body?.locked) throw new TypeError("not a response that can be sent");
  // What came from the network was decoded on the way.
  const decoded = type !== "default" && headers.has("content-encoding");
  const fields = [...headers, ...more].filter(([name]) => !decoded || !/^content-(encoding|length)$/.test(name));
  return check({ fields }, HEAD_INVALID, { fields: HEADERS }).fields;
}

/** @param {unknown} error */
function report(error) {
  (globalThis.reportError ?? console.error)(error);
}
