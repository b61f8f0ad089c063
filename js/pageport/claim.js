/**
 * Listening with a key (spec/protocol.md §7.1, §7.2): chosen names, and random names and ports that outlive their session.
 *
 * Fetched only when a listener needs it. Must never take a name or a port from another tab unasked, nor fight for one that was taken away.
 */

import { NAME_IN_USE } from "./codes.js";
import { fail, PageportError } from "./errors.js";
import { ID } from "./heads.js";
import { CLAIM_RETRIES } from "./limits.js";
import { hold } from "./name-lock.js";
import { newSlot, signerOf } from "./signer.js";

/** @typedef {import("./core.js").Core} Core */
/** @typedef {import("./listening.js").Ask} Ask */
/** @typedef {import("./listening.js").Listening} Listening */
/** @typedef {import("./listening.js").Where} Where */

const PORT_UNAVAILABLE = "ERR_PORT_UNAVAILABLE";

/**
 * What a listener had last. Where nothing was chosen, it is kept in sessionStorage: the slot that a random name comes from, a port.
 * @typedef {{ id?: string, slot?: string, port?: number, isOld?: boolean }} Past
 */

/** @type {WeakMap<Listening, Past>} */
const pasts = new WeakMap();
/** Who asked last for a subject in a session, and whether the session has proven it by then. @type {WeakMap<Core, Map<string, Promise<boolean | undefined>>>} */
const turns = new WeakMap();

/** Listens in a session, with whatever it takes. @param {Listening} listening @param {Core} core @param {Ask} ask */
export async function claim(listening, core, ask) {
  const { init, kind, session } = listening;
  const { name, port, takeover, key } = init;
  const past = pasts.get(listening) ?? remember(listening);
  const signer = await signerOf(session.gateway, key).catch((error) => {
    // Random names and ports may do without: then they belong to the session.
    if (name !== undefined || key) throw error;
  });

  /** @param {string} subject @param {Where} where @param {string} [slot] */
  async function request(subject, where, slot) {
    if (!signer) return ask(where);
    for (let left = CLAIM_RETRIES; ; left--) {
      const { nonce } = core;
      try {
        return await ask({ ...where, claim: await signer.claim(session.gateway, core, subject, slot) });
      } catch (error) {
        if (!left || !is(error, "ERR_CLAIM_STALE")) throw error;
      }
      if (nonce === core.nonce) session.abortCarrier();
      while (nonce === core.nonce && core.ended < 0) await session.changed();
    }
  }

  /** @param {string} subject @param {Where} where @param {string} [slot] */
  const requestInTurn = (subject, where, slot) =>
    inTurn(core, subject, async (isProven) => {
      // Any port is another one each time.
      if (isProven && where.port !== 0) {
        try {
          return await ask(where);
        } catch (error) {
          if (!is(error, where.name ? "ERR_CLAIM_REQUIRED" : PORT_UNAVAILABLE)) throw error;
        }
      }
      return request(subject, where, slot);
    });

  /** Whether no other tab has it. @param {string} subject */
  const isOurs = (subject) => {
    // Once: who has lost it since does not take it again.
    const steal = takeover && !past.id && !past.isOld;
    past.isOld = true;
    return hold(`pageport:${session.gateway}:${subject}`, listening, steal);
  };

  if (kind === "tcp" || port !== undefined) {
    /** @param {number} wanted */
    const requestPort = async (wanted) => {
      if (wanted && !(await isOurs(`:${wanted}`))) throw new PageportError(PORT_UNAVAILABLE);
      return requestInTurn(`:${wanted}`, { port: wanted });
    };
    const had = port || past.port || 0;
    const place = await requestPort(had).catch((error) => (had && !port && is(error, PORT_UNAVAILABLE) ? requestPort(0) : Promise.reject(error)));
    past.port = place.port;
    await isOurs(`:${place.port}`);
  } else if (name !== undefined) {
    if (!(await isOurs(name))) fail(NAME_IN_USE);
    await requestInTurn(name, { name });
  } else if (signer) {
    // A copy of a tab begins with what the other one is using.
    let random;
    while (!/\d/.test((random = await signer.nameOf((past.slot ??= newSlot())))) || !(await isOurs(random))) past.slot = undefined;
    await requestInTurn(random, { name: random }, past.slot);
  } else await ask({});
  keep(past);
}

/** One after the other. @template T @param {Core} core @param {string} subject @param {(isProven?: boolean) => Promise<T>} what @returns {Promise<T>} */
async function inTurn(core, subject, what) {
  const ours = turns.get(core) ?? new Map();
  turns.set(core, ours);
  /** @type {boolean | undefined} */
  let isProven;
  const before = ours.get(subject);
  let end = () => {};
  ours.set(subject, new Promise((resolve) => (end = () => resolve(isProven))));
  try {
    isProven = await before;
    const result = await what(isProven);
    isProven = true;
    return result;
  } finally {
    end();
  }
}

/** @param {Listening} listening */
function remember(listening) {
  const { number, session } = listening;
  /** @type {Past} */
  const past = {};
  pasts.set(listening, past);
  if (number >= 0) {
    try {
      // Another page of this tab is another server.
      past.id = `pageport:${session.gateway}:${location.pathname}:${number}`;
      const { slot, port } = JSON.parse(sessionStorage[past.id]);
      if (ID.test(slot)) past.slot = slot;
      if (port > 0 && port < 65_536) past.port = port;
    } catch {
      // There is none, or none that could be read.
    }
  }
  return past;
}

/** @param {Past} past */
function keep({ id, slot, port }) {
  try {
    if (id) sessionStorage[id] = JSON.stringify({ slot, port });
  } catch {
    // Then it lasts as long as the page.
  }
}

/** @param {any} error @param {string} code */
const is = (error, code) => error?.code === code;
