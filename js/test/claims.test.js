/** What a page signs is what the specification says, byte for byte. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64url, messageOf, newSlot, Signer, signerOf } from "../pageport/signer.js";
import { hex, vectorFiles } from "./codec.js";

/** What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

const [{ vectors }] = vectorFiles().filter(({ kind }) => kind === "claim");
const good = vectors.filter(({ error }) => !error).map(({ name, json, value }) => ({ name, ...JSON.parse(json), value }));

/** @param {{ seed: string, claim: { key: string } }} vector */
async function signerFor({ seed, claim }) {
  const privateKey = await crypto.subtle.importKey("pkcs8", Buffer.concat([PKCS8, fromBase64url(seed)]), "Ed25519", false, ["sign"]);
  return new Signer(/** @type {any} */ ({ privateKey }), fromBase64url(claim.key));
}

test("claims are those of the vectors", async () => {
  for (const vector of good) {
    const { name, origin, session, nonce, subject, claim, value } = vector;
    assert.equal(hex(messageOf(origin, session, nonce, subject, fromBase64url(claim.key))).replaceAll(" ", ""), value.message, name);
    const made = await (await signerFor(vector)).claim(origin, { session, nonce }, subject, claim.slot);
    assert.deepEqual(JSON.parse(JSON.stringify(made)), value.claim, name);
  }
  assert.ok(good.length >= 10, `only ${good.length} claims`);
});

test("random names come from their slots", async () => {
  const derived = good.filter(({ claim }) => claim.slot);
  for (const vector of derived) assert.equal(await (await signerFor(vector)).nameOf(vector.claim.slot), vector.subject, vector.name);
  assert.ok(derived.length >= 3);
});

test("a signature is good for what was signed only", async () => {
  const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));
  const signer = await signerOf("https://gw.test", pair);
  const core = { session: newSlot(), nonce: newSlot() };
  const { key, signature } = await signer.claim("https://gw.test", core, "shop");
  /** @param {string} subject */
  const verify = (subject) =>
    crypto.subtle.verify("Ed25519", pair.publicKey, fromBase64url(signature), messageOf("https://gw.test", core.session, core.nonce, subject, fromBase64url(key)));
  assert.deepEqual([await verify("shop"), await verify("shoq")], [true, false]);
});
