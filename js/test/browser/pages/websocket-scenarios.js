// In a page: what a WebSocket class does, scenario by scenario, as plain values. It must never look at which class it is.

/**
 * @typedef {object} World
 * @property {typeof WebSocket} WebSocket the class
 * @property {string} base of the server, without a slash at the end
 * @property {(...steps: any[]) => string} to the URL at which the server takes these steps
 * @property {string} host of the page itself
 */
/** @typedef {[name: string, run: (world: World) => unknown]} Scenario */

/** What an event says. @param {any} event */
export function shown(event) {
  const { type, target } = event;
  const at = [type, target.readyState];
  if (type === "message") return [...at, kind(event.data), event.origin, event.lastEventId, event.source, event.ports.length, event instanceof MessageEvent];
  if (type === "close") return [...at, event.code, event.reason, event.wasClean, event instanceof CloseEvent];
  return [...at, target.protocol, target.extensions, target.bufferedAmount, event.constructor === Event, event.bubbles, event.cancelable];
}

/** @param {any} data */
export function kind(data) {
  if (typeof data === "string") return data.length > 64 ? ["text", data.length, data.slice(0, 8)] : ["text", data];
  if (data instanceof ArrayBuffer) return ["ArrayBuffer", data.byteLength, [...new Uint8Array(data).slice(0, 8)]];
  return [data.constructor.name, data.size, data.type];
}

/** Every event until `close`, and what `act` does on the way. @param {WebSocket} socket @param {Record<string, (event: any, log: any[]) => unknown>} [act] @returns {Promise<any[]>} */
export function trace(socket, act = {}) {
  return new Promise((resolve) => {
    /** @type {any[]} */
    const log = [];
    for (const type of ["open", "message", "error", "close"]) {
      socket.addEventListener(type, (event) => {
        log.push(shown(event));
        try {
          act[type]?.(event, log);
        } catch (error) {
          log.push(name(error));
        }
        if (type === "close") setTimeout(() => resolve(log), 5);
      });
    }
  });
}

/** How something fails, or what it returns. @param {() => unknown} what */
export function attempt(what) {
  try {
    return ["returns", what() ?? null];
  } catch (error) {
    return name(error);
  }
}

/** @param {any} error */
export const name = (error) => ["throws", error.name ?? String(error), error instanceof DOMException, error.code ?? null];

/** The next event of a type. @param {EventTarget} target @param {string} type @returns {Promise<any>} */
export const next = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));

/**
 * Runs scenarios with a class, one after the other; what each gave, by name.
 * @param {Scenario[]} scenarios @param {typeof WebSocket} WebSocket @param {string} base @param {string} label tells runs apart at the server
 */
export async function runAll(scenarios, WebSocket, base, label) {
  /** @type {Record<string, unknown>} */
  const results = {};
  for (const [name, run] of scenarios) {
    const to = (/** @type {any[]} */ ...steps) => `${base}/path?${new URLSearchParams({ id: `${label}/${name}`, steps: JSON.stringify(steps) })}`;
    const late = new Promise((resolve) => setTimeout(() => resolve("nothing within 20 s"), 20_000));
    results[name] = await Promise.race([late, (async () => run({ WebSocket, base, to, host: location.host }))().catch((error) => ["failed", `${error}`])]);
  }
  // As it would travel.
  return JSON.parse(JSON.stringify(results));
}
