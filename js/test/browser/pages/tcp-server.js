// In a page: TCP servers at public ports. One gives everything back, one ends first, one never reads, one speaks RESP.

import { serveResp } from "./resp.js";

/** @type {Map<number, { sockets: any[], ends: string[], lost: Promise<string>, stop: () => void }>} by port */
const servers = new Map();

/** What a server does with each connection. @type {Record<string, (streams: { readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array> }, socket: any) => Promise<unknown>>} */
const ROLES = {
  echo: ({ readable, writable }) => readable.pipeTo(writable),
  /** Answers behind the visitor's end only, with what it got. */
  count: async ({ readable, writable }) => {
    let bytes = 0;
    for await (const chunk of readable) bytes += chunk.length;
    await say(writable, `${bytes} bytes\n`);
  },
  /** Ends its own direction first, and says how much came behind that. */
  first: async ({ readable, writable }) => {
    await say(writable, "that is all\n");
    for await (const chunk of readable) heard += chunk.length;
  },
  /** Gives everything back but the last bit of each chunk: for checks that have to notice. */
  spoil: ({ readable, writable }) =>
    readable
      .pipeThrough(new TransformStream({ transform: (chunk, controller) => ((chunk[chunk.length - 1] ^= 1), controller.enqueue(chunk)) }))
      .pipeTo(writable),
  deaf: () => new Promise(() => {}),
  /** Breaks off in the middle. */
  abort: async ({ readable, writable }) => {
    const writer = writable.getWriter();
    await readable.getReader().read();
    await writer.write(new TextEncoder().encode("half of"));
    await writer.abort();
  },
  /** Says goodbye to whoever is still talking, and closes. */
  goodbye: async ({ writable }, socket) => {
    const writer = writable.getWriter();
    writer.write(new TextEncoder().encode("goodbye ".repeat(50_000)));
    writer.releaseLock();
    await socket.close();
  },
  resp: (streams) => serveResp(streams),
};

/** Bytes that came behind the page's own end. */
let heard = 0;

/** @param {{ gateway: string, role: string, options?: object }} options @returns {Promise<{ host: string, port: number, error?: string }>} */
export async function open({ gateway, role, options = {} }) {
  const { TCPServerSocket } = await import(`${gateway}/pageport.js`);
  const controller = new AbortController();
  const server = new TCPServerSocket("0.0.0.0", { signal: controller.signal, ...options });
  const lost = server.closed.then(() => "closed", (error) => error.code);
  try {
    const { readable, localAddress: host, localPort: port } = await server.opened;
    const known = { sockets: [], ends: [], lost, stop: () => controller.abort() };
    servers.set(port, known);
    serve(readable, role, known).catch(() => {});
    return { host, port };
  } catch (error) {
    return { host: "", port: 0, error: error.code };
  }
}

/** How the connections of a server ended, once so many have. @param {{ port: number, count: number }} options */
export async function ends({ port, count }) {
  const { ends } = /** @type {any} */ (servers.get(port));
  while (ends.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  return { ends, heard };
}

/** @param {number} port */
export const lost = (port) => servers.get(port)?.lost;

/** @param {number} port */
export const close = (port) => /** @type {any} */ (servers.get(port)).stop();

async function serve(readable, role, { sockets, ends }) {
  for await (const socket of readable) {
    sockets.push(socket);
    const streams = await socket.opened;
    ROLES[role](streams, socket).catch(() => {});
    socket.closed.then(
      () => ends.push("closed"),
      (error) => ends.push(error.code),
    );
  }
}

async function say(writable, words) {
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(words));
  await writer.close();
}
