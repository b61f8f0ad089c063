/**
 * One page that comes to a PageListener (spec/protocol.md §7.3).
 *
 * Must never read before the page has accepted.
 */

import { introduce } from "./introduce.js";
import { PageStream } from "./page-stream.js";
import { parseVisit } from "./visit.js";

/** What a page asked for; `origin` is where it comes from, null for a program. @typedef {{ url: string, headers: Headers, origin: string | null, peer: string }} PageRequest */
/** @typedef {{ stream: PageStream, request: PageRequest }} PageConnection */

/** @param {import("./listening.js").Listening} listening @param {import("./stream.js").Stream} stream @param {import("./json.js").Json} head */
export function meet({ session, role }, stream, head) {
  const { url, headers: list, peer } = parseVisit(head);
  const headers = new Headers(list);
  const request = { url, headers, origin: headers.get("origin"), peer };
  introduce(role.owner, stream, request, () => ({ answer: { ok: true }, begin: () => ({ stream: new PageStream(session, stream), request }) }));
}
