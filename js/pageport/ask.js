/**
 * Asking the gateway to listen (spec/protocol.md §7.1), over a stream that stands for the listener as long as it is there.
 *
 * Fetched with what meets visitors. Must never take a visitor before its listener has a name.
 */

import { fail } from "./errors.js";
import { CLOSED } from "./listener-state.js";
import { hasEnded } from "./receive.js";
import { answerOf, parseListening, parsePort } from "./replies.js";
import { finish } from "./send.js";

/** @typedef {import("./listening.js").Place} Place */

/** Rejects when the gateway refuses. @param {import("./listening.js").Listening} listening @param {import("./core.js").Core} core @param {import("./listening.js").Where} where @returns {Promise<Place>} */
export const ask = (listening, core, where) =>
  new Promise((resolve, reject) => {
    const { kind, session } = listening;
    if (listening.state || core.ended >= 0) return reject();
    const stream = (listening.stream = session.open({ listen: kind, ...where }));
    stream.notify = () => {
      if (listening.state === CLOSED || core.ended >= 0) return reject();
      try {
        if (stream.failed >= 0) fail(stream.failed);
        // At once: visitors may come in the same message.
        if (stream.head && !listening.state) {
          const answer = answerOf(stream.head);
          /** @type {Place} */
          const place = kind === "tcp" || where.port !== undefined ? parsePort(answer) : parseListening(answer);
          resolve(place);
          listening.found(place);
        }
        if (hasEnded(stream)) listening.close();
      } catch (error) {
        stream.notify = () => {};
        finish(core, stream);
        if (listening.state) listening.failed(core, /** @type {import("./errors.js").PageportError} */ (error));
        else reject(error);
      }
    };
  });
