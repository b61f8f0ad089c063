/**
 * The key of this origin with a gateway, in IndexedDB. No script can read its private half: it can only be used, and only here.
 *
 * Must never make a second one while there is a first: names would be lost with it.
 */

import { INSECURE_CONTEXT } from "./codes.js";
import { fail } from "./errors.js";

const STORE = "keys";

/** @param {string} gateway an origin @returns {Promise<CryptoKeyPair>} */
export const pairOf = (gateway) => find(gateway).catch((error) => fail(INSECURE_CONTEXT, `nowhere to keep a key: ${error}`));

/** @param {string} gateway */
async function find(gateway) {
  const opening = indexedDB.open("pageport");
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  // Strict: a name may depend on it from now on.
  const keys = () => database.transaction(STORE, "readwrite", { durability: "strict" }).objectStore(STORE);
  try {
    const found = await done(keys().get(gateway));
    if (found) return found;
    const fresh = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    // Another tab may have been faster: then its key is everybody's.
    await done(keys().add(fresh, gateway)).catch(() => {});
    return (await done(keys().get(gateway))) ?? fail(INSECURE_CONTEXT);
  } finally {
    database.close();
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<any>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
