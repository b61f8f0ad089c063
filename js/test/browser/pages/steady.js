// In a page: a listener that echoes, and a diary of what happened to the page and to its session.

/** @type {{ at: number, what: string }[]} */
const diary = [];
/** Who waits for something to be noted. @type {Set<() => void>} */
const waiting = new Set();
const note = (/** @type {string} */ what) => {
  diary.push({ at: Math.round(performance.now()), what });
  for (const look of [...waiting]) look();
};
let listening = 0;
let longest = 0;
let module;
let listener;

for (const [target, type] of /** @type {[EventTarget, string][]} */ ([
  [document, "visibilitychange"],
  [document, "freeze"],
  [document, "resume"],
  [window, "pagehide"],
  [window, "pageshow"],
])) {
  target.addEventListener(type, (event) => {
    const persisted = "persisted" in event ? ` persisted=${event.persisted}` : "";
    note(`${type}${type === "visibilitychange" ? ` ${document.visibilityState}` : persisted}`);
    // For the page that may come after this one at its address.
    if (type === "pagehide")
      sessionStorage.setItem("kept", String(/** @type {PageTransitionEvent} */ (event).persisted));
  });
}

// How slowly timers run here, for the record.
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
}, 100);

/** @param {[string, string?]} where the gateway's origin, and the only kind of carrier to be used; absent: what the module likes */
export async function listen([gateway, carrier]) {
  module = await import(`${gateway}/pageport.js`);
  if (carrier) module.configure({ carriers: [carrier] });
  const session = module.session();
  session.addEventListener("carrierchange", () => note(`session ${session.readyState}`));
  listener = new module.WebSocketListener();
  listener.onconnection = ({ socket }) => {
    socket.onmessage = ({ data }) => socket.send(data);
    socket.onclose = ({ code, wasClean }) => note(`visitor closed ${code} ${wasClean ? "clean" : "unclean"}`);
  };
  listener.addEventListener("error", ({ error }) => note(`error ${error.code}`));
  await new Promise((resolve) => {
    listener.addEventListener("listening", () => (listening++, note("listening"), resolve(undefined)));
  });
  return { url: listener.url, pathUrl: listener.pathUrl };
}

/** What the page knows of itself by now. `times` it has begun to listen, and the longest pause between two timers. */
export function state() {
  const [navigation] = performance.getEntriesByType("navigation");
  const { notRestoredReasons: reasons } = /** @type {any} */ (navigation);
  return {
    diary,
    now: Math.round(performance.now()),
    state: module ? module.session().readyState : "none",
    url: listener?.url ?? "",
    times: listening,
    hidden: document.hidden,
    kept: sessionStorage.getItem("kept"),
    longest: Math.round(longest),
    // Chromium says why a page was not kept; null if it was, or was never asked to be.
    reasons: reasons ? JSON.stringify(reasons) : String(reasons),
  };
}

/** Whether something stands in the diary, at the latest after `ms`. @param {string} what @param {number} ms */
export function noted(what, ms) {
  return until(() => diary.some((entry) => entry.what === what), ms);
}

/**
 * Whether the session is attached and has begun to listen so often, at the latest after `ms`.
 * @param {number} ms
 * @param {number} [times]
 */
export function attached(ms, times = 1) {
  return until(() => module.session().readyState === "open" && listening >= times, ms);
}

/**
 * @param {() => boolean} find asked again whenever something is noted
 * @param {number} ms
 * @returns {Promise<boolean>}
 */
function until(find, ms) {
  return new Promise((resolve) => {
    const look = () => find() && settle(true);
    const settle = (/** @type {boolean} */ value) => (clearTimeout(timer), waiting.delete(look), resolve(value));
    const timer = setTimeout(settle, ms, false);
    waiting.add(look);
    look();
  });
}
