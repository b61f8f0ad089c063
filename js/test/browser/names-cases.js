// What claims and tokens are refused with, one case each: run against a real gateway, by the proof and by the tests.

import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { connect, HandPage, helloJson, said } from "./by-hand.js";
import { Claimant, everybodys, jwt, malleable } from "./claimant.js";
import { CLOSE, DETACH, hello, WELCOME } from "./wire.js";

/** @typedef {import("./by-hand.js").World} World */
/** @typedef {{ name: string, expected: string, got: string }} Result */

/** A session of its own for each page. @param {World} world */
export const attach = (world) => HandPage.attached(world, "bytes");

/** Asks for a name on a new stream; `ok`, or the code. */
export async function listen(page, name, claim, kind = "websocket") {
  page.streams = (page.streams ?? -1) + 2;
  const reply = await page.ask(page.streams, { listen: kind, name, claim });
  return reply?.ok ? "ok" : (reply?.error ?? reply ?? "silence");
}

/** @param {World} world @param {World} other another gateway @returns {Promise<Result[]>} */
export async function claimCases(world, other) {
  /** @type {Result[]} */
  const results = [];
  const page = await attach(world);
  const elsewhere = await attach(world);
  const abroad = await attach(other);
  const [mine, theirs] = [new Claimant(), new Claimant()];
  const says = (name, expected, got) => results.push({ name, expected, got });
  const invalid = async (name, claim, subject = "shop") =>
    says(name, "ERR_CLAIM_INVALID", await listen(page, subject, claim));

  await invalid("signed for another gateway", mine.of(page, "shop", { origin: other.url }));
  await invalid("signed for another scheme", mine.of(page, "shop", { origin: world.url.replace("http", "https") }));
  await invalid("taken from another gateway", mine.of(abroad, "shop"));
  await invalid("taken from another session", mine.of(elsewhere, "shop"));
  await invalid("signed for another name", mine.of(page, "shop2"));
  await invalid("with a nonce that was never given", mine.of(page, "shop", { nonce: elsewhere.identity.nonce }));
  await invalid("malleable: S plus the order of the group", malleable(mine.of(page, "shop")));
  await invalid("a key and R of small order", everybodys());
  await invalid("the key of somebody else", { ...mine.of(page, "shop"), key: theirs.public.toString("base64url") });
  const { name: random, slot } = mine.random();
  await invalid("a random name of another key", { ...theirs.of(page, random), slot }, random);
  await invalid("a slot that gives another name", { ...mine.of(page, "shop"), slot });
  says("no claim at all", "ERR_CLAIM_REQUIRED", await listen(page, "shop", undefined));
  const good = mine.of(page, "shop");
  says("control: the right one", "ok", await listen(page, "shop", good));
  says("listening to requests, too", "ok", await listen(page, "shop", undefined, "http"));
  says("the same kind twice", "ERR_LISTENER_EXISTS", await listen(page, "shop", undefined));
  says("a random name of this key", "ok", await listen(page, random, { ...mine.of(page, random), slot }));

  for (const name of ["shop", "sh0p", "s-hop"])
    says(`another key asks for ${name}`, "ERR_NAME_TAKEN", await listen(elsewhere, name, theirs.of(elsewhere, name)));
  for (const name of ["www", "vvww", "adm1n", "pa-geport", "k3vqz7m2xwp4a"])
    says(`reserved: ${name}`, "ERR_NAME_RESERVED", await listen(elsewhere, name, theirs.of(elsewhere, name)));
  for (const name of ["ab", "-shop", "Shop", "xn--bcher-kva", "a".repeat(41)])
    says(`not a name: ${name.slice(0, 20)}`, "ERR_NAME_INVALID", await listen(elsewhere, name, undefined));

  says("the same key in a newer session", "ok", await listen(elsewhere, "shop", mine.of(elsewhere, "shop")));
  await page.carrier.until(() => page.resets().length >= 2);
  const told = page.resets().map(([, code]) => code);
  says("both older listeners are told at once", "ERR_NAME_REPLACED ERR_NAME_REPLACED", told.join(" "));
  says("replayed: the nonce has served this name", "ERR_CLAIM_STALE", await listen(page, "shop", good));
  says("what was proven is void", "ERR_CLAIM_REQUIRED", await listen(page, "shop", undefined));
  for (const each of [page, elsewhere, abroad]) each.drop();
  return results;
}

