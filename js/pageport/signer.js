/**
 * Claims (spec/protocol.md §7.2): what is signed, and the random names that a key has.
 *
 * Must never let anything but a claim be signed.
 */

import { INSECURE_CONTEXT, INVALID_ARGUMENT } from "./codes.js";
import { fail } from "./errors.js";
import { ENCODER, join } from "./frames.js";
import { pairOf } from "./key-store.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** The signer of this origin with a gateway. @param {string} gateway @param {CryptoKeyPair} [pair] where the runtime keeps none */
export async function signerOf(gateway, pair) {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) fail(INSECURE_CONTEXT);
  pair ??= await pairOf(gateway);
  return new Signer(pair, new Uint8Array(await subtle.exportKey("raw", pair.publicKey).catch(unfit)));
}

/** @param {unknown} error @returns {never} */
const unfit = (error) => fail(INVALID_ARGUMENT, `not a key that signs: ${error}`);

/** What a random name comes from, besides the key. */
export const newSlot = () => toBase64url(crypto.getRandomValues(new Uint8Array(16)));

export class Signer {
  #privateKey;
  #key;

  /** @param {CryptoKeyPair} pair @param {Bytes} key its public half */
  constructor({ privateKey }, key) {
    this.#privateKey = privateKey;
    this.#key = key;
  }

  /**
   * @param {string} gateway its origin
   * @param {{ session?: string, nonce: string }} core
   * @param {string} subject a name, or `:` and a port
   * @param {string} [slot]
   */
  async claim(gateway, { session = "", nonce }, subject, slot) {
    const message = messageOf(gateway, session, nonce, subject, this.#key);
    const signature = await crypto.subtle.sign("Ed25519", this.#privateKey, message).catch(unfit);
    return { key: toBase64url(this.#key), signature: toBase64url(new Uint8Array(signature)), slot };
  }

  /** Not yet a random name, if it has no digit. @param {string} slot */
  async nameOf(slot) {
    const text = join([ENCODER.encode("pageport random name v1\0"), this.#key, fromBase64url(slot)]);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
    // Five bits each: two bytes hold them wherever they begin.
    return Array.from({ length: 13 }, (_, i) => {
      const at = (i * 5) >> 3;
      return LETTERS[(((hash[at] << 8) | hash[at + 1]) >> (11 - ((i * 5) & 7))) & 31];
    }).join("");
  }
}

/** @param {string} gateway @param {string} session @param {string} nonce @param {string} subject @param {Bytes} key */
export function messageOf(gateway, session, nonce, subject, key) {
  const parts = [ENCODER.encode(gateway), fromBase64url(session), fromBase64url(nonce), ENCODER.encode(subject), key];
  return join([ENCODER.encode("pageport name v1\0"), ...parts.flatMap((part) => [[part.length >> 8, part.length & 255], part])]);
}

/** @param {Uint8Array} bytes */
const toBase64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_" })[c] ?? "");

/** @param {string} text */
export const fromBase64url = (text) => Uint8Array.from(atob(text.replace(/[-_]/g, (c) => (c === "-" ? "+" : "/"))), (c) => c.charCodeAt(0));
