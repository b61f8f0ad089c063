// The panel that shows a session and cuts its network: state in words, what carries it, a timeline, a list of what happened. It must
// never repair anything: coming back is the module's work, and this is where one sees it.

import { Carriers } from "./carriers.js";
import { log } from "./log.js";
import { Timeline } from "./timeline.js";

const HOLD_MS = 5000;
const EVENTS = 50;

export class NetworkPanel {
  #newest;
  #session;
  #announce;
  #waiting;
  #state;
  #event;
  #attached = false;
  #cuts = 0;
  #lostAt = 0;
  #holdUntil = 0;
  #carriers;

  /**
   * @param {HTMLElement} root
   * @param {typeof import("/pageport.js").session} session the one of this page, or a new one after its end
   * @param {{ lanes: string[], announce: (text: string) => void, waiting?: () => string }} options `waiting` says what
   *   is under way at the moment of a loss
   */
  constructor(root, session, { lanes, announce, waiting = () => "" }) {
    this.#newest = session;
    this.#announce = announce;
    this.#waiting = waiting;
    this.#state = root.querySelector("#network-state");
    this.#event = log(root.querySelector("#network-events"), EVENTS);
    this.timeline = new Timeline(root.querySelector("svg"), lanes);
    root.querySelector("#cut").addEventListener("click", () => this.#cut("Cut."));
    root.querySelector("#hold").addEventListener("click", () => {
      this.#holdUntil = performance.now() + HOLD_MS;
      this.#cut("Cut, again and again for 5 seconds.");
    });
    this.watch();
    this.#carriers = new Carriers(root.querySelector("figure"), () => this.#session, announce);
  }

  /** To be called when the page has begun again. */
  watch() {
    const session = this.#newest();
    if (session === this.#session) return;
    this.#session = session;
    this.#lostAt = 0;
    session.addEventListener("carrierchange", (event) => session === this.#session && this.#changed(event));
    this.#changed({});
  }

  #cut(words) {
    if (!this.#session.carrier) return this.#announce("There is no network to cut at the moment.");
    this.#cuts++;
    this.#event(`cut by you (${this.#cuts})`);
    this.#announce(words);
    this.#session.abortCarrier();
  }

  #changed({ reason, previous }) {
    const { carrier } = this.#session;
    this.#carriers?.show();
    if (reason === "moved") {
      this.#say("good", `Attached over ${carrier}`);
      this.#event(previous === carrier ? `moved to another ${carrier}` : `moved from ${previous} to ${carrier}, without a gap`);
    }
    if (Boolean(carrier) === this.#attached && this.#session.readyState !== "closed") return;
    this.#attached = Boolean(carrier);
    const now = performance.now();
    this.timeline.carrier(carrier ? "attached" : "suspended");
    if (carrier) {
      const away = this.#lostAt ? ` after ${Math.round(now - this.#lostAt)} ms` : "";
      this.#say("good", `Attached over ${carrier}`);
      this.#event(`attached over ${carrier}${away}`);
      if (away) this.#announce(`Attached again${away}.`);
      if (now < this.#holdUntil) this.#cut("Cut again.");
    } else if (this.#session.readyState === "closed") {
      this.#say("bad", "The session has ended");
      this.#event("the session has ended");
    } else {
      this.#lostAt = now;
      this.#say("waiting", "Suspended, coming back");
      this.#event(`suspended${this.#waiting()}`);
    }
  }

  #say(state, words) {
    this.#state.dataset.state = state;
    this.#state.textContent = words;
  }
}
