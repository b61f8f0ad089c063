// A page reads a mailbox: every byte of every message, within TLS that the gateway has verified.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ClientPage } from "../client-page.js";

/** @typedef {Awaited<ReturnType<typeof import("../dovecot.js").startDovecot>>} Dovecot */

/** @param {any} world @param {Dovecot} server @param {"on" | "starttls"} how */
export async function imap(world, server, how) {
  const page = await ClientPage.open(world, "imap-client");
  const tls = await page.ask("open", asked(server, how));
  assert.deepEqual([tls.certificate, tls.servername], [server.fingerprint, server.host]);
  const messages = server.messages.map((text) => ({ bytes: Buffer.byteLength(text), hash: createHash("sha256").update(text).digest("hex") }));
  assert.deepEqual(await page.ask("fetchAll"), messages);
  assert.equal(await page.ask("logout"), "well");
  await page.close();
  return { tls: tls.version, cipher: tls.cipher, messages: messages.length, bytes: messages.reduce((sum, { bytes }) => sum + bytes, 0), of_the_longest: messages.at(-1)?.hash };
}

/** How a page fails with a server whose certificate nobody has vouched for. @param {any} world @param {Dovecot} server @param {"on" | "starttls"} how */
export async function unverified(world, server, how) {
  const page = await ClientPage.open(world, "imap-client");
  const code = await page.attempt("open", asked(server, how));
  await page.close();
  return code;
}

/** @param {Dovecot} server @param {"on" | "starttls"} how */
const asked = ({ host, port, tlsPort, user, password }, how) => ({ host, port: how === "on" ? tlsPort : port, how, user, password });
