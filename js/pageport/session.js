/**
 * The one session of a realm and gateway: it drives the state machine with a clock, carriers and the life of the page.
 *
 * Must never give up while somebody listens, and never try so often that it hurts.
 */

import { attach, end, lose, receive, tick, timeout } from "./attach.js";
import { WebSocketCarrier } from "./carrier.js";
import { GATEWAY_UNREACHABLE, HELLO_INVALID, SESSION_LOST, UNSUPPORTED, VERSION } from "./codes.js";
import { configuration, originOf } from "./config.js";
import { Core, enqueue, open } from "./core.js";
import { PageportError } from "./errors.js";
import { ATTEMPT, BACKOFF, BACKOFF_MAX, QUEUE_POLL, SETTLED, STORED } from "./limits.js";
import { giveUp } from "./receive.js";
import { transmit } from "./transmit.js";
import { defineHandlers } from "./ws-events.js";

/** @typedef {import("./stream.js").Stream} Stream */
/** @typedef {import("./carrier.js").Transport} Transport */

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

/**
 * Why it changed: "attached" (there was none), "moved" (from `previous`, which still served), "lost", "aborted" or "closed".
 * @typedef {Event & { carrier: Transport["name"] | null, previous: Transport["name"] | null, reason: string }} CarrierChangeEvent
 */

