/**
 * What the platform keeps to itself: `on*` attributes and constants for classes of our own.
 *
 * Must never keep an object alive.
 */

/**
 * Gives a class the attributes `on<type>`. A handler keeps its place among the listeners when it is replaced; whatever
 * is not a function counts as null.
 * @param {{ prototype: EventTarget }} target
 * @param {string[]} types
 */
export function defineHandlers({ prototype }, ...types) {
  for (const type of types) {
    /** @type {WeakMap<EventTarget, Function | null>} */
    const handlers = new WeakMap();
    Object.defineProperty(prototype, "on" + type, {
      configurable: true,
      enumerable: true,
      get() {
        return handlers.get(this) ?? null;
      },
      set(handler) {
        if (!handlers.has(this)) {
          this.addEventListener(type, (/** @type {Event} */ event) => handlers.get(this)?.call(this, event));
        }
        handlers.set(this, typeof handler === "function" ? handler : null);
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
