/**
 * Carriers in the page's role (spec/protocol.md §5, §6): attaching, silence, the end of a session.
 *
 * Must never say anything on a carrier before HELLO and WELCOME have passed.
 */

import { ATTACH_ORDER, FRAME_FLOOD, GOING_AWAY, HELLO_INVALID, SESSION_CLOSED } from "./codes.js";
import { abandon, enqueue, see } from "./core.js";
import { codeOf, fail, PageportError } from "./errors.js";
import { decode, encodeJson } from "./frames.js";
import { parseWelcome } from "./heads.js";
import { ATTEMPT, PROBE, SILENCE, SKIPPED as SKIPPED_MAX } from "./limits.js";
import { onData } from "./receive.js";
import { onResume, onStatus, snapshot } from "./resume.js";
import { ints } from "./varint.js";
import {
  ACK, ATTACHED, CLOSE, DATA, DATAGRAM, DETACH, GOAWAY, GREETING, HELLO, PING, PONG, RESET, RESUME, RESUMING, SKIPPED, STOP, WELCOME,
} from "./wire.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./core.js").Carrier} Carrier */

/**
 * Begins an attempt on a new carrier. One that is attached goes on serving until WELCOME; any other attempt is given up.
 * @param {Core} core
 * @param {unknown} key
 * @param {number} now
 */
export function attach(core, key, now) {
  const { limits, session, secret, credential } = core;
  const hello = encodeJson({ version: 1, n: ++core.n, limits, features: [], session, secret, credential });
  core[core.carrier?.phase === ATTACHED ? "candidate" : "carrier"] = { key, phase: GREETING, out: [[HELLO, hello]], heard: now, pinged: -1, entries: [] };
}

/** A carrier is gone. An attempt that is under way takes its place. @param {Core} core @param {unknown} key whose; absent: what serves */
export function lose(core, key = core.carrier?.key) {
  if (core.carrier?.key === key) core.carrier = core.candidate;
  else if (core.candidate?.key !== key) return;
  core.candidate = undefined;
}

/**
 * Takes in one carrier message. What breaks the protocol ends the session.
 * @param {Core} core
 * @param {unknown} key
 * @param {Uint8Array} message
 * @param {number} now
 */
export function receive(core, key, message, now) {
  const carrier = [core.carrier, core.candidate].find((carrier) => carrier?.key === key);
  if (!carrier) return;
  carrier.heard = core.now = now;
  try {
    for (const frame of decode(message)) {
      // One frame may retire the carrier, or end the session.
      if ((core.carrier === carrier || core.candidate === carrier) && core.ended < 0) apply(core, carrier, frame);
    }
  } catch (error) {
    if (!(error instanceof PageportError)) throw error;
    fault(core, carrier, codeOf(error), true);
  }
}

/** Asks now whether the carrier still works. @param {Core} core @param {number} now */
export function probe({ carrier }, now) {
  if (carrier?.phase === ATTACHED && carrier.pinged < carrier.heard) {
    carrier.pinged = now;
    carrier.out.push([PING, new Uint8Array(8)]);
  }
}

/** When to call `tick`, at the latest. @param {Core} core */
export const timeout = ({ carrier, candidate, sweepAt }) => (carrier ? Math.min(sweepAt, deadline(carrier), candidate ? deadline(candidate) : Infinity) : Infinity);

/** Does what has become due. @param {Core} core @param {number} now */
export function tick(core, now) {
  if (now >= core.sweepAt) {
    core.due = true;
    core.sweepAt = Infinity;
  }
  for (const carrier of [core.candidate, core.carrier]) {
    if (carrier && now >= deadline(carrier)) {
      if (carrier.phase < ATTACHED || carrier.pinged >= carrier.heard) lose(core, carrier.key);
      probe(core, now);
    }
  }
}

/** Ends the session: no stream survives it. @param {Core} core @param {number} code @param {boolean} [tell] the peer */
export function end(core, code, tell) {
  const { carrier } = core;
  core.ended = code;
  core.candidate = undefined;
  core.streams.forEach((stream) => abandon(core, stream, code || SESSION_CLOSED));
  // Behind a HELLO nothing may come before its WELCOME.
  if (carrier) carrier.out = tell && carrier.phase ? [[CLOSE, ints(code)]] : [];
}

/** An attempt costs nothing but itself while another carrier serves. @param {Core} core @param {Carrier} carrier @param {number} code @param {boolean} [tell] */
const fault = (core, carrier, code, tell) => (carrier === core.candidate ? lose(core, carrier.key) : end(core, code, tell));

/** @param {Carrier} carrier */
const deadline = ({ phase, pinged, heard }) => (phase < ATTACHED ? heard + ATTEMPT : pinged < heard ? heard + SILENCE : pinged + PROBE);

/** @param {Core} core @param {Carrier} carrier @param {import("./frames.js").Frame} frame */
function apply(core, carrier, [type, a, b, c, d, e]) {
  const { skips } = core;
  switch (type) {
    case SKIPPED:
      if (skips.push(core.now) > SKIPPED_MAX && core.now - /** @type {number} */ (skips.shift()) < 60_000) fail(FRAME_FLOOD);
      return;
    case DETACH:
      return lose(core, carrier.key);
    case CLOSE:
      return fault(core, carrier, a);
  }
  const isPing = type === PING || type === PONG;
  if (isPing ? !carrier.phase : carrier.phase !== (type === WELCOME ? GREETING : type === RESUME ? RESUMING : ATTACHED)) fail(ATTACH_ORDER);
  switch (type) {
    case WELCOME:
      return welcome(core, carrier, a);
    case RESUME:
      return onResume(core, carrier, a, b, c);
    case PING:
      carrier.pong = a.slice();
      return;
    case PONG:
      if (carrier.pinged >= 0) core.rtt = core.now - carrier.pinged;
      carrier.pinged = -1;
      return;
    case ACK:
      return onStatus(core, a);
    case RESET:
      return onStatus(core, [[a, 0, 0, b, c]]);
    case STOP:
      return onStatus(core, [[a, 0, 0, , , b]]);
    case DATA: {
      const stream = see(core, a);
      return stream && onData(core, stream, b, c, d);
    }
    case DATAGRAM:
      return (core.streams.get(a)?.enqueue ?? enqueue)(core.arrived, { flow: a, bytes: b });
    case GOAWAY:
      core.away = [d, e];
      return core.streams.forEach((stream, id) => id % 2 === core.side && id > a && abandon(core, stream, GOING_AWAY));
  }
  fail(ATTACH_ORDER);
}

/** @param {Core} core @param {Carrier} carrier @param {Uint8Array} bytes */
function welcome(core, carrier, bytes) {
  const { session, secret, nonce, limits } = parseWelcome(bytes);
  if (core.session ? secret || session !== core.session || `${encodeJson(limits)}` !== `${encodeJson(core.peer)}` : !secret) fail(HELLO_INVALID);
  core.session = session;
  core.secret ??= secret;
  core.nonce = nonce;
  core.peer = limits;
  core.rtt = core.now - /** @type {number} */ (carrier.opened);
  core.carrier = carrier;
  core.candidate = undefined;
  carrier.phase = RESUMING;
  snapshot(core, carrier);
}
