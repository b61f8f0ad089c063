/**
 * Carrier messages to send (spec/protocol.md §4): what belongs to the carrier, then ACK, RESET and STOP, datagrams, and DATA in
 * turn.
 *
 * Must never let an ACK wait behind DATA, nor a stream behind another.
 */

import { join, sizeOf } from "./frames.js";
import { ACK_BYTES, DATA as DATA_MAX, DATA_SLOW, MESSAGE } from "./limits.js";
import { entry } from "./receive.js";
import { arm, isBlocked, sendable } from "./send.js";
import { ints } from "./varint.js";
import { ACK, BLOCKED, DATA, DATAGRAM, FIN, PONG } from "./wire.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./frames.js").Part} Part */

/**
 * The next message for a carrier, if there is any: `max` bytes, and at most one frame more. It lasts until the next one where the
 * carrier has memory for it.
 * @param {Core} core
 * @param {number} now
 * @param {number} max
 * @param {import("./core.js").Carrier} [carrier] the candidate: what serves, if absent
 */
export function transmit(core, now, max, carrier = core.carrier) {
  const { ready, signals, leaving, dirty, finals } = core;
  if (!carrier) return;
  /** @type {Part[]} */
  const parts = [];
  /** What moves beside messages, if anything does. @type {import("./webtransport.js").Native | undefined} */
  const native = carrier.key?.native;
  let room = Math.min(max, MESSAGE / 2);
  const chunk = room < DATA_MAX ? DATA_SLOW : DATA_MAX;
  /** @param {number} type @param {Part[]} payload */
  const put = (type, ...payload) => {
    const size = sizeOf(payload);
    parts.push(ints(type, size), ...payload);
    room -= size + 5;
  };
  /** @param {import("./core.js").Outgoing[]} queue */
  const drain = (queue) => {
    while (queue.length && room > 0) put(.../** @type {import("./core.js").Outgoing} */ (queue.shift()));
  };

  carrier.opened ??= carrier.heard = now;
  drain(carrier.out);
  if (carrier.pong) put(PONG, carrier.pong);
  carrier.pong = undefined;
  if (carrier.phase && !carrier.out.length && core.ended < 0) {
    if (core.due || parts.length || ready.size || signals.length || leaving.length) {
      /** @type {number[]} */
      const entries = [];
      for (const set of [finals, dirty]) {
        for (const stream of set) {
          if (entries.length > ACK_BYTES) break;
          set.delete(stream);
          entries.push(...entry(stream));
        }
      }
      if (entries.length) put(ACK, entries);
      core.due = finals.size + dirty.size > 0;
      core.unacked = 0;
      core.sweepAt = Infinity;
    }
    if (!core.due) {
      drain(signals);
      while (leaving.length && room > 0 && !native?.isFull) {
        const { flow, bytes } = /** @type {import("./core.js").Datagram} */ (leaving.shift());
        if (!native?.datagram(ints(flow), bytes)) put(DATAGRAM, ints(flow), bytes);
      }
      for (const stream of ready) {
        if (signals.length || room <= 0) break;
        if (native?.carries(stream)) {
          ready.delete(stream);
          continue;
        }
        const { id, out, sent, fin } = stream;
        const most = Math.min(sendable(stream) - sent, chunk);
        const bytes = most > 0 ? out.peek(sent, most) : [];
        const end = sent + bytes.length;
        const flags = fin && end === out.end ? FIN : isBlocked(stream, end) ? BLOCKED : 0;
        ready.delete(stream);
        stream.sent = end + +(flags === FIN);
        if (flags === BLOCKED) stream.said = end;
        arm(core, stream);
        // It may have been acknowledged since it got in line.
        if (flags || bytes.length) put(DATA, ints(id, sent), [flags], bytes);
      }
    }
  }
  if (parts.length) return join(parts, carrier.key?.memory);
}
