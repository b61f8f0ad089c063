/**
 * What all listeners do: ask the gateway to listen, know where visitors come to, and ask again in the next session.
 *
 * Must never ask twice for what it was refused, nor fight for what was taken away.
 */

import { ABORTED, GATEWAY_UNREACHABLE, INVALID_ARGUMENT } from "./codes.js";
import { fail, PageportError } from "./errors.js";
import { CLOSED, OPENING } from "./listener-state.js";
import { finish } from "./send.js";
import { session } from "./session.js";

/** @typedef {import("./stream.js").Stream} Stream */
/** @typedef {import("./core.js").Core} Core */
/** Where visitors find it: by name there is a `pathUrl`, by port a `host`. @typedef {{ url: string, name?: string, pathUrl?: string, host?: string, port?: number }} Place */

/** What a head says besides `listen`. @typedef {{ name?: string, port?: number, claim?: object }} Where */
/**
 * The part of the module that meets visitors of a kind.
 * @typedef {object} Part
 * @property {(listening: Listening, stream: Stream, head: import("./json.js").Json) => void} meet fails where the head breaks the format
 * @property {(listening: Listening, place: Place) => any} [opened] again in each session; the first time, `opened` resolves with what it returns
 */
/** Asks the gateway to listen; rejects when it refuses. @typedef {(where: Where) => Promise<Place>} Ask */
/**
 * @typedef {object} Init
 * @property {string} [name] a chosen name; absent: a random one, which lasts as long as the tab where there is a key
 * @property {boolean} [takeover] take the name away from another tab of this origin
 * @property {number} [port] a dedicated public port instead of a name, 0 for any
 * @property {CryptoKeyPair} [key] Ed25519, where the runtime keeps none by itself (Node)
 * @property {number} [backlog] how many TCP connections may wait
 * @property {string} [gateway]
 * @property {AbortSignal} [signal] closes the listener
 */
/**
 * What is different about each kind.
 * @typedef {object} Role
 * @property {import("./visit.js").Visit["kind"]} kind
 * @property {() => Promise<Part>} load has to be there before anybody comes
 * @property {any} [owner] who is told of visitors
 * @property {import("./http-visit.js").Handler} [handler] who answers them
 * @property {(place: Place) => void} [opened] again in each session
 * @property {(error: PageportError) => void} [failed] it tries again unless `closed` follows
 * @property {() => void} [closed] once
 */

/** Listeners of this realm so far that chose nothing. */
let count = 0;

export class Listening {
  state = OPENING;
  /** What visits call it: a name, or `:` and a port. @type {string | undefined} */
  name;
  /** Is over once it has closed. */
  life = new AbortController();
  /** @type {Part | undefined} */
  part;
  /** The session that it listens in, and the stream that stands for it there. @type {Core | undefined} */
  #core;
  #isPlain;
  /** The nonce of the attempt for which a part of the module did not come. @type {string | undefined} */
  #missed;
  /** @type {Stream | undefined} */
  stream;
  /** Resolves `opened`. @internal @type {any} */
  first;
  /** Resolves `closed`. @type {any} */
  #over;
  /** Rejects with what closed it, unless that was done here. @type {Promise<void>} */
  closed = new Promise((resolve) => (this.#over = resolve));
  /** Where visitors come to; rejects when it is closed before. @type {Promise<any>} */
  opened = new Promise((resolve, reject) => {
    this.first = resolve;
    this.closed.then(() => reject(new PageportError(ABORTED)), reject);
  });

  /** @param {Init} init @param {Role} role */
  constructor(init, role) {
    const { name, port, key, signal } = (this.init = init);
    if (port !== undefined && (name !== undefined || port !== (port & 65_535))) fail(INVALID_ARGUMENT, "port");
    /** Tells those that chose nothing apart, also in the page that comes after a reload: in order of creation. */
    this.number = name === undefined && !port ? count++ : -1;
    this.kind = role.kind;
    this.role = role;
    // Whoever does not ask does not care.
    this.opened.catch(() => {});
    // What nobody chose, and no key can hold, needs nothing more.
    this.#isPlain = (name ?? port) === undefined && role.kind !== "tcp" && !(globalThis.crypto?.subtle && (key ?? globalThis.indexedDB));
    this.session = session(init);
    this.session.listeners.add(this);
    this.session.poke();
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close(), this.life);
  }

  /** Takes no more visitors; those who are connected stay. @param {PageportError} [why] */
  close(why) {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.life.abort();
    this.session.listeners.delete(this);
    if (this.#core && this.stream) finish(this.#core, this.stream);
    this.session.poke();
    this.#over(why && Promise.reject(why));
    this.role.closed?.();
  }

  /** There is a session, perhaps still the same. @param {Core} core */
  async listen(core) {
    const { nonce } = core;
    if (this.#core === core || this.#missed === nonce) return;
    this.#core = core;
    try {
      // Not before the gateway answers: some browsers never try again to load what they could not.
      const [part, { begin }, claims] = await Promise.all([this.role.load(), import("./ask.js"), this.#isPlain || import("./claim.js")]);
      this.part = part;
      begin(this, core, claims);
    } catch (error) {
      // Others do, when a carrier has come again.
      this.#core = undefined;
      this.#missed = nonce;
      this.failed(core, new PageportError(GATEWAY_UNREACHABLE, `${error}`), true);
    }
  }

  /**
   * The session has ended; or cannot begin, for now.
   * @param {PageportError | undefined} error
   * @param {boolean} [last]
   */
  lost(error, last) {
    this.state = OPENING;
    this.name = undefined;
    if (error) this.role.failed?.(error);
    if (last) this.close(error);
  }

  /** @param {Core} core @param {PageportError} error @param {unknown} [isToTry] again */
  failed(core, error, isToTry = core.away) {
    // Not after its end: it has been told of that. Refused because the gateway goes away, it listens again in the next session.
    if (this.state !== CLOSED && core.ended < 0) this.lost(error, !isToTry);
  }
}
