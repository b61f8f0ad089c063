// A page asks a database, and gets the rows that the database's own client gets.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ClientPage } from "../client-page.js";

const QUERY = "select n, n * n, md5(n::text), case when n % 7 = 0 then 'grüße 😀' end from generate_series(1, 2000) n";

/** @param {any} world @param {Awaited<ReturnType<typeof import("../postgres.js").startPostgres>>} server @param {boolean} secure */
export async function postgres(world, server, secure) {
  const { host, port, user, password } = server;
  const place = { host, port, user, password, secure };
  const page = await ClientPage.open(world, "postgres-client");
  const { tls, version } = await page.ask("open", place);
  assert.equal(tls?.certificate, secure ? server.fingerprint : undefined);
  await page.ask("query", { query: "create table if not exists seen (by text); insert into seen values ('a page')" });
  assert.match(server.psql("select by from seen"), /^a page\n/);
  const rows = await page.ask("query", { query: QUERY });
  const lines = rows.map((/** @type {(string | null)[]} */ row) => `${row.map((value) => value ?? "").join("|")}\n`).join("");
  const own = server.psql(QUERY);
  assert.deepEqual([rows.length, sha256(lines)], [2000, sha256(own)]);
  assert.equal(await page.ask("quit"), "well");
  const wrong = await ClientPage.open(world, "postgres-client");
  assert.match(await wrong.attempt("open", { ...place, password: "wrong" }), /password authentication failed/);
  await Promise.all([page.close(), wrong.close()]);
  return { says: version, tls: tls?.version ?? "none", rows: rows.length, of_page: sha256(lines), of_psql: sha256(own) };
}

/** @param {string} text */
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