/**
 * Tokens that an issuer signs, and everything that is none. The gateway knows `issuer` as `shop`, whose tokens may be for at most an
 * hour and at most `{ kinds: ["websocket"], names: ["app-*"], listeners: 1 }`.
 * @param {World} world @param {Claimant} issuer @returns {Promise<Result[]>}
 */
export async function tokenCases(world, issuer) {
  /** @type {Result[]} */
  const results = [];
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: "shop", sub: "me", aud: world.url, exp: now + 600 };
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const public32 = issuer.public;
  const beyond = (pageport) => jwt(issuer, { ...payload, pageport });
  const refused = {
    expired: jwt(issuer, { ...payload, exp: now }),
    "for longer than its issuer may": jwt(issuer, { ...payload, exp: now + 7200 }),
    "not yet": jwt(issuer, { ...payload, nbf: now + 300 }),
    "for another audience": jwt(issuer, { ...payload, aud: "https://gw.example" }),
    "for the same host at another port": jwt(issuer, { ...payload, aud: "http://localhost:1" }),
    "without an end": jwt(issuer, { ...payload, exp: undefined }),
    "without a subject": jwt(issuer, { ...payload, sub: undefined }),
    "of an unknown issuer": jwt(issuer, { ...payload, iss: "nobody" }),
    "of another key": jwt(new Claimant(), payload),
    "alg none, unsigned": jwt(issuer, payload, { alg: "none" }, () => Buffer.alloc(0)),
    "alg none, signed": jwt(issuer, payload, { alg: "none" }),
    "alg HS256 with the public key as secret": jwt(issuer, payload, { alg: "HS256" }, (signed) =>
      createHmac("sha256", public32).update(signed).digest(),
    ),
    "alg RS256": jwt(issuer, payload, { alg: "RS256" }, (signed) => sign("sha256", signed, rsa)),
    "alg ES256, signed with Ed25519": jwt(issuer, payload, { alg: "ES256" }),
    "an unknown critical extension": jwt(issuer, payload, { alg: "EdDSA", crit: ["b64"], b64: false }),
    "two algorithms": jwt(issuer, payload, '{"alg":"EdDSA","alg":"none"}'),
    "asks for tcp": beyond({ kinds: ["websocket", "tcp"] }),
    "asks for another name": beyond({ names: ["shop"] }),
    "asks for two listeners": beyond({ listeners: 2 }),
    "asks to connect": beyond({ may: ["listen", "connect"] }),
  };
  for (const [name, token] of Object.entries(refused))
    results.push({ name: `token ${name}`, expected: "CLOSE ERR_CREDENTIAL_INVALID", got: await attached(world, token) });
  const token = jwt(issuer, payload);
  results.push({ name: "control: a good token", expected: "WELCOME", got: await attached(world, token) });

  const page = await HandPage.attached({ ...world, token }, "bytes");
  const key = new Claimant();
  const listening = async (name, expected, subject, kind) =>
    results.push({ name, expected, got: await listen(page, subject, key.of(page, subject), kind) });
  await listening("its page listens under another name", "ERR_LISTEN_FORBIDDEN", "shop");
  await listening("its page listens for another kind", "ERR_LISTEN_FORBIDDEN", "app-1", "http");
  await listening("control: its page listens", "ok", "app-1");
  await listening("its page listens twice", "ERR_LISTEN_FORBIDDEN", "app-2");
  page.drop();
  return results;
}

/** What a gateway says to a HELLO with this credential. @param {World} world @param {string} credential */
async function attached(world, credential) {
  const carrier = await connect({ ...world, token: "" }, "bytes");
  try {
    carrier.send(hello(helloJson({ credential })));
    return said(await carrier.next([WELCOME, CLOSE, DETACH]));
  } finally {
    carrier.drop();
  }
}
