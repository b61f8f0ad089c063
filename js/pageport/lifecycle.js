/**
 * What a page, a worker or a process learns about itself: whether it is worth trying now, and when to let go.
 *
 * Fetched with what chooses carriers. Must never keep a page out of the back/forward cache.
 */

import { lose, probe } from "./attach.js";
import { SETTLED } from "./limits.js";

/** Lets a session live as its page does. @param {import("./session.js").Session} session @param {AbortSignal} signal when to stop */
export function follow(session, signal) {
  watch(signal, (isLeaving, isAsleep) => {
    const now = performance.now();
    const { core, gateway } = session;
    const { carrier, secret, ended } = core;
    // What is being opened may hang since before.
    if (isAsleep || session.isOpening) session.choice?.stop();
    session.isAsleep = isAsleep;
    session.isOpening = false;
    if (isLeaving) {
      // Some browsers have closed the carrier before the page hears that it goes.
      const body = JSON.stringify({ session: core.session, secret });
      if (core.session && ended < 0) fetch(gateway + "/link/close", { method: "POST", mode: "no-cors", keepalive: true, body }).catch(() => {});
      session.close();
    } else if (isAsleep || (carrier && !carrier.phase && carrier.heard < now - SETTLED)) {
      // Nothing takes its place.
      core.candidate = undefined;
      lose(core);
    }
    session.retryAt = 0;
    probe(core, now);
    session.run();
  });
}

/**
 * @param {AbortSignal} signal
 * @param {(isLeaving: boolean, isAsleep: boolean) => void} onchange no code will ever run again; or none for a while; or neither: the
 *   network may be back, or the page is
 */
function watch(signal, onchange) {
  /** @type {(event: any) => void} */
  const changed = ({ type, persisted }) => {
    const hides = type === "pagehide";
    if (type !== "visibilitychange" || !document.hidden) onchange(hides && !persisted, hides || type === "freeze");
  };
  // Those of the document are seen on their way to it. A worker has few of these events, Node none.
  for (const type of ["online", "visibilitychange", "pageshow", "resume", "freeze", "pagehide"]) {
    globalThis.addEventListener?.(type, changed, { capture: true, signal });
  }
  // A browser that closes a tab may end whatever code runs in it just then, in the middle (Firefox does, often). The next listener is left alone.
  globalThis.addEventListener?.("pagehide", changed, { signal });
}
