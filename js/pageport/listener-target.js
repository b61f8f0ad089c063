/**
 * A listener as the platform would have it: an EventTarget that says where it is and can be closed.
 *
 * Holds what visitors cannot see. Must never say that it listens before they are met.
 */

import { Listening } from "./listening.js";
import { defineHandlers } from "./ws-events.js";

/** Events: `listening`, again after a lost session; `error`, with `error`, which it may survive; `close`. */
export class ListenerTarget extends /** @type {ListenerBase} */ (EventTarget) {
  /** Where visitors find it, on an origin of its own, or at its port. */
  url = "";
  /** @param {import("./listening.js").Init} init @param {import("./listening.js").Role} role */
  constructor(init, role) {
    super();
    /** @internal */
    this.listening = new Listening(init, {
      ...role,
      owner: this,
      opened: (place) => {
        this.url = place.url;
        role.opened?.(place);
        this.emit("listening");
      },
      failed: (error) => this.emit("error", { error }),
      closed: () => this.emit("close"),
    });
  }

  /** Takes no more visitors; those who are there stay. */
  close() {
    this.listening.close();
  }

  /** @internal @param {string} type @param {object} [fields] */
  emit(type, fields) {
    return this.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), fields));
  }
}

defineHandlers(ListenerTarget, "listening", "error", "close");

/**
 * @typedef {{ new (): EventTarget & { onlistening: ((event: Event) => void) | null, onclose: ((event: Event) => void) | null,
 *   onerror: ((event: Event & { error: import("./errors.js").PageportError }) => void) | null } }} ListenerBase
 */
