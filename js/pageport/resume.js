/**
 * Snapshots (spec/protocol.md §5): what a side says of all its streams when a carrier begins, and what that means to the other.
 *
 * Must never let a byte, an end or a limit depend on what an older carrier did.
 */

import { FRAME_MALFORMED, SESSION_LOST, STREAM_ID, STREAM_LIMIT } from "./codes.js";
import { see } from "./core.js";
import { fail } from "./errors.js";
import { FRAME_ENTRIES, RESUME_ENTRIES } from "./limits.js";
import { cut, entry, hasEnded, onReset, progress } from "./receive.js";
import { arm, freed, isDone, onAck, reset } from "./send.js";
import { ints } from "./varint.js";
import { ATTACHED, RESUME } from "./wire.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./core.js").Carrier} Carrier */

/** Queues RESUME. What it says needs no other frame any more; what is not acknowledged counts as unsent. @param {Core} core @param {Carrier} carrier */
export function snapshot(core, carrier) {
  for (const set of [core.dirty, core.finals, core.ready]) set.clear();
  core.signals = [];
  core.due = false;
  const streams = [...core.streams.values()].sort((a, b) => a.id - b.id);
  do {
    const entries = streams.splice(0, FRAME_ENTRIES).flatMap((stream) => {
      const { reset, out, stopped, final } = stream;
      const resets = reset >= 0 && !isDone(stream);
      const stops = stopped >= 0 && final === Infinity;
      stream.sent = out.start;
      stream.said = -1;
      arm(core, stream);
      return [...entry(stream), +resets + 2 * +stops, ...(resets ? ints(reset, out.end) : []), ...(stops ? ints(stopped) : [])];
    });
    carrier.out.push([RESUME, [+!streams.length], ints(Math.max(core.highest, 0)), entries]);
  } while (streams.length);
}

/**
 * Collects the peer's RESUME, and applies it whole at its end.
 * @param {Core} core
 * @param {Carrier} carrier
 * @param {number} done
 * @param {number} highest
 * @param {any[]} entries
 */
export function onResume(core, carrier, done, highest, entries) {
  const all = carrier.entries;
  if (entries[0]?.[0] <= all.at(-1)?.[0] || highest !== (carrier.highest ??= highest)) fail(FRAME_MALFORMED);
  if (all.push(...entries) > RESUME_ENTRIES) fail(STREAM_LIMIT);
  if (!done) return;
  carrier.phase = ATTACHED;
  carrier.entries = [];

  if (highest && (highest % 2 !== core.side || highest >= core.next)) fail(STREAM_ID);
  const listed = new Set(all.map(([id]) => id));
  core.streams.forEach((stream, id) => {
    if (!listed.has(id) && (id % 2 !== core.side || id <= highest)) {
      // The peer has forgotten it, so everything has reached it.
      freed(core, stream, stream.out.end + 1);
      if (!stream.fin && stream.reset < 0) stream.reset = SESSION_LOST;
      if (!hasEnded(stream)) cut(core, stream, SESSION_LOST, stream.in.end);
      progress(core, stream);
    }
  });
  onStatus(core, all);
}

/**
 * Applies what the peer says of streams: entries of RESUME, or what ACK, RESET and STOP say when written as such.
 * @param {Core} core
 * @param {any[]} entries
 */
export function onStatus(core, entries) {
  for (const [id, received, limit, code, final, stopped] of entries) {
    const stream = see(core, id);
    if (stream) {
      onAck(core, stream, received, limit);
      if (final >= 0) onReset(core, stream, code, final);
      if (stopped >= 0) reset(core, stream, stopped);
    }
  }
}
