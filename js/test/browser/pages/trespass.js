// In a page: one that tries every way into a gateway that a browser has, to get to a server; and one that hosts such pages at an origin of the gateway's.

const PATIENCE_MS = 10_000;
/** The module tries again and again: why a WebSocket was refused no page is told. */
const MODULE_MS = 3_000;

/** A web site at the gateway, with the pages of this one. @param {{ gateway: string }} place @returns {Promise<string>} its URL, without a slash at the end */
export async function host({ gateway }) {
  const { serve } = await import(`${gateway}/pageport.js`);
  const site = serve((/** @type {Request} */ request) => fetch(new URL(request.url).pathname));
  await site.opened;
  return site.url.replace(/\/$/, "");
}

/**
 * How far each way led.
 * @param {{ gateway: string, target: { host: string, port: number } }} place
 * @returns {Promise<Record<string, string>>}
 */
export async function trespass({ gateway, target }) {
  const at = gateway.replace(/^http/, "ws");
  const reach = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes).includes("target");
  return {
    "websocket /link": await websocket(`${at}/link`, "pageport.v1"),
    "http /link/up": await posted(`${gateway}/link/up`, 204),
    "http /link/down": await posted(`${gateway}/link/down`, 200),
    webtransport: await webtransport(gateway),
    "/tcp": await websocket(`${at}/tcp/${target.host}/${target.port}`, "binary", reach),
    "/websockify": await websocket(`${at}/websockify?token=target`, "binary", reach),
    "/wisp/": await websocket(`${at}/wisp/`, undefined, ([type]) => type === 2, wisp(target)),
    "/wisp/ v2": await websocket(`${at}/wisp/`, "wisp-v2", ([type]) => type === 2, wisp(target)),
    "the module's connect()": await moduleConnects(gateway, target),
  };
}

/**
 * @param {string} url @param {string} [protocol]
 * @param {(bytes: Uint8Array) => boolean} [isReached] without it, being let in is enough
 * @param {Uint8Array<ArrayBuffer>} [first]
 * @returns {Promise<string>}
 */
function websocket(url, protocol, isReached, first) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocol ? [protocol] : []);
    const timer = setTimeout(() => settle("no answer"), PATIENCE_MS);
    const settle = (/** @type {string} */ words) => (clearTimeout(timer), resolve(words), socket.close());
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (!isReached) return settle("reached");
      if (first) socket.send(first);
    };
    socket.onmessage = ({ data }) => isReached?.(new Uint8Array(data)) && settle("reached");
    socket.onerror = () => settle("refused");
    socket.onclose = () => settle("closed");
  });
}

/** A request for which browsers ask nothing beforehand. @param {string} url @param {number} status what lets in */
async function posted(url, status) {
  const id = crypto.getRandomValues(new Uint8Array(16));
  const body = new Uint8Array([...id, 0, ...(url.endsWith("up") ? hello() : [2])]);
  const answer = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE_MS) }).catch((error) => error);
  if (!(answer instanceof Response)) return "refused";
  // A listener of its own may answer anything, but not this.
  const isGateway = url.endsWith("up") ? answer.status === status : (await answer.text()).startsWith("pageport down v1");
  return isGateway ? "reached" : `refused ${answer.status}`;
}

/** @param {string} gateway */
async function webtransport(gateway) {
  if (!("WebTransport" in globalThis)) return "not in this page";
  const offers = await fetch(`${gateway}/.well-known/pageport`).then((answer) => answer.json()).catch(() => ({}));
  const offer = offers.carriers?.find((/** @type {any} */ { kind }) => kind === "webtransport");
  if (!offer) return "refused, nothing is offered";
  const hashes = offer.hashes.map((/** @type {string} */ hash) => ({ algorithm: "sha-256", value: Uint8Array.from(atob(hash.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0)) }));
  const transport = new WebTransport(offer.url, { serverCertificateHashes: hashes });
  transport.closed.catch(() => {});
  const ready = await transport.ready.then(() => "reached", () => "refused");
  if (ready === "reached") transport.close();
  return ready;
}

/** @param {string} gateway @param {{ host: string, port: number }} target */
async function moduleConnects(gateway, target) {
  const module = await import(`${gateway}/pageport.js`).catch(() => undefined);
  if (!module) return "refused, no module";
  const socket = module.connect({ hostname: target.host, port: target.port }, { signal: AbortSignal.timeout(MODULE_MS) });
  return socket.opened.then(() => (socket.close(), "reached"), (/** @type {any} */ error) => `refused ${typeof error.code === "string" ? error.code : error.name}`);
}

/** CONNECT of Wisp. @param {{ host: string, port: number }} target */
const wisp = ({ host, port }) => new Uint8Array([1, 1, 0, 0, 0, 1, port & 255, port >> 8, ...new TextEncoder().encode(host)]);

/** HELLO, as any page says it. */
function hello() {
  const json = new TextEncoder().encode(JSON.stringify({ version: 1, n: 1, limits: { streams: 4096, initial: 4096, unreceived: 8 << 20 }, features: [] }));
  return [0, 0x40 | (json.length >> 8), json.length & 255, ...json];
}
