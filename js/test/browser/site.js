// A web site for tests that has nothing to do with the gateway: blank pages, pages with one script, the scripts in `pages/`, and noVNC, at one port
// that is two origins.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const BLANK = "<!doctype html><html lang=en><meta charset=utf-8><title>Blank</title>";

/** Nobody else's pages share a process with these, so browsers let them have a finer clock. */
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/**
 * `/run/NAME` is a page with the script `pages/NAME.js`.
 * @param {{ isolated?: boolean }} [options]
 * @returns {Promise<{ local: string, other: string, close: () => void }>} the origins `http://localhost` and
 *   `http://127.0.0.1`
 */
export async function startSite({ isolated = false } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    for (const [name, value] of Object.entries(isolated ? ISOLATED : {})) response.setHeader(name, value);
    const script = /^\/(?:pages\/[a-z-]+|novnc\/[a-z0-9/_-]+)\.js$/.exec(pathname)?.[0];
    if (script) {
      const place = script.replace("/novnc/", "../../node_modules/@novnc/novnc/").replace(/^\//, "");
      const text = await readFile(new URL(place, import.meta.url)).catch(() => undefined);
      response.setHeader("content-type", "text/javascript; charset=utf-8");
      response.writeHead(text ? 200 : 404).end(text);
    } else {
      response.setHeader("content-type", "text/html; charset=utf-8");
      // An empty icon, so that browsers do not ask for one.
      const run = /^\/run\/([a-z-]+)$/.exec(pathname)?.[1];
      const tag = run ? `<script type=module src=/pages/${run}.js></script>` : "";
      response.end(`${BLANK}<link rel=icon href="data:,">${tag}<p>${pathname.replace(/[^\w/-]/g, "")}`);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    local: `http://localhost:${port}`,
    other: `http://127.0.0.1:${port}`,
    close: () => (server.close(), server.closeAllConnections()),
  };
}
