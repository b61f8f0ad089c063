// From a request to an answer, as RFC 9110 has it for files: types, validators, ranges, redirects, 404. It decides only what
// to send; must never read a file, nor send anything that the site does not hold.

import { contentType } from "./content-type.js";
import { folderPage, notFoundPage } from "./pages.js";
import { encodePath } from "./site.js";

/** @typedef {import("./site.js").Site} Site @typedef {import("./site.js").FileLike} FileLike */
/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {Blob} [body] none: nothing follows
 * @property {string} [path] of the file that this is
 * @property {number} [start] where in the file the body begins
 * @property {number} [total] bytes of the whole file
 */

/** @param {Site} site @param {Request} request @returns {Answer} */
export function answer(site, { method, url, headers }) {
  if (method !== "GET" && method !== "HEAD") return plain(405, "This site is read only.\n", { allow: "GET, HEAD" });
  const { pathname, search } = new URL(url);
  const path = decode(pathname);
  if (path === undefined) return plain(400, "That is not a path.\n");
  const found = site.find(path);
  let answer;
  if (!found) answer = missing(site, path);
  else if ("moved" in found) answer = plain(308, "", { location: encodePath(found.moved) + search });
  else if ("folder" in found) answer = page(200, folderPage(path, found.folder));
  else answer = whole(found.path, found.file, headers);
  if (method === "HEAD") answer.body = undefined;
  return answer;
}

/** A file, all of it or what was asked for. @param {string} path @param {FileLike} file @param {Headers} asked @returns {Answer} */
function whole(path, file, asked) {
  // A file that changes on disk cannot be read any more, so size and time are enough for a strong validator.
  const etag = `"${file.size.toString(36)}-${file.lastModified.toString(36)}"`;
  const common = { etag, "cache-control": "no-cache" };
  const known = asked.get("if-none-match");
  if (known && (known === "*" || known.split(/ *, */).some((tag) => tag.replace(/^W\//, "") === etag))) {
    return { status: 304, headers: common, path };
  }
  const headers = { ...common, "accept-ranges": "bytes", "content-type": contentType(path) };
  const total = file.size;
  const condition = asked.get("if-range");
  const range = condition && condition !== etag ? undefined : parseRange(asked.get("range"), total);
  if (range === null) return plain(416, "", { ...common, "content-range": `bytes */${total}` });
  if (!range) return { status: 200, headers: length(headers, total), body: file, path, start: 0, total };
  const [start, end] = range;
  const part = { ...length(headers, end - start), "content-range": `bytes ${start}-${end - 1}/${total}` };
  return { status: 206, headers: part, body: file.slice(start, end), path, start, total };
}

/**
 * RFC 9110 §14.1.2. Several ranges at once are answered with the whole, which is allowed.
 * @param {string | null} text @param {number} total
 * @returns {[number, number] | undefined | null} start and end behind it; none asked for; none that exists
 */
export function parseRange(text, total) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(text ?? "") ?? [];
  if (first === undefined || (!first && !last)) return undefined;
  const start = first ? Number(first) : Math.max(0, total - Number(last));
  const end = first && last ? Math.min(Number(last) + 1, total) : total;
  if (first && last && Number(last) < start) return undefined;
  return start < end ? [start, end] : null;
}

/** The site's own page, if it has one. @param {Site} site @param {string} path @returns {Answer} */
function missing(site, path) {
  const own = site.files.get("/404.html");
  if (!own) return page(404, notFoundPage(path));
  return { status: 404, headers: length({ "content-type": contentType("/404.html") }, own.size), body: own };
}

/** @param {number} status @param {string} html @returns {Answer} */
function page(status, html) {
  // Scripts in a name of a file would be escaped anyway; without any script there is nothing to escape from.
  return made(status, html, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
  });
}

/** @param {number} status @param {string} text @param {Record<string, string>} [headers] @returns {Answer} */
function plain(status, text, headers) {
  return made(status, text, { "content-type": "text/plain; charset=utf-8", ...headers });
}

/** @param {number} status @param {string} text @param {Record<string, string>} headers @returns {Answer} */
function made(status, text, headers) {
  const body = new Blob([text]);
  return { status, headers: length(headers, body.size), body };
}

function length(headers, bytes) {
  return { ...headers, "content-length": `${bytes}` };
}

function decode(pathname) {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}
