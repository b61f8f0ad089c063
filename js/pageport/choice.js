/**
 * Which carrier a session uses (spec/protocol.md §9.3): opens several in order of worth, takes what opens first, remembers what
 * failed, and tries better ones again while one serves.
 *
 * Fetched once the gateway answers. Must never say anything on a carrier that it does not use, nor cut one that serves.
 */

import { end } from "./attach.js";
import { WebSocketCarrier } from "./carrier.js";
import { numberOf } from "./codes.js";
import { configuration, watchers } from "./config.js";
import { follow } from "./lifecycle.js";
import { ATTEMPT, HEAD_START, HEAD_START_WEBTRANSPORT, IMPROVE, IMPROVE_MAX, SETTLED } from "./limits.js";
import { Memory } from "./memory.js";
import { ATTACHED } from "./wire.js";

/** @typedef {import("./carrier.js").Transport} Transport */
/** @typedef {import("./carrier.js").Callbacks} Callbacks */
/** @typedef {"webtransport" | "websocket" | "http" | "http-poll"} Kind */
/** What the gateway says of one carrier. @typedef {{ kind: string, url?: string, hashes?: string[] }} Offer */
/** @typedef {{ kind: Kind, carrier?: Transport, isOpen?: boolean, timer?: ReturnType<typeof setTimeout> }} Attempt */
/**
 * "active" (in use), "ready", "failed" (here, not long ago), "unsupported" (by this browser), "unoffered" (by the gateway), "excluded"
 * (not among those that `configure` names, or that are used without it).
 * @typedef {{ carrier: Transport["name"], state: string }} Report
 */

/** In order of worth. @type {Kind[]} */
const KINDS = ["webtransport", "websocket", "http", "http-poll"];
/** What is used unless `configure` says otherwise. Over UDP nobody says that a gateway was killed: pages that can do without would wait. */
const EVERYDAY = KINDS.slice(1, 3);

export class Choice {
  #session;
  /** @type {Offer[]} */
  #offers;
  #memory;
  /** @type {Set<Attempt>} */
  #attempts = new Set();
  /** What is tried next. @type {Kind[]} */
  #queue = [];
  /** Why this page may not attach at all, or -1. */
  #refusal;
  /** What failed since something worked. @type {Set<Kind>} */
  #failed = new Set();
  /** @type {WeakMap<Transport, Kind>} */
  #kinds = new WeakMap();
  /** Carriers that came to attach. @type {WeakSet<Transport>} */
  #proven = new WeakSet();
  #pause = IMPROVE;
  /** Until the next kind gets its turn; until a better one is tried. @type {ReturnType<typeof setTimeout> | undefined} */
  #turn;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  /**
   * @param {import("./session.js").Session} session
   * @param {{ carriers?: Offer[], refusal?: string }} offer what `/.well-known/pageport` says
   * @param {AbortSignal} signal when the session is over
   */
  constructor(session, offer, signal) {
    this.#session = session;
    this.#offers = offer.carriers ?? [];
    this.#refusal = numberOf(offer.refusal ?? "");
    this.#memory = new Memory(session.gateway);
    const renew = () => {
      this.#memory.clear();
      this.#pause = IMPROVE;
      this.#plan(0);
    };
    globalThis.addEventListener?.("online", renew, { signal });
    // Browsers tell of many small changes; another kind of network is worth a new try.
    const connection = /** @type {any} */ (globalThis.navigator)?.connection;
    let last = connection?.type;
    connection?.addEventListener?.("change", () => last !== (last = connection.type) && renew(), { signal });
    const revise = () => this.revise();
    watchers.add(revise);
    signal.addEventListener("abort", () => {
      watchers.delete(revise);
      this.stop();
    });
    follow(session, signal);
    // A WebSocket is being opened already: the others get their turn if it does not come.
    if (session.core.carrier && !this.#current) {
      this.#queue = this.#order().filter((kind) => kind !== "websocket");
      this.#turn = setTimeout(() => this.#next(), HEAD_START);
    }
    // What serves already came to attach before anybody was there to see it.
    this.changed();
  }