/** Fires `carrierchange` whenever `readyState` changes, or what carries it. */
export class Session extends /** @type {SessionBase} */ (EventTarget) {
  /** @internal @type {Set<Listening>} */
  listeners = new Set();
  /** @internal */
  core = new Core(configuration);
  /** Takes streams that the gateway opens; nobody does before there is a listener. @internal @param {Session} _ @param {Stream} stream */
  dispatch = (_, stream) => giveUp(this.core, stream, UNSUPPORTED);
  /** What the core knows of, until it is closed. @type {Set<Transport>} */
  #used = new Set();
  /** Chooses among carriers, once it is loaded. @internal @type {import("./choice.js").Choice | undefined} */
  choice;
  #isLoading = false;
  /** Carriers are being opened, and the core knows of none. @internal */
  isOpening = false;
  /** When to try the next. @internal */
  retryAt = 0;
  /** Nothing is tried. @internal */
  isAsleep = false;
  /** Runs at `#alarm`, or later. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #alarm = Infinity;
  #failures = 0;
  #attachedAt = 0;
  #isPoked = false;
  #isClosed = false;
  #isAborted = false;
  /** What was told of last: what carries, or else `readyState`. @type {any} */
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
    this.poke();
  }

  /** @returns {"connecting" | "open" | "suspended" | "closed"} */
  get readyState() {
    const { carrier, session } = this.core;
    return this.#isClosed ? "closed" : carrier?.phase ? "open" : session ? "suspended" : "connecting";
  }

  /** What moves bytes right now. @returns {Transport["name"] | null} */
  get carrier() {
    return this.readyState === "open" ? this.core.carrier?.key.name : null;
  }

  /** Every kind of carrier, the best first, and what is known of it here. */
  get carriers() {
    return this.choice?.list() ?? [];
  }

  /** Cuts the carrier without a word, for demonstrations and tests. The session comes back by itself. */
  abortCarrier() {
    this.#isAborted = true;
    lose(this.core);
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
    while (/connecting|suspended/.test(this.readyState)) await this.changed();
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

  /** Something has changed: to be looked at once this turn is over. @internal */
  poke() {
    if (!this.#isPoked) queueMicrotask(() => this.#isPoked && this.run());
    this.#isPoked = true;
  }

  /** @internal */
  run() {
    // Once it is closed nothing is to be looked at, whoever asked for it before.
    if ((this.#isPoked = this.#isClosed)) return;
    const now = performance.now();
    const { core } = this;
    tick(core, now);
    for (const stream of core.touched) {
      core.touched.delete(stream);
      if (stream.notify) stream.notify();
      else if (stream.head) {
        stream.notify = () => {};
        this.dispatch(this, stream);
      }
    }
    if (core.arrived.length) this.#arrived();

    let wait = Infinity;
    for (const state of [core.carrier, core.candidate]) {
      let room = 1;
      for (let message; state && (room = state.key.room()) > 0 && (message = transmit(core, now, room, state)); ) state.key.send(message);
      if (room <= 0) wait = QUEUE_POLL;
    }
    wait = Math.min(wait, timeout(core) - now);
    const isOver = core.ended >= 0;
    for (const carrier of this.#used) {
      if (!isOver && (core.carrier?.key === carrier || core.candidate?.key === carrier)) continue;
      this.#used.delete(carrier);
      carrier.close();
      this.choice?.left(carrier);
      if (isOver || !core.carrier) this.#pause(now);
    }
    if (isOver) this.#end(core, now);
    // Whoever was told of a loss may have closed it: that is for the next run.
    else if (core.ended < 0) {
      this.choice?.settle();
      if (core.session) this.listeners.forEach((listener) => listener.listen(core));
      if (core.carrier?.phase) this.#attachedAt ||= now;
      else if (!core.carrier && !this.isOpening) {
        wait = this.isAsleep ? Infinity : this.retryAt - now;
        if (wait <= 0) this.#connect();
      }
    }
    this.#wakeIn(isOver ? Infinity : wait, now);
    const { carrier } = this;
    const shown = carrier ? core.carrier?.key : this.readyState;
    if (this.#shown !== shown) {
      const previous = this.#shown.name ?? null;
      this.#shown = shown;
      const reason = carrier ? (previous ? "moved" : "attached") : this.#isClosed ? "closed" : this.#isAborted ? "aborted" : "lost";
      this.#isAborted = false;
      this.choice?.changed();
      this.dispatchEvent(Object.assign(new Event("carrierchange"), { carrier, previous, reason }));
    }
  }

  /** At the latest. A timer that is there already is left alone where it does no harm: a new one for every message costs more. @param {number} wait @param {number} now */
  #wakeIn(wait, now) {
    if (wait < Infinity && now + wait >= this.#alarm) return;
    clearTimeout(this.#timer);
    this.#alarm = now + wait;
    if (wait < Infinity)
      this.#timer = setTimeout(() => {
        this.#alarm = Infinity;
        this.run();
      }, wait);
  }

  /** None comes of what was tried. @internal */
  failed() {
    this.isOpening = false;
    this.#pause(performance.now());
    this.poke();
  }

  /** There is no carrier: when to try again. @param {number} now */
  #pause(now) {
    // A carrier that lived was no failure; one that was cut at once is a small one.
    if (this.#attachedAt) this.#failures = now - this.#attachedAt < SETTLED ? Math.min(this.#failures, 2) : 0;
    this.#attachedAt = 0;
    this.retryAt = now + Math.random() * (this.#failures++ && Math.min(BACKOFF_MAX, (BACKOFF * 2 ** this.#failures) / 4));
    if (this.#failures < 2 && !this.core.session && this.core.ended < 0) this.#tell(new PageportError(GATEWAY_UNREACHABLE));
  }

  /**
   * Begins to open a carrier; nothing is said on it yet.
   * @internal
   * @param {(...to: import("./carrier.js").Callbacks) => Transport} make
   * @returns {Transport}
   */
  reach(make) {
    const { core } = this;
    const carrier = make(
      (message) => {
        receive(core, carrier, message, performance.now());
        this.poke();
      },
      (isGone) => {
        if (isGone) lose(core, carrier);
        this.choice?.opened(carrier, isGone);
        this.poke();
      },
    );
    return carrier;
  }

  /** Attaches by a carrier; what is attached goes on until that has come about. @internal @param {Transport} carrier */
  use(carrier) {
    this.isOpening = false;
    this.#used.add(carrier);
    attach(this.core, carrier, performance.now());
    this.poke();
  }

  #connect() {
    const { core, gateway, choice } = this;
    this.isOpening = true;
    if (choice) choice.race();
    else {
      this.#load();
      // The one that is known of without asking, unless it is forbidden or was of no use the last time.
      if (!configuration.carriers && !isOther(gateway)) {
        try {
          this.use(this.reach((...to) => new WebSocketCarrier(gateway, configuration.WebSocket ?? WebSocket, ...to)));
        } catch {
          // Not an address, not allowed here, or no WebSocket at all.
          end(core, GATEWAY_UNREACHABLE);
        }
      }
    }
    this.poke();
  }

  /** Not before the gateway answers: some browsers never try again to load what they could not. */
  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const answer = await fetch(this.gateway + "/.well-known/pageport", { signal: AbortSignal.timeout(ATTEMPT) });
      const offer = await answer.json();
      const { Choice } = await import("./choice.js");
      if (this.#isClosed) return;
      this.choice = new Choice(this, offer, this.#life.signal);
      if (this.isOpening) this.choice.race();
    } catch {
      if (this.isOpening) this.failed();
    }
    this.#isLoading = false;
  }

  /** @param {PageportError | undefined} error @param {boolean} [last] */
  #tell(error, last) {
    this.listeners.forEach((listener) => listener.lost(error, last));
  }

  /** @param {Core} core @param {number} now */
  #end({ ended, away }, now) {
    this.choice?.stop();
    const error = ended ? new PageportError(ended) : undefined;
    // Where another attempt would end the same way.
    const last = !ended || !this.listeners.size || ended === HELLO_INVALID || ended === VERSION || ended > 97;
    // Before anybody hears of it, who then says that something has changed.
    this.#isClosed = last;
    this.#tell(error, last);
    if (last) {
      this.isOpening = false;
      this.#arrived();
      this.#life.abort();
      this.#over(error && Promise.reject(error));
    } else {
      const [from, to] = away ?? [0, BACKOFF / 1000];
      if (away || ended === SESSION_LOST) this.retryAt = now + 1000 * (from + Math.random() * (to - from));
      this.core = new Core(configuration);
      this.poke();
    }
  }
}

defineHandlers(Session, "carrierchange");

/** Whether another carrier than `websocket` was the best the last time. @param {string} gateway */
function isOther(gateway) {
  try {
    return /"best":"(h|webt)/.test(localStorage[STORED + gateway]);
  } catch {
    // There is none, or it is not to be had here.
  }
}

/** @typedef {{ new (): EventTarget & { oncarrierchange: ((event: CarrierChangeEvent) => void) | null } }} SessionBase */
