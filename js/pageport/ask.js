/**
 * Asking the gateway to listen (spec/protocol.md §7.1), over a stream that stands for the listener as long as it is there.
 *
 * Fetched with what meets visitors. Must never take a visitor before its listener has a name.
 */

import { dispatch } from "./dispatch.js";
import { fail } from "./errors.js";
import { CLOSED, LISTENING } from "./listener-state.js";
import { hasEnded } from "./receive.js";
import { answerOf, parseListening, parsePort } from "./replies.js";
import { finish } from "./send.js";

/** @typedef {import("./listening.js").Place} Place */

/** Listens in a session, with claims where they are loaded. @param {import("./listening.js").Listening} listening @param {import("./core.js").Core} core @param {typeof import("./claim.js") | true} claims */
export async function begin(listening, core, claims) {
  /** @type {import("./listening.js").Ask} */
  const asks = (where) => ask(listening, core, where);
  listening.session.dispatch = dispatch;
  try {
    await (claims === true ? asks({}) : claims.claim(listening, core, asks));
  } catch (error) {
    listening.failed(core, /** @type {import("./errors.js").PageportError} */ (error));
  }
}

/** Rejects when the gateway refuses. @param {import("./listening.js").Listening} listening @param {import("./core.js").Core} core @param {import("./listening.js").Where} where @returns {Promise<Place>} */
const ask = (listening, core, where) =>
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
          found(listening, place);
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

/** Visitors find it. @param {import("./listening.js").Listening} listening @param {Place} place */
function found(listening, place) {
  const { part, role } = listening;
  listening.name = place.name ?? ":" + place.port;
  listening.state = LISTENING;
  const info = part?.opened?.(listening, place) ?? place;
  role.opened?.(place);
  listening.first(info);
}
