/**
 * What the platform keeps to itself: `on*` attributes, constants, tasks and CloseEvent for classes of our own.
 *
 * Must never keep an object alive.
 */

/**
 * Gives a class the attributes `on<type>`. A handler keeps its place among the listeners when it is replaced, and loses it to
 * null; whatever is no object counts as null, and one that is no function is never called.
 * @param {{ prototype: EventTarget }} target
 * @param {string[]} types
 */
export function defineHandlers({ prototype }, ...types) {
  for (const type of types) {
    /** @type {WeakMap<EventTarget, { handler: any, listener: (event: Event) => void }>} */
    const handlers = new WeakMap();
    Object.defineProperty(prototype, "on" + type, {
      configurable: true,
      enumerable: true,
      get() {
        return handlers.get(this)?.handler ?? null;
      },
      set(handler) {
        const had = handlers.get(this);
        if (Object(handler) !== handler) {
          this.removeEventListener(type, had?.listener);
          handlers.delete(this);
        } else if (had) had.handler = handler;
        else {
          const has = { handler, listener: (/** @type {Event} */ event) => has.handler.call?.(this, event) };
          handlers.set(this, has);
          this.addEventListener(type, has.listener);
        }
      },
    });
  }
}

/**
 * Gives a class and its instances the constants 0, 1, 2, … of an interface.
 * @param {{ prototype: object }} target
 * @param {string[]} names
 */
export function defineConstants(target, ...names) {
  names.forEach((name, value) => {
    for (const object of [target, target.prototype]) Object.defineProperty(object, name, { value, enumerable: true });
  });
}

/** @type {((value?: unknown) => void)[]} */
const tasks = [];
/** @type {MessagePort | undefined} */
let port;

/** Resolves in a task of its own. Not a timer: those of hidden pages are held back. @returns {Promise<unknown>} */
export const nextTask = () =>
  new Promise((resolve) => {
    // Node would run for ever for an open port.
    const { setImmediate } = /** @type {any} */ (globalThis);
    if (setImmediate) return setImmediate(resolve);
    if (!port) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => tasks.shift()?.();
      port = port2;
    }
    tasks.push(resolve);
    port.postMessage(0);
  });

/** Node before 23 has none. @type {typeof globalThis.CloseEvent} */
export const CloseEvent =
  globalThis.CloseEvent ??
  class extends Event {
    /** @param {string} type @param {CloseEventInit} init */
    constructor(type, init) {
      super(type);
      Object.assign(this, { wasClean: false, ...init });
    }
  };
