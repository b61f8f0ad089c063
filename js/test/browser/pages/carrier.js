// In a page: a session on the carriers that it may use, and servers of every kind behind it.

/** @type {string[]} */
const changes = [];
/** @type {any} */
let pageport;
/** @type {any} */
let session;

/** Begins, with nothing but these carriers. @param {{ gateway: string, carriers: string[] }} options */
export async function begin({ gateway, carriers }) {
  pageport = await import(`${gateway}/pageport.js`);
  // Chromium takes HTTP/2 for a WebSocket only where a connection of it is open already, one that may have cookies.
  await fetch(gateway, { mode: "no-cors", credentials: "include" }).catch(() => {});
  pageport.configure({ carriers });
  session = pageport.session({ gateway });
  session.addEventListener("carrierchange", (/** @type {any} */ { previous, carrier, reason }) => changes.push(`${previous} ${carrier} ${reason}`));
  while (session.readyState !== "open") await new Promise((resolve) => session.addEventListener("carrierchange", resolve, { once: true }));
  return state();
}

/** What carries the session, how that came about, and how many requests it took. */
export function state() {
  const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource"));
  const asked = (/** @type {string} */ way) => entries.filter(({ name }) => name.endsWith(`/link/${way}`));
  return {
    carrier: session.carrier,
    changes,
    ups: asked("up").length,
    downs: asked("down").length,
    protocol: asked("up").at(-1)?.nextHopProtocol ?? "",
  };
}

/** Once something carries the session that did not before. @param {{ carrier: string, changes: number }} options */
export async function until({ carrier, changes: before }) {
  while (session.carrier !== carrier || changes.length <= before) {
    await new Promise((resolve) => session.addEventListener("carrierchange", resolve, { once: true }));
  }
}

/** @param {string[]} carriers */
export const force = (carriers) => pageport.configure({ carriers });

export const abort = () => session.abortCarrier();

/** Gives back what it gets. @param {string} gateway @returns {Promise<string>} where it is found by path */
export function echo(gateway) {
  const listener = new pageport.WebSocketListener({ gateway });
  listener.onconnection = ({ socket }) => {
    socket.binaryType = "arraybuffer";
    socket.onmessage = (/** @type {MessageEvent} */ { data }) => (data === "bye" ? socket.close(4000, "as you wish") : socket.send(data));
  };
  return new Promise((resolve, reject) => {
    listener.onlistening = () => resolve(listener.pathUrl);
    listener.onerror = ({ error }) => reject(error);
  });
}

/** A web site: digests of what it gets, and bytes with their digest. @param {string} gateway @returns {Promise<string>} */
export async function site(gateway) {
  const server = pageport.serve(answer, { gateway });
  return (await server.opened).url ?? server.url;
}

/** @param {Request} request */
async function answer(request) {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/hash") return new Response(await digest(new Uint8Array(await request.arrayBuffer())));
  if (pathname === "/torn") return new Response(torn());
  if (pathname !== "/bytes") return new Response(`you asked for ${pathname}`, { status: 404 });
  const bytes = new Uint8Array(Number(searchParams.get("n")));
  let x = 88_172_645;
  for (let i = 0; i < bytes.length; i++) {
    x = (x ^ (x << 13)) >>> 0;
    x ^= x >>> 17;
    bytes[i] = x = (x ^ (x << 5)) >>> 0;
  }
  return new Response(/** @type {any} */ (bytes), { headers: { "x-sha256": await digest(bytes) } });
}

/** @type {ReadableStreamDefaultController} */
let unfinished;

/** A body that has begun and goes on to nowhere, until it is torn. */
const torn = () => new ReadableStream({ start: (controller) => (unfinished = controller).enqueue(new Uint8Array(3000)) });

/** Breaks off that body. */
export const tear = () => unfinished.error(new Error("torn"));

/** @param {BufferSource} bytes */
const digest = async (bytes) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
