/**
 * The one session of a realm and gateway: it drives the state machine with a clock, carriers and the life of the page.
 *
 * Must never give up while somebody listens, and never try so often that it hurts.
 */

import { attach, end, probe, receive, tick, timeout } from "./attach.js";
import { WebSocketCarrier } from "./carrier.js";
import { GATEWAY_UNREACHABLE, HEAD_INVALID, HELLO_INVALID, SESSION_LOST, VERSION } from "./codes.js";
import { configuration, originOf } from "./config.js";
import { Core, enqueue, open, reply } from "./core.js";
import { codeOf, PageportError } from "./errors.js";
import { ANY } from "./heads.js";
import { check } from "./json.js";
import { watch } from "./lifecycle.js";
import { BACKOFF, BACKOFF_MAX, QUEUE_POLL, SETTLED } from "./limits.js";
import { giveUp, stop } from "./receive.js";
import { finish } from "./send.js";
import { transmit } from "./transmit.js";
import { defineHandlers } from "./ws-events.js";

/** @typedef {import("./stream.js").Stream} Stream */

/** @type {Map<string, Session>} */
const sessions = new Map();

/** The session of this realm with a gateway; it begins with the first call. @param {{ gateway?: string }} [options] */
export function session({ gateway } = {}) {
  const origin = originOf(gateway);
  let found = sessions.get(origin);
  if (!found || found.readyState === "closed") sessions.set(origin, (found = new Session(origin)));
  return found;
}

/** What keeps a session going. @typedef {import("./listening.js").Listening} Listening */

/** Fires `carrierchange` whenever `readyState` and `carrier` change. */
export class Session extends /** @type {SessionBase} */ (EventTarget) {
  /** @internal @type {Set<Listening>} */
  listeners = new Set();
  /** @internal */
  core = new Core(configuration);
  /** @type {WebSocketCarrier | undefined} */
  #carrier;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #retryAt = 0;
  #failures = 0;
  #attachedAt = 0;
  #isPoked = false;
  #isAsleep = false;
  #isClosed = false;
  #shown = "connecting";
  #life = new AbortController();
  #arrived = () => {};
  /** Resolves `closed`. @type {any} */
  #over;

