// In a page: what a WebSocketStream class does, scenario by scenario. Words of messages are everybody's own; names and codes are not.

/** @typedef {{ WebSocketStream: any, WebSocketError: any, to: (...steps: any[]) => string }} World */

/** How a promise ends. @param {Promise<any>} promise */
const ended = (promise) => promise.then((value) => ["fulfilled", plain(value)], (error) => ["rejected", fault(error)]);

/** @param {any} error */
const fault = (error) => [error?.name ?? String(error), error instanceof DOMException, error?.closeCode ?? null, error?.reason ?? null];

/** @param {any} value */
const plain = (value) => (value instanceof ArrayBuffer ? ["ArrayBuffer", ...new Uint8Array(value)] : value === undefined ? "undefined" : value);

/** @param {() => unknown} what */
function attempt(what) {
  try {
    what();
    return "returns";
  } catch (error) {
    return fault(error);
  }
}

/** @type {[string, (world: World) => Promise<unknown>][]} */
export const SCENARIOS = [
  ["opened: what there is", async ({ WebSocketStream, to }) => {
    const url = to(["protocol", "b"]);
    const socket = new WebSocketStream(url, { protocols: ["a", "b"] });
    const { readable, writable, protocol, extensions } = await socket.opened;
    socket.close();
    return [socket.url === url, readable instanceof ReadableStream, writable instanceof WritableStream, protocol, extensions, WebSocketStream.length];
  }],
  ["messages: text, bytes and Blobs, both ways", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to(["echo"]));
    const { readable, writable } = await socket.opened;
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    const back = [];
    for (const chunk of ["grüße", "", Uint8Array.of(1, 2, 3).subarray(1), new ArrayBuffer(2), new Blob(["x"]), 42]) {
      await writer.write(chunk);
      back.push(plain((await reader.read()).value));
    }
    socket.close();
    return back;
  }],
  ["close(): with code and reason", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to());
    const { readable, writable } = await socket.opened;
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    const reading = ended(reader.read());
    socket.close({ closeCode: 3000, reason: "done" });
    return [await ended(socket.closed), await reading, await ended(writer.closed), await ended(writer.write("late"))];
  }],
  ...[[], [{}], [{ closeCode: 1000 }], [{ reason: "only" }], [{ closeCode: 1001 }], [{ closeCode: 2999 }], [{ closeCode: 1000, reason: "x".repeat(124) }], [{ closeCode: 4999, reason: "ü" }]].map(
    (args) => /** @type {[string, (world: World) => Promise<unknown>]} */ ([`close(): ${JSON.stringify(args).slice(0, 60)}`, async ({ WebSocketStream, to }) => {
      const socket = new WebSocketStream(to());
      await socket.opened;
      const result = attempt(() => socket.close(...args));
      if (result !== "returns") socket.close();
      return [result, await ended(socket.closed)];
    }]),
  ),
  ["close(): before it is open", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to());
    socket.close();
    return Promise.all([ended(socket.opened), ended(socket.closed)]);
  }],
  ...[["by the server", ["close", 3001, "bye"]], ["by the end of the connection", ["fin"]], ["by a frame that breaks the rules", ["raw", "f100"]]].map(
    ([what, step]) => /** @type {[string, (world: World) => Promise<unknown>]} */ ([`end: ${what}`, async ({ WebSocketStream, to }) => {
      const socket = new WebSocketStream(to(["wait"], step));
      const { readable, writable } = await socket.opened;
      const [reader, writer] = [readable.getReader(), writable.getWriter()];
      await writer.write("go");
      return [await ended(reader.read()), await ended(socket.closed), await ended(writer.closed)];
    }]),
  ),
  ["end: messages that came before it can still be read", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to(["together"], ["send", "1"], ["send", "2"], ["close", 1000]));
    const { readable } = await socket.opened;
    const reader = readable.getReader();
    return [await ended(reader.read()), await ended(reader.read()), await ended(reader.read()), await ended(socket.closed)];
  }],
  ["not opened: refused", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to(["status", 403]));
    return Promise.all([ended(socket.opened), ended(socket.closed)]);
  }],
  ["not opened: aborted", async ({ WebSocketStream, to }) => {
    const abort = new AbortController();
    const sockets = [new WebSocketStream(to(), { signal: AbortSignal.abort() }), new WebSocketStream(to(), { signal: abort.signal })];
    abort.abort();
    return Promise.all(sockets.flatMap(({ opened, closed }) => [ended(opened), ended(closed)]));
  }],
  ["signal: of no use later", async ({ WebSocketStream, to }) => {
    const abort = new AbortController();
    const socket = new WebSocketStream(to(["echo"]), { signal: abort.signal });
    const { readable, writable } = await socket.opened;
    abort.abort();
    await writable.getWriter().write("still here");
    const { value } = await readable.getReader().read();
    socket.close();
    return [value, await ended(socket.closed)];
  }],
  ["streams: writable closed", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to());
    const { writable } = await socket.opened;
    return [await ended(writable.getWriter().close()), await ended(socket.closed)];
  }],
  ["streams: writable aborted with an error of its own", async ({ WebSocketStream, WebSocketError, to }) => {
    const socket = new WebSocketStream(to());
    const { writable } = await socket.opened;
    return [await ended(writable.getWriter().abort(new WebSocketError("no", { closeCode: 3005, reason: "why" }))), await ended(socket.closed)];
  }],
  ["streams: writable aborted with anything else", async ({ WebSocketStream, to }) => {
    const socket = new WebSocketStream(to());
    const { writable } = await socket.opened;
    return [await ended(writable.getWriter().abort({ closeCode: 3005 })), await ended(socket.closed)];
  }],
  ["streams: readable cancelled", async ({ WebSocketStream, WebSocketError, to }) => {
    const socket = new WebSocketStream(to());
    const { readable } = await socket.opened;
    return [await ended(readable.cancel(new WebSocketError("no", { closeCode: 3006 }))), await ended(socket.closed)];
  }],
  ["arguments", async ({ WebSocketStream }) => [
    attempt(() => new WebSocketStream()),
    attempt(() => new WebSocketStream("ws://x/#a")),
    attempt(() => new WebSocketStream("ftp://x/")),
    attempt(() => new WebSocketStream("ws://x/", { protocols: ["a", "a"] })),
  ]],
  ["WebSocketError", async ({ WebSocketError }) => [
    ...[["m"], ["m", {}], ["m", { closeCode: 3000 }], ["m", { reason: "r" }], ["m", { closeCode: 1000, reason: "r" }]].map((args) => [...fault(new WebSocketError(...args)), new WebSocketError(...args).message]),
    attempt(() => new WebSocketError("m", { closeCode: 1001 })),
    attempt(() => new WebSocketError("m", { reason: "x".repeat(124) })),
  ]],
];

/** @param {World["WebSocketStream"]} WebSocketStream @param {World["WebSocketError"]} WebSocketError @param {string} base */
export async function runStreams(WebSocketStream, WebSocketError, base) {
  /** @type {Record<string, unknown>} */
  const results = {};
  for (const [name, run] of SCENARIOS) {
    const to = (/** @type {any[]} */ ...steps) => `${base}/streams?${new URLSearchParams({ steps: JSON.stringify(steps) })}`;
    const late = new Promise((resolve) => setTimeout(() => resolve("nothing within 20 s"), 20_000));
    results[name] = await Promise.race([late, run({ WebSocketStream, WebSocketError, to }).catch((error) => ["failed", `${error}`])]);
  }
  return JSON.parse(JSON.stringify(results));
}
