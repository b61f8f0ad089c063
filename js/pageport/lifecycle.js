/**
 * What a page, a worker or a process learns about itself: whether it is worth trying now, and when to let go.
 *
 * Must never keep a page out of the back/forward cache.
 */

/**
 * @param {AbortSignal} signal when to stop
 * @param {(what: "wake" | "sleep" | "leave") => void} onchange wake: the network may be back, or the page is; sleep: no code will
 *   run for a while; leave: never again
 */
export function watch(signal, onchange) {
  /** @type {(event: any) => void} */
  const changed = ({ type, persisted }) => {
    if (type !== "visibilitychange" || !document.hidden) {
      onchange(type === "freeze" || (type === "pagehide" && persisted) ? "sleep" : type === "pagehide" ? "leave" : "wake");
    }
  };
  // Those of the document are seen on their way to it. A worker has few of these events, Node none.
  for (const type of ["online", "visibilitychange", "pageshow", "resume", "freeze", "pagehide"]) {
    globalThis.addEventListener?.(type, changed, { capture: true, signal });
  }
}
