// The browser's own WebSocket and ours in the same page, scenario by scenario: its own is recorded first. What comes of it is
// judged here and nowhere else; it must never pass a scenario that did not run.

/** @typedef {import("./websocket-server.js").Seen} Seen */
/** @typedef {Record<string, unknown>} Results by scenario */
/** @typedef {{ native: Results, ours: Results, spoiled: Results }} Recorded */

/** Of each kind some, for carriers on which not all are run: what a carrier could break. */
export const SOME = [
  "open: the event and what the socket shows by then", "protocol: the server takes the second", "protocol: the server takes none", "handshake: what the server is told",
  "handshake: status 403", "handshake: a connection that is dropped", "url: relative", "send: text", "send: empty Blob", "send: Uint8Array in the middle", "send: 65536 bytes",
  "send: 5242880 bytes", "send: text, a Blob and bytes keep their order", "bufferedAmount: is zero once all has left", "bufferedAmount: while closing, and after",
  "message: an ArrayBuffer", "message: many together, in order", "message: promises come between messages", "message: with the handshake", "close(): 1000 and a reason",
  "close: before it is open", "close: what was sent before arrives", "server closes: 1001", "frames: reserved bit 1", "end: without a Close frame", "end: by a reset",
];

const OPENED = ["open", 1, "", "", 0, true, false, false];

/** Where the browsers agree neither with each other nor with the standard: a reason without a code is sent with 1000. */
const STANDARD = /** @type {Results} */ ({
  "close(): undefined and a reason": [OPENED, [["returns", null], 2], ["close", 3, 1000, "why", true, true]],
});

/** These a class that is subtly wrong has to fail: its `close` events say another code, and its `url` has a slash more. */
export const CAUGHT = ["server closes: 4000", "end: the server closes with code and reason", "url: plain"];

/**
 * @param {import("./driver.js").Page} page @param {{ gateway: string, base: string, label: string, only?: string[], carriers?: string[], control?: boolean }} plan
 * @returns {Promise<Recorded & { carrier: string | null }>}
 */
export function record(page, plan) {
  return page.evaluate(async ({ gateway, base, label, only, carriers, control, caught }) => {
    const load = (/** @type {string} */ url) => import(url);
    const { configure, session, WebSocket: Ours } = await load(`${gateway}/pageport.js`);
    if (carriers) configure({ carriers });
    const { runAll } = await load("/pages/websocket-scenarios.js");
    const parts = await Promise.all(["urls", "messages", "closing"].map((part) => load(`/pages/websocket-${part}.js`)));
    const all = parts.flatMap(({ SCENARIOS }) => SCENARIOS);
    const chosen = only ? all.filter(([name]) => only.includes(name)) : all;
    const native = await runAll(chosen, WebSocket, base, `${label}/native`);
    const ours = await runAll(chosen, Ours, base, `${label}/ours`);
    const { carrier } = session();
    class Spoiled extends Ours {
      get url() {
        return super.url + "/";
      }
      addEventListener(type, listener, options) {
        const changed = (/** @type {any} */ event) => (type === "close" && Object.defineProperty(event, "code", { value: event.code + 1 }), listener.call(this, event));
        super.addEventListener(type, changed, options);
      }
    }
    Object.defineProperty(Spoiled, "name", { value: "WebSocket" });
    const spoiled = control ? await runAll(all.filter(([name]) => caught.includes(name)), Spoiled, base, `${label}/spoiled`) : {};
    return { native, ours, spoiled, carrier };
  }, { ...plan, caught: CAUGHT });
}

/**
 * Scenarios whose results differ. A browser counts as wrong only where the other one's own class agrees with ours; or, where the two
 * disagree with each other, what the standard says.
 * @param {Results} ours @param {Results} native @param {Results} [other] the own class of the other browser
 */
export function compare(ours, native, other = {}) {
  /** @type {{ same: string[], asOther: string[], asStandard: string[], differ: { name: string, native: unknown, ours: unknown }[] }} */
  const verdict = { same: [], asOther: [], asStandard: [], differ: [] };
  for (const name of new Set([...Object.keys(native), ...Object.keys(ours)])) {
    const is = (/** @type {unknown} */ one) => one !== undefined && equal(one, ours[name]);
    if (is(native[name])) verdict.same.push(name);
    else if (is(other[name])) verdict.asOther.push(name);
    else if (is(STANDARD[name]) && other[name] && !equal(native[name], other[name])) verdict.asStandard.push(name);
    else verdict.differ.push({ name, native: native[name], ours: ours[name] });
  }
  return verdict;
}

/** @param {unknown} a @param {unknown} b */
const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * What the server saw of both has to be the same as well, where it saw both: by scenario. How a connection ends counts where the page
 * chose it; towards a server that breaks the rules ours keeps to RFC 6455 more strictly than browsers do.
 * @param {Map<string, Seen>} seen @param {string} label
 * @returns {[native: Results, ours: Results]}
 */
export function seenOf(seen, label) {
  const of = (/** @type {string} */ kind) => {
    const prefix = `${label}/${kind}/`;
    return [...seen].filter(([id]) => id.startsWith(prefix)).map(([id, one]) => /** @type {[string, Seen]} */ ([id.slice(prefix.length), one]));
  };
  const both = [of("native"), of("ours")];
  const names = both.map((list) => new Set(list.map(([name]) => name)));
  return /** @type {[Results, Results]} */ (
    both.map((list) =>
      Object.fromEntries(
        list.filter(([name]) => names.every((some) => some.has(name)) && !STANDARD[name]).map(([name, { close, ...one }]) => [name, name.startsWith("close(): ") ? { ...one, close } : one]),
      ),
    )
  );
}