  /** Nothing carries the session: whatever opens first. */
  race() {
    this.stop();
    const { core } = this.#session;
    // Carriers only break where pages are refused, as in a network that lets nothing through. Lower codes are no refusals for good.
    if (this.#refusal > 97 && !core.session && core.ended < 0) {
      end(core, this.#refusal);
      return this.#session.poke();
    }
    this.#queue = this.#order();
    this.#next();
  }

  /** Nothing more is tried for now. */
  stop() {
    clearTimeout(this.#later);
    this.#queue = [];
    for (const attempt of this.#attempts) this.#drop(attempt);
    clearTimeout(this.#turn);
  }

  /** Other carriers may be used than before. */
  revise() {
    for (const attempt of this.#attempts) if (!this.#mayUse(attempt.kind)) this.#drop(attempt);
    this.#queue = this.#queue.filter(this.#mayUse);
    if (this.#current) this.#plan(0);
    else if (this.#session.isOpening) this.race();
  }

  /** @param {Transport} carrier @param {boolean} isGone */
  opened(carrier, isGone) {
    const attempt = [...this.#attempts].find((attempt) => attempt.carrier === carrier);
    if (attempt && isGone) this.#fail(attempt);
    else if (attempt) attempt.isOpen = true;
  }

  /** Something else carries the session, or nothing. */
  changed() {
    const carrier = this.#current;
    if (!carrier) return;
    const kind = this.#kindOf(carrier);
    this.#refusal = -1;
    this.#proven.add(carrier);
    this.#failed.delete(kind);
    this.#memory.note(this.#failed, kind);
    this.#failed.clear();
    this.#queue = this.#queue.filter((other) => this.#isBetter(other) && !this.#hasFailed(other));
    this.#plan();
  }

  /** The session is done with a carrier. @param {Transport} carrier */
  left(carrier) {
    // One that a page let go of has not failed.
    if (!this.#proven.has(carrier) && !this.#session.isAsleep) {
      this.#failed.add(this.#kindOf(carrier));
      this.#plan();
    }
  }

  /** @returns {Report[]} */
  list() {
    const { carrier: active } = this.#session;
    return /** @type {Transport["name"][]} */ (KINDS.slice(0, 3)).map((carrier) => ({
      carrier,
      state:
        carrier === active ? "active"
        : !isSupported(carrier) ? "unsupported"
        : !this.#offer(carrier) ? "unoffered"
        : !(configuration.carriers ?? EVERYDAY).some((kind) => kind.startsWith(carrier)) ? "excluded"
        : this.#hasFailed(carrier) ? "failed"
        : "ready",
    }));
  }

  /** What carries the session. @returns {Transport | undefined} */
  get #current() {
    const { carrier, ended } = this.#session.core;
    return ended < 0 && carrier?.phase ? carrier.key : undefined;
  }

  /** @param {Transport} carrier */
  #kindOf = (carrier) => this.#kinds.get(carrier) ?? carrier.name;

  /** @param {string} kind */
  #offer = (kind) => this.#offers.find((offer) => kind.startsWith(offer.kind));

  /** @param {Kind} kind */
  #mayUse = (kind) => (configuration.carriers ?? EVERYDAY).includes(kind) && isSupported(kind) && this.#offer(kind);

  /** @param {Kind} kind */
  #hasFailed = (kind) => this.#failed.has(kind) || this.#memory.hasFailed(kind);

  /** Than what carries the session; what may not is worse than all. @param {Kind} kind */
  #isBetter(kind) {
    const current = this.#current && this.#kindOf(this.#current);
    return !current || !this.#mayUse(current) || KINDS.indexOf(kind) < KINDS.indexOf(current);
  }

  /** What may be used: the best of the last time first, what failed last. */
  #order() {
    const worth = (/** @type {Kind} */ kind) => KINDS.indexOf(kind) + (this.#hasFailed(kind) ? 10 : kind === this.#memory.best ? -10 : 0);
    return KINDS.filter(this.#mayUse).sort((a, b) => worth(a) - worth(b));
  }

  /** The next kind gets its turn. */
  #next() {
    clearTimeout(this.#turn);
    const kind = this.#queue.shift();
    if (kind) {
      if (this.#queue.length) this.#turn = setTimeout(() => this.#next(), kind === "webtransport" ? HEAD_START_WEBTRANSPORT : HEAD_START);
      this.#open(kind);
    } else if (!this.#attempts.size || (!this.#current && this.#failed.size && [...this.#attempts].every(({ kind }) => kind === "webtransport"))) {
      // Nobody answers where there is no gateway: QUIC takes many seconds to say so.
      if (!this.#session.core.carrier) this.#session.failed();
      else if (this.#current) {
        this.#memory.note(this.#failed, this.#kindOf(this.#current));
        this.#plan();
      }
    }
  }

  /** @param {Kind} kind */
  async #open(kind) {
    /** @type {Attempt} */
    const attempt = { kind };
    this.#attempts.add(attempt);
    attempt.timer = setTimeout(() => this.#fail(attempt), ATTEMPT);
    try {
      const make = await this.#load(kind);
      if (!this.#attempts.has(attempt)) return;
      attempt.carrier = this.#session.reach(make);
      this.#kinds.set(attempt.carrier, kind);
    } catch {
      this.#fail(attempt);
    }
  }

  /** @param {Kind} kind @returns {Promise<(...to: Callbacks) => Transport>} */
  async #load(kind) {
    const { gateway } = this.#session;
    if (kind === "websocket") return (...to) => new WebSocketCarrier(gateway, configuration.WebSocket ?? WebSocket, ...to);
    if (kind === "webtransport") {
      const { WebTransportCarrier } = await import("./webtransport.js");
      return (...to) => new WebTransportCarrier(this.#session, this.#offer(kind) ?? {}, ...to);
    }
    const { HttpCarrier } = await import("./http.js");
    return (...to) => new HttpCarrier(gateway, this.#memory, kind === "http-poll", ...to);
  }

  /** @param {Attempt} attempt */
  #fail(attempt) {
    if (!this.#attempts.has(attempt)) return;
    this.#failed.add(attempt.kind);
    this.#drop(attempt);
    this.#next();
  }

  /** @param {Attempt} attempt */
  #drop(attempt) {
    this.#attempts.delete(attempt);
    clearTimeout(attempt.timer);
    attempt.carrier?.close();
  }

  /** Uses the best that is open, unless another attempt to attach is under way: then it is looked at again. */
  settle() {
    if (!this.#attempts.size) return;
    const { core } = this.#session;
    const open = [...this.#attempts].filter(({ isOpen }) => isOpen).sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
    for (const attempt of open) {
      if (core.candidate || (core.carrier?.opened !== undefined && core.carrier.phase < ATTACHED)) return;
      if (!this.#isBetter(attempt.kind)) {
        this.#drop(attempt);
        continue;
      }
      this.#attempts.delete(attempt);
      clearTimeout(attempt.timer);
      // Whoever is worse has lost; a better one may still come.
      const isWorse = (/** @type {Kind} */ kind) => KINDS.indexOf(kind) > KINDS.indexOf(attempt.kind);
      for (const other of this.#attempts) if (isWorse(other.kind)) this.#drop(other);
      this.#queue = this.#queue.filter((kind) => !isWorse(kind));
      this.#session.use(/** @type {Transport} */ (attempt.carrier));
    }
    this.#plan();
  }

  /** A better carrier is tried, now or later. @param {number} [delay] */
  #plan(delay) {
    clearTimeout(this.#later);
    const current = this.#current;
    if (!current || this.#attempts.size || this.#queue.length || this.#session.core.candidate) return;
    const better = this.#order().filter((kind) => this.#isBetter(kind));
    if (!better.length) return;
    const isNew = better.some((kind) => !this.#hasFailed(kind));
    const isForbidden = !this.#mayUse(this.#kindOf(current));
    this.#later = setTimeout(
      () => {
        this.#pause = Math.min(IMPROVE_MAX, this.#pause * 2);
        this.#failed.clear();
        this.#queue = better;
        this.#next();
      },
      delay ?? (isNew ? 0 : isForbidden ? SETTLED : this.#pause),
    );
  }
}

/** @param {string} kind */
const isSupported = (kind) =>
  kind === "webtransport" ? "WebTransport" in globalThis : kind !== "websocket" || Boolean(configuration.WebSocket ?? globalThis.WebSocket);
