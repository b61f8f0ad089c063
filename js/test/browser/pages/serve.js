// In a page: a site with a handler for each thing that HTTP can do, and a diary of what its visitors did.

/** @type {Record<string, any>} what a visitor left behind, by the id in its query */
const seen = {};
const waiting = new Set();
/** @type {ReadableStreamDefaultController | undefined} */
let broken;

/** @type {Record<string, (request: Request, info: any, url: URL) => any>} */
const routes = {
  "/hello": (_, __, url) => new Response(`hello ${url.searchParams.get("name")}`, { headers: { "content-type": "text/html; charset=utf-8" } }),
  "/headers": (request, { peer }) => Response.json({ url: request.url, method: request.method, headers: [...request.headers], peer, isRequest: request instanceof Request }),
  "/hash": async (request) => new Response(await sha256(await request.arrayBuffer())),
  "/form": async (request) => Response.json([...(await request.formData())].map(([name, value]) => [name, value.name ?? value])),
  "/echo": (request) => new Response(request.body, { headers: { "content-type": "application/octet-stream" } }),
  "/bytes": (_, __, url) => new Response(bytes(Number(url.searchParams.get("count")))),
  "/known": (_, __, url) => new Response(bytes(Number(url.searchParams.get("count"))), { headers: { "content-length": `${url.searchParams.get("count")}` } }),
  "/cookies": (_, { headers }) => {
    headers.append("set-cookie", "a=1; Path=/");
    headers.append("set-cookie", "b=2; HttpOnly");
    return new Response("baked");
  },
  "/empty": () => new Response(null, { status: 204 }),
  "/moved": (request) => Response.redirect(new URL("/hello", request.url), 307),
  "/fetched": () => fetch("/pages/payload.js"),
  "/throws": () => {
    throw new Error("the secret reason");
  },
  "/breaks": () => new Response(new ReadableStream({ start: (controller) => (controller.enqueue(new Uint8Array(1000)), (broken = controller)) })),
  "/break": () => (broken?.error(new Error("half")), new Response("it is broken")),
  "/ignores": () => new Response("I did not listen"),
  "/waits": (request, _, url) => {
    const id = url.searchParams.get("id") ?? "";
    note(id, "came");
    return new Promise((resolve) => request.signal.addEventListener("abort", () => (note(id, `${request.signal.reason.code}`), resolve(new Response()))));
  },
  "/socket": (request, { upgradeWebSocket }) => {
    if (request.headers.get("upgrade") !== "websocket") return new Response("sockets only", { status: 426 });
    const { socket, response } = upgradeWebSocket({ protocol: "second.example" });
    socket.onopen = () => socket.send("welcome");
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  },
};

/** @param {string} gateway its origin */
export async function begin(gateway) {
  const { serve } = await import(`${gateway}/pageport.js`);
  const server = serve((/** @type {Request} */ request, /** @type {any} */ info) => {
    const url = new URL(request.url);
    return routes[url.pathname]?.(request, info, url) ?? new Response("no such page", { status: 404 });
  });
  addEventListener("error", ({ message }) => note("errors", message));
  const { name, url } = await server.opened;
  return { name, url };
}

/** What a visitor left behind, once it has. @param {string} id @param {number} count how many notes */
export async function notes([id, count]) {
  while ((seen[id]?.length ?? 0) < count) await new Promise((resolve) => waiting.add(resolve));
  return seen[id];
}

function note(id, what) {
  (seen[id] ??= []).push(what);
  for (const wake of waiting) wake();
  waiting.clear();
}

/** Byte i is i modulo 251. @param {number} count */
function bytes(count) {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const from = at;
      at = Math.min(count, at + 100_000);
      controller.enqueue(Uint8Array.from({ length: at - from }, (_, i) => (from + i) % 251));
      if (at === count) controller.close();
    },
  });
}

/** @param {ArrayBuffer} data */
async function sha256(data) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
