// Two pages log in to an XMPP server and write to each other, within TLS that the gateway has verified.

import assert from "node:assert/strict";
import { ClientPage } from "../client-page.js";

const WORDS = ["wherefore art thou?", "<here> & 'there', \"日本\" 😀", "x".repeat(20_000)];

/** @param {any} world @param {Awaited<ReturnType<typeof import("../prosody.js").startProsody>>} server @param {"on" | "starttls"} how */
export async function xmpp(world, server, how) {
  const { host, accounts, fingerprint } = server;
  const port = how === "on" ? server.tlsPort : server.port;
  const pages = [];
  const jids = [];
  let known;
  for (const account of accounts) {
    const page = await ClientPage.open(world, "xmpp-client");
    known = await page.ask("login", { host, port, how, ...account });
    assert.equal(known.tls.certificate, fingerprint);
    assert.match(known.jid, new RegExp(`^${account.user}@localhost/.`));
    pages.push(page);
    jids.push(known.jid);
  }
  for (const [number, text] of WORDS.entries()) {
    for (const [from, to] of [[0, 1], [1, 0]]) {
      await pages[from].ask("say", { to: jids[to], text });
      assert.deepEqual(await pages[to].ask("hear", { number }), { from: jids[from], body: text });
    }
  }
  for (const page of pages) assert.equal(await page.ask("logout"), "well");
  const stranger = await ClientPage.open(world, "xmpp-client");
  assert.match(await stranger.attempt("login", { host, port, how, ...accounts[0], password: "wrong" }), /success was expected: <failure/);
  await Promise.all([...pages, stranger].map((page) => page.close()));
  return { tls: known.tls.version, mechanism: "SCRAM-SHA-1", server_proof: known.server, messages_each_way: WORDS.length, longest: WORDS.at(-1)?.length };
}