  /** Unreliable messages, `{ flow, bytes }` of at most 1,200 bytes. 64 wait in a direction; then the oldest is dropped. `readable` ends with the session. */
  datagrams = {
    readable: new ReadableStream(
      {
        pull: async (controller) => {
          while (!this.core.arrived.length) {
            if (this.#isClosed) return controller.close();
            await new Promise((resolve) => (this.#arrived = /** @type {() => void} */ (resolve)));
          }
          controller.enqueue(this.core.arrived.shift());
        },
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream({
      write: (/** @type {import("./core.js").Datagram} */ datagram) => {
        enqueue(this.core.leaving, datagram);
        this.poke();
      },
    }),
  };

  /** Resolves once the session has ended in order; rejects when it ends otherwise. @type {Promise<void>} */
  closed = new Promise((resolve) => (this.#over = resolve));

  /** @internal @param {string} gateway an origin */
  constructor(gateway) {
    super();
    this.gateway = gateway;
    this.closed.catch(() => {});
    watch(this.#life.signal, (isLeaving, isAsleep) => {
      const now = performance.now();
      const { carrier, session, secret, ended } = this.core;
      this.#isAsleep = isAsleep;
      if (isLeaving) {
        // Some browsers have closed the carrier before the page hears that it goes.
        const body = JSON.stringify({ session, secret });
        if (session && ended < 0) fetch(gateway + "/link/close", { method: "POST", mode: "no-cors", keepalive: true, body }).catch(() => {});
        this.close();
      } else if (isAsleep || (carrier && !carrier.phase && carrier.heard < now - SETTLED)) this.abortCarrier();
      this.#retryAt = 0;
      probe(this.core, now);
      this.#run();
    });
    this.poke();
  }

  /** @returns {"connecting" | "open" | "suspended" | "closed"} */
  get readyState() {
    const { carrier, session } = this.core;
    return this.#isClosed ? "closed" : carrier?.phase ? "open" : session ? "suspended" : "connecting";
  }

  /** What moves bytes right now. */
  get carrier() {
    return this.readyState === "open" ? "websocket" : null;
  }

  /** Cuts the carrier without a word, for demonstrations and tests. The session comes back by itself. */
  abortCarrier() {
    this.core.carrier = undefined;
    this.poke();
  }

  /** Ends the session, its streams and its listeners. */
  close() {
    if (this.core.ended < 0) end(this.core, 0, true);
    this.poke();
  }

  /**
   * Opens a stream to the gateway, as soon as that answers.
   * @param {object} head a JSON object that says where the stream goes
   */
  async createBidirectionalStream(head) {
    await this.ready();
    const { publish } = await import("./streams.js");
    return publish(this, this.open(head));
  }

  /** Resolves once the gateway answers, or never will: nothing is loaded before, since some browsers never try again. @internal */
  async ready() {
    while (/^(connecting|suspended)$/.test(this.readyState)) await this.changed();
  }

  /** Resolves with the next `carrierchange`. @internal */
  changed() {
    return new Promise((resolve) => this.addEventListener("carrierchange", resolve, { once: true }));
  }

  /** @internal @param {object} head */
  open(head) {
    this.poke();
    return open(this.core, head, performance.now());
  }

  /** @internal @param {Stream} stream @param {string} error @param {object} [more] */
  refuse(stream, error, more) {
    reply(this.core, stream, { error, ...more });
    finish(this.core, stream);
    stop(this.core, stream, codeOf({ code: error }));
    this.poke();
  }

  /** Something has changed: to be looked at once this turn is over. @internal */
  poke() {
    if (!this.#isPoked && !this.#isClosed) queueMicrotask(() => this.#isPoked && this.#run());
    this.#isPoked = true;
  }

  #run() {
    const now = performance.now();
    const { core } = this;
    this.#isPoked = false;
    clearTimeout(this.#timer);
    tick(core, now);
    for (const stream of core.touched) {
      core.touched.delete(stream);
      if (stream.notify) stream.notify();
      else if (stream.head) this.#visit(stream, stream.head);
    }
    if (core.arrived.length) this.#arrived();

    const carrier = this.#carrier;
    let room = 1;
    for (let message; carrier && (room = carrier.room()) > 0 && (message = transmit(core, now, room)); ) carrier.send(message);
    let wait = room <= 0 ? QUEUE_POLL : timeout(core) - now;
    if (carrier && (core.carrier?.key !== carrier || core.ended >= 0)) {
      carrier.close();
      this.#carrier = undefined;
      // A carrier that lived was no failure; one that was cut at once is a small one.
      if (this.#attachedAt) this.#failures = now - this.#attachedAt < SETTLED ? Math.min(this.#failures, 2) : 0;
      this.#attachedAt = 0;
      this.#retryAt = now + Math.random() * (this.#failures++ && Math.min(BACKOFF_MAX, (BACKOFF * 2 ** this.#failures) / 4));
      if (this.#failures < 2 && !core.session) this.#tell(new PageportError(GATEWAY_UNREACHABLE));
    }
    if (core.ended >= 0) this.#end(core, now);
    else {
      if (core.session) this.listeners.forEach((listener) => listener.listen(core));
      if (core.carrier?.phase) this.#attachedAt ||= now;
      else if (!core.carrier) {
        wait = this.#isAsleep ? Infinity : this.#retryAt - now;
        if (wait <= 0) this.#connect();
      }
    }
    if (wait < Infinity && core.ended < 0) this.#timer = setTimeout(() => this.#run(), wait);
    if (this.#shown !== this.readyState) {
      this.#shown = this.readyState;
      this.dispatchEvent(new Event("carrierchange"));
    }
  }

  #connect() {
    const { core } = this;
    try {
      /** @type {WebSocketCarrier} */
      const carrier = new WebSocketCarrier(
        this.gateway,
        configuration.WebSocket ?? WebSocket,
        (message) => {
          receive(core, carrier, message, performance.now());
          this.poke();
        },
        (isGone) => {
          if (isGone && core.carrier?.key === carrier) core.carrier = undefined;
          this.poke();
        },
      );
      this.#carrier = carrier;
      attach(core, carrier, performance.now());
    } catch {
      // Not an address, not allowed here, or no WebSocket at all.
      end(core, GATEWAY_UNREACHABLE);
    }
    this.poke();
  }

  /** @param {PageportError | undefined} error @param {boolean} [last] */
  #tell(error, last) {
    this.listeners.forEach((listener) => listener.lost(error, last));
  }

  /** @param {Core} core @param {number} now */
  #end({ ended, away }, now) {
    const error = ended ? new PageportError(ended) : undefined;
    // Where another attempt would end the same way.
    const last = !ended || !this.listeners.size || ended === HELLO_INVALID || ended === VERSION || ended > 97;
    this.#tell(error, last);
    if (last) {
      this.#isClosed = true;
      this.#arrived();
      this.#life.abort();
      this.#over(error && Promise.reject(error));
    } else {
      const [from, to] = away ?? [0, BACKOFF / 1000];
      if (away || ended === SESSION_LOST) this.#retryAt = now + 1000 * (from + Math.random() * (to - from));
      this.core = new Core(configuration);
      this.poke();
    }
  }

  /** A visitor, perhaps. @param {Stream} stream @param {import("./json.js").Json} head */
  #visit(stream, head) {
    stream.notify = () => {};
    try {
      const { kind, listener } = check(head, HEAD_INVALID, { kind: ANY, listener: ANY });
      /** @param {string} wanted */
      const find = (wanted) => [...this.listeners].find(({ name, kind }) => name === listener && kind === wanted);
      // Whoever serves pages under a name may also upgrade.
      const found = find(kind) ?? (kind === "websocket" && find("http"));
      if (found) found.visit(stream, head);
      else this.refuse(stream, /^(websocket|http|tcp|page)$/.test(kind) ? "ERR_LISTENER_UNKNOWN" : "ERR_UNSUPPORTED");
    } catch (error) {
      giveUp(this.core, stream, error);
    }
  }
}

defineHandlers(Session, "carrierchange");

/** @typedef {{ new (): EventTarget & { oncarrierchange: ((event: Event) => void) | null } }} SessionBase */
