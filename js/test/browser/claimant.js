// Whoever has a key and claims names with it, by Node's own cryptography: nothing here comes from the module or from the gateway's
// code, only from spec/protocol.md §7.2. It must sign whatever it is told to.

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto";

/** What stands before the 32 bytes of a key in PKCS #8 (RFC 8410 §7). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
/** The order of the group, RFC 8032 §5.1. */
const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

/** @typedef {{ key: string, signature: string, slot?: string }} Claim */
/** @typedef {{ origin: string, session: string, nonce: string, subject: string }} Statement session and nonce in base64url */

export class Claimant {
  /** @param {Uint8Array} [seed] 32 bytes */
  constructor(seed = randomBytes(32)) {
    this.private = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
    this.public = createPublicKey(this.private).export({ format: "der", type: "spki" }).subarray(-32);
  }

  /** @param {Statement} statement @returns {Claim} */
  claim({ origin, session, nonce, subject }) {
    const parts = [origin, Buffer.from(session, "base64url"), Buffer.from(nonce, "base64url"), subject, this.public];
    const message = [Buffer.from("pageport name v1\0")];
    for (const part of parts.map((part) => Buffer.from(part))) message.push(Buffer.from([part.length >> 8, part.length]), part);
    const signature = sign(null, Buffer.concat(message), this.private);
    return { key: this.public.toString("base64url"), signature: signature.toString("base64url") };
  }

  /** A claim that a session may make, unless it is changed. @param {import("./by-hand.js").HandPage} page @param {string} subject @param {Partial<Statement>} [changes] */
  of(page, subject, changes) {
    const { session, nonce } = page.identity;
    return this.claim({ origin: page.world.url, session, nonce, subject, ...changes });
  }

  /** A random name of this key, and the slot that gives it. @returns {{ name: string, slot: string }} */
  random() {
    for (;;) {
      const slot = randomBytes(16);
      const hash = createHash("sha256").update("pageport random name v1\0").update(this.public).update(slot).digest("hex");
      const bits = BigInt(`0x${hash}`).toString(2).padStart(256, "0");
      const name = Array.from({ length: 13 }, (_, at) => BASE32[parseInt(bits.slice(at * 5, at * 5 + 5), 2)]).join("");
      if (/\d/.test(name)) return { name, slot: slot.toString("base64url") };
    }
  }
}

/** The same signature to whoever does not check that S is below the order. @param {Claim} claim @returns {Claim} */
export function malleable(claim) {
  const bytes = Buffer.from(claim.signature, "base64url");
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString("hex")}`) + ORDER;
  const high = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
  return { ...claim, signature: Buffer.concat([bytes.subarray(0, 32), high]).toString("base64url") };
}

/** Holds for every message under the neutral element, unless keys and R of small order are refused. @returns {Claim} */
export function everybodys() {
  const neutral = Buffer.from([1, ...Buffer.alloc(31)]);
  const signature = Buffer.concat([neutral, Buffer.alloc(32)]);
  return { key: neutral.toString("base64url"), signature: signature.toString("base64url") };
}

/**
 * A JSON Web Token. @param {Claimant} issuer @param {object} payload @param {object | string} [header]
 * @param {(signed: Buffer) => Buffer} [by] what makes the signature
 */
export function jwt(issuer, payload, header = { alg: "EdDSA", typ: "JWT" }, by = (signed) => sign(null, signed, issuer.private)) {
  const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${by(Buffer.from(signed)).toString("base64url")}`;
}
