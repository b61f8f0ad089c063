/**
 * `WebSocket`: a drop-in for the platform's class whose connections go through the gateway, to remote servers that it allows and
 * to listening pages.
 *
 * Differences: a third argument; targets `page:name/path`; events are not trusted. Loads what speaks the protocol with the first
 * socket. Must never be what the module's own carriers use.
 */

import { configuration } from "./config.js";
import { session } from "./session.js";
import { nextTask } from "./ws-events.js";
import { recordOf, SocketInterface, tellEnd } from "./ws-interface.js";
import { CLOSING, CONNECT_TIMEOUT } from "./ws-numbers.js";

/**
 * @typedef {object} SocketInit
 * @property {string} [gateway]
 * @property {number} [maxMessage] the largest message accepted, in bytes, 16 MiB by default
 * @property {number} [maxFragments] the most frames that it may consist of
 */

export class WebSocket extends SocketInterface {
  /**
   * @param {string | URL} url ws, wss, http or https, relative to the document; or `page:name/path`
   * @param {string | string[]} [protocols]
   * @param {SocketInit} [init]
   */
  constructor(url, protocols = [], init) {
    if (!arguments.length) throw new TypeError("no URL");
    const target = `${url}`;
    const names = listOf(protocols);
    super(addressOf(target));
    checkProtocols(names);
    const record = recordOf(this);
    const life = new AbortController();
    record.close = () => {
      record.readyState = CLOSING;
      life.abort();
    };
    reach(record.url, names, init, life)
      .then(async ({ connect, stream, protocol }) => {
        await nextTask();
        if (record.readyState) throw stream.reset();
        record.protocol = protocol;
        connect(this, stream, { ...init, client: true });
      })
      .catch(async () => {
        await nextTask();
        tellEnd(this, { code: 1006, reason: "" }, true);
      });
  }
}

/**
 * The part that connects, once the gateway answers, and the session that it does so in. Rejects when the signal says so.
 * @template [P=typeof import("./dial.js")]
 * @param {{ gateway?: string } | undefined} init @param {AbortSignal} signal of one attempt @param {() => Promise<any>} [part]
 * @returns {Promise<P & { through: import("./session.js").Session }>}
 */
export const load = async (init, signal, part = () => import("./dial.js")) => {
  signal.throwIfAborted();
  const through = session(init);
  const over = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  return { through, .../** @type {any} */ (await Promise.race([through.ready().then(part), over])) };
};

/** Is over with a signal, if there is one. @param {AbortSignal} [signal] */
export function lifeOf(signal) {
  const life = new AbortController();
  const abort = () => life.abort(signal?.reason);
  if (signal?.aborted) abort();
  // An object with a signal, as options are.
  signal?.addEventListener("abort", abort, life);
  return life;
}

/**
 * A stream to a WebSocket server, and what makes a socket of it. Rejects when there is none within CONNECT_TIMEOUT, or nobody wants it any more.
 * @param {string} url @param {string[]} protocols @param {SocketInit | undefined} init @param {AbortController} life
 */
export async function reach(url, protocols, init, life) {
  const timer = setTimeout(() => life.abort(), CONNECT_TIMEOUT);
  try {
    const parts = await load(init, life.signal);
    return { ...parts, ...(await parts.dial(parts.through, url, protocols, life.signal)) };
  } finally {
    clearTimeout(timer);
  }
}

/** The platform's own class, where there is one. @type {typeof globalThis.WebSocket | undefined} */
let native;

/** @returns {boolean} */
const isInstalled = () => globalThis.WebSocket === /** @type {any} */ (WebSocket);

/**
 * Makes `WebSocket` the global one. The platform's own stays where carriers find it.
 * @returns {typeof globalThis.WebSocket | undefined} the platform's own
 */
export function install() {
  if (!isInstalled()) native = globalThis.WebSocket;
  configuration.WebSocket ??= native;
  globalThis.WebSocket = /** @type {any} */ (WebSocket);
  return native;
}

/** Puts the platform's own class back, unless somebody else has replaced ours since. */
export function uninstall() {
  if (isInstalled()) globalThis.WebSocket = /** @type {any} */ (native);
}

/** `(DOMString or sequence<DOMString>)` of Web IDL. @param {any} protocols @returns {string[]} */
export const listOf = (protocols) => (Object(protocols) === protocols && protocols[Symbol.iterator] ? [...protocols] : [protocols]).map((name) => `${name}`);

/** The absolute URL of a target (WHATWG WebSockets §3.1, steps 1 to 8). @param {string} target */
export function addressOf(target) {
  const { document, location } = globalThis;
  /** @type {URL | undefined} */
  let url;
  try {
    url = new URL(target, document?.baseURI ?? location?.href);
    if (/^http/.test(url.protocol)) url.protocol = url.protocol.replace("http", "ws");
  } catch {
    // No address at all.
  }
  // An empty fragment is one as well.
  return url && /^(wss?|page):[^#]*$/.test(url.href) ? url.href : refuse("URL");
}

/** @param {string[]} names */
export const checkProtocols = (names) => (new Set(names).size < names.length || names.some((name) => !/^[\w!#$%&'*+.^`|~-]+$/.test(name))) && refuse("protocols");

/** @param {string} what @returns {never} */
function refuse(what) {
  throw new DOMException(what, "SyntaxError");
}
