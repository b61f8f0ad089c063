/**
 * Whoever comes to a listener is shown to the page, then accepted or refused (spec/protocol.md §7.3).
 *
 * Must never answer twice, nor let more wait for an iterator than may.
 */

import { INVALID_ARGUMENT, INVALID_STATE } from "./codes.js";
import { reply } from "./core.js";
import { refuse } from "./dispatch.js";
import { fail } from "./errors.js";
import { ITERATOR_QUEUE } from "./limits.js";

/**
 * @template {object} C
 * @param {any} listener @param {import("./stream.js").Stream} stream @param {object} request
 * @param {(options?: { protocol?: string }) => { answer: object, begin: () => C }} welcome what to answer, and what comes of it; fails for options that cannot be
 */
export function introduce(listener, stream, request, welcome) {
  const { session } = listener.listening;
  let isAnswered = false;
  /** Whether there is still somebody to answer. */
  const mayAnswer = () => {
    if (isAnswered) fail(INVALID_STATE);
    isAnswered = true;
    session.poke();
    return stream.reset < 0;
  };
  /** @param {{ protocol?: string }} [options] */
  const accept = (options) => {
    const { answer, begin } = welcome(options);
    if (mayAnswer()) {
      reply(session.core, stream, answer);
      const connection = begin();
      listener.queue?.push(connection);
      listener.wake();
      listener.emit("connection", connection);
    }
  };
  const reject = (status = 403, reason = "") => {
    if (!(status >= 400 && status < 600)) fail(INVALID_ARGUMENT);
    const message = [...`${reason}`.replace(/\p{Cc}/gu, " ")].slice(0, 512).join("");
    if (mayAnswer()) refuse(session, stream, "ERR_REJECTED", { status: status | 0, message });
  };
  if ((listener.queue?.length ?? 0) >= ITERATOR_QUEUE) reject(503);
  else if (listener.emit("connecting", { request, accept, reject }) && !isAnswered) accept();
}
