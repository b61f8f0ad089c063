/**
 * What all listeners do: ask the gateway to listen, know where visitors come to, and ask again in the next session.
 *
 * Must never ask twice in one session, nor fight for what was taken away.
 */

import { ABORTED, GATEWAY_UNREACHABLE } from "./codes.js";
import { fail, PageportError } from "./errors.js";
import { parseListening, parsePort } from "./heads.js";
import { hasEnded } from "./receive.js";
import { finish } from "./send.js";
import { session } from "./session.js";
import { answerOf } from "./streams.js";

/** @typedef {import("./stream.js").Stream} Stream */
/** @typedef {import("./core.js").Core} Core */
/** Where visitors find it: by name there is a `path_url`, by port a `host`. @typedef {{ url: string, name?: string, path_url?: string, host?: string, port?: number }} Place */

/** What a head says besides `listen`. @typedef {{ name?: string, port?: number, claim?: object }} Where */
/**
 * What is different about each kind.
 * @typedef {object} Role
 * @property {import("./heads.js").Visit["kind"]} kind
 * @property {(core: Core) => Where | Promise<Where>} [where] called once in each session; what it fails
 *   with closes the listener
 * @property {(place: Place) => any} opened again in each session; the first time, `opened` resolves with what it returns
 * @property {(error: PageportError) => void} [failed] it tries again unless `closed` follows
 * @property {() => void} [closed] once
 * @property {(stream: Stream, visit: import("./heads.js").Visit) => void} visit
 */

export const OPENING = 0;
export const LISTENING = 1;
export const CLOSED = 2;

export class Listening {
  state = OPENING;
  /** What visits call it: a name, or `:` and a port. @type {string | undefined} */
  name;
  #role;
  /** The session that it listens in, and the stream that stands for it there. @type {Core | undefined} */
  #core;
  /** @type {Stream | undefined} */
  #stream;
  /** @type {(value: any) => void} */
  #first = () => {};
  /** @type {(value?: any) => void} */
  #over = () => {};
  /** Rejects with what closed it, unless that was done here. @type {Promise<void>} */
  closed = new Promise((resolve) => (this.#over = resolve));
  /** Where visitors come to; rejects when it is closed before. @type {Promise<any>} */
  opened = new Promise((resolve, reject) => {
    this.#first = resolve;
    this.closed.then(() => reject(new PageportError(ABORTED)), reject);
  });

  /** @param {{ gateway?: string, signal?: AbortSignal }} init @param {Role} role */
  constructor(init, role) {
    const { signal } = init;
    this.kind = role.kind;
    this.visit = role.visit;
    this.#role = role;
    // Whoever does not ask does not care.
    this.opened.catch(() => {});
    this.session = session(init);
    this.session.listeners.add(this);
    this.session.poke();
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close());
  }

  /** Takes no more visitors; those who are connected stay. @param {PageportError} [why] */
  close(why) {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.session.listeners.delete(this);
    if (this.#core && this.#stream) finish(this.#core, this.#stream);
    this.session.poke();
    this.#over(why && Promise.reject(why));
    this.#role.closed?.();
  }

  /** There is a session, perhaps still the same. @param {Core} core */
  async listen(core) {
    if (this.#core === core) return;
    this.#core = core;
    this.#stream = undefined;
    /** @param {() => void} what */
    const attempt = (what) => {
      try {
        // Not after its end: it has been told of that.
        if (this.state < CLOSED && core.ended < 0) what();
      } catch (error) {
        // Refused because the gateway goes away: it listens again in the next session.
        this.lost(/** @type {PageportError} */ (error), !core.away);
      }
    };
    /** @type {Where | undefined} */
    let where;
    try {
      where = await this.#role.where?.(core);
    } catch (error) {
      // A part of the module that did not come, if nothing else.
      return attempt(() => {
        throw error instanceof PageportError ? error : new PageportError(GATEWAY_UNREACHABLE, `${error}`);
      });
    }
    attempt(() => {
      const stream = (this.#stream = this.session.open({ listen: this.kind, ...where }));
      stream.notify = () =>
        attempt(() => {
          if (stream.failed >= 0) fail(stream.failed);
          if (stream.head && !this.state) {
            const answer = answerOf(stream.head);
            /** @type {Place} */
            const place = this.kind === "tcp" || where?.port !== undefined ? parsePort(answer) : parseListening(answer);
            this.name = place.name ?? ":" + place.port;
            this.state = LISTENING;
            this.#first(this.#role.opened(place));
          }
          if (hasEnded(stream)) this.close();
        });
    });
  }

  /**
   * The session has ended; or cannot begin, for now.
   * @param {PageportError | undefined} error
   * @param {boolean} [last]
   */
  lost(error, last) {
    this.state = OPENING;
    this.name = undefined;
    if (error) this.#role.failed?.(error);
    if (last) this.close(error);
  }
}
