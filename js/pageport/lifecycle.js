/**
 * What a page, a worker or a process learns about itself: whether it is worth trying now, and when to let go.
 *
 * Must never keep a page out of the back/forward cache.
 */

/**
 * @param {AbortSignal} signal when to stop
 * @param {(isLeaving: boolean, isAsleep: boolean) => void} onchange no code will ever run again; or none for a while; or neither: the
 *   network may be back, or the page is
 */
export function watch(signal, onchange) {
  /** @type {(event: any) => void} */
  const changed = ({ type, persisted }) => {
    const hides = type === "pagehide";
    if (type !== "visibilitychange" || !document.hidden) onchange(hides && !persisted, hides || type === "freeze");
  };
  // Those of the document are seen on their way to it. A worker has few of these events, Node none.
  for (const type of ["online", "visibilitychange", "pageshow", "resume", "freeze", "pagehide"]) {
    globalThis.addEventListener?.(type, changed, { capture: true, signal });
  }
}
