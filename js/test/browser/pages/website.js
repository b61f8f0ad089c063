// In a page: a web site made of a handler, with an answer for each thing that a visitor may do, and a count of what became of them.

import { Checked, streamOf } from "./blocks.js";

const counts = { requests: 0, aborted: 0 };
/** Who came with which cookies. @type {{ method: string, path: string, cookie: string }[]} */
const visits = [];
/** @type {any} */
let site;
/** A body that is held on to. @type {ArrayBuffer} */
let kept;

/** @param {string} gateway its origin @param {object} [init] for `serve` */
export async function open(gateway, init = {}) {
  const { serve } = await import(`${gateway}/pageport.js`);
  site = serve(handle, init);
  return site.opened;
}

/** What has become of the visitors. */
export const seen = () => ({ ...counts });

/** Who came here since it was asked last. */
export const visitors = () => visits.splice(0);

/** Resolves once so many visitors have left in mid-exchange. @param {number} times */
export async function aborted(times) {
  while (counts.aborted < times) await new Promise((resolve) => setTimeout(resolve, 20));
  return counts.aborted;
}

/** @param {Request} request @param {any} info */
async function handle(request, info) {
  counts.requests++;
  request.signal.addEventListener("abort", () => counts.aborted++);
  const url = new URL(request.url);
  const isSocket = request.headers.get("upgrade") === "websocket";
  visits.push({ method: isSocket ? "WebSocket" : request.method, path: url.pathname, cookie: request.headers.get("cookie") ?? "" });
  if (isSocket) {
    for (const cookie of url.searchParams.getAll("set")) info.headers.append("set-cookie", cookie);
    return info.upgradeWebSocket().response;
  }
  const size = Number(url.searchParams.get("bytes") ?? 0);
  const headers = { "access-control-allow-origin": "*", "timing-allow-origin": "*" };
  switch (url.pathname) {
    case "/hello":
      return new Response(`hello ${url.searchParams.get("to")}`, { headers: { ...headers, "content-type": "text/plain" } });
    case "/head":
      return Response.json({ method: request.method, url: request.url, headers: [...request.headers] }, { headers });
    case "/stream":
      return new Response(streamOf(size), { headers });
    case "/known":
      return new Response(streamOf(size), { headers: { ...headers, "content-length": String(size) } });
    case "/upload":
      return Response.json(await new Checked().all(request.body), { headers });
    case "/keep":
      kept = await request.arrayBuffer();
      return Response.json({ bytes: kept.byteLength }, { headers });
    case "/echo":
      return new Response(request.body, { headers });
    case "/too-large":
      return new Response("too large", { status: 413, headers });
    case "/page":
      for (const cookie of url.searchParams.getAll("set")) info.headers.append("set-cookie", cookie);
      return new Response("<!doctype html><title>Page</title><link rel=icon href='data:,'>", { headers: { "content-type": "text/html" } });
    default:
      return new Response("nothing here", { status: 404, headers });
  }
}
