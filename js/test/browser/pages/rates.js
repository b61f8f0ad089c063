// In a page: bytes as fast as they go and short messages there and back, on one stream of the module, on the browser's own WebSocket or on its
// own WebTransport. At the other end of each is something that does nothing else.

const PIECE = new Uint8Array(65_536).fill(7);
const SHORT = new Uint8Array(64).fill(101);
/** What may wait in the browser: enough that it never runs dry. */
const AHEAD = 4 << 20;

/**
 * @typedef {object} Way
 * @property {(bytes: number) => Promise<void>} up so many bytes leave, and the other end says that it has them
 * @property {(bytes: number) => Promise<void>} down so many bytes come
 * @property {() => Promise<{ trip: () => Promise<void>, close: () => void }>} echo
 */

/** @type {Way} */
let way;

/** What a raw server is told: `u` or `d` and how many bytes. @param {string} mode @param {number} bytes */
function request(mode, bytes) {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint8(0, mode.charCodeAt(0));
  view.setBigUint64(1, BigInt(bytes));
  return new Uint8Array(view.buffer);
}

/** @type {Record<string, (where: any) => Promise<Way>>} */
const WAYS = {
  /** A stream of the module's session, to the gateway's own measurements. @param {{ gateway: string, carriers: string[] }} where */
  async module({ gateway, carriers, module = gateway }) {
    const pageport = await import(`${module}/pageport.js`);
    pageport.configure({ carriers });
    const session = pageport.session({ gateway });
    const open = (/** @type {object} */ head) => session.createBidirectionalStream(head);
    // It forbids all but one carrier, so this is the one.
    await (await open({ measure: "source", bytes: 1 })).readable.getReader().read();
    if (!carriers[0].startsWith(session.carrier)) throw new Error(`${session.carrier} in place of ${carriers}`);
    return {
      async up(bytes) {
        const { readable, writable } = await open({ measure: "sink" });
        await fill(writable.getWriter(), bytes);
        await drain(readable, 0);
      },
      async down(bytes) {
        await drain((await open({ measure: "source", bytes })).readable, bytes);
      },
      echo: async () => talk(await open({ measure: "echo" })),
    };
  },

  /** @param {{ port: number }} where */
  async webSocket({ port }) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("no WebSocket"));
    });
    const came = (/** @type {number} */ bytes) => new Promise((resolve) => (socket.onmessage = ({ data }) => (bytes -= data.byteLength) > 0 || resolve(undefined)));
    return {
      async up(bytes) {
        const done = came(1);
        socket.send(request("u", bytes));
        for (let left = bytes; left > 0; left -= PIECE.length) {
          while (socket.bufferedAmount > AHEAD) await new Promise((resolve) => setTimeout(resolve));
          socket.send(left < PIECE.length ? PIECE.subarray(0, left) : PIECE);
        }
        await done;
      },
      async down(bytes) {
        socket.send(request("d", bytes));
        await came(bytes);
      },
      echo: async () => ({
        async trip() {
          const back = came(SHORT.length);
          socket.send(SHORT);
          await back;
        },
        close() {},
      }),
    };
  },

  /** @param {{ port: number, sha256: number[] }} where */
  async webTransport({ port, sha256 }) {
    const serverCertificateHashes = [{ algorithm: "sha-256", value: new Uint8Array(sha256) }];
    const transport = new WebTransport(`https://127.0.0.1:${port}/`, { serverCertificateHashes });
    await transport.ready;
    return {
      async up(bytes) {
        const { readable, writable } = await transport.createBidirectionalStream();
        const writer = writable.getWriter();
        await writer.write(request("u", bytes));
        await fill(writer, bytes);
        await drain(readable, 1);
      },
      async down(bytes) {
        const { readable, writable } = await transport.createBidirectionalStream();
        const writer = writable.getWriter();
        writer.write(request("d", bytes));
        await Promise.all([writer.close(), drain(readable, bytes)]);
      },
      async echo() {
        const streams = await transport.createBidirectionalStream();
        const echo = talk(streams);
        await echo.write(SHORT.subarray(0, 1));
        return echo;
      },
    };
  },
};

/** @param {{ kind: string }} where */
export async function begin(where) {
  way = await WAYS[where.kind](where);
}

/** Milliseconds. @param {{ direction: "up" | "down", bytes: number }} what */
export async function bulk({ direction, bytes }) {
  const start = performance.now();
  await way[direction](bytes);
  return performance.now() - start;
}

/** Milliseconds of each. @param {{ count: number }} what */
export async function trips({ count }) {
  const { trip, close } = await way.echo();
  const times = [];
  // The first ones find nothing ready.
  for (let warm = 10; warm--; ) await trip();
  while (count--) {
    const start = performance.now();
    await trip();
    times.push(performance.now() - start);
  }
  close();
  return times;
}

/** @param {WritableStreamDefaultWriter} writer @param {number} bytes */
async function fill(writer, bytes) {
  for (let left = bytes; left > 0; left -= PIECE.length) {
    await writer.ready;
    writer.write(left < PIECE.length ? PIECE.subarray(0, left) : PIECE);
  }
  await writer.close();
}

/** All that comes, which must be so much. @param {ReadableStream<Uint8Array>} readable @param {number} bytes */
async function drain(readable, bytes) {
  const reader = readable.getReader();
  let left = bytes;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    left -= value.length;
  }
  if (left) throw new Error(`${bytes - left} bytes came in place of ${bytes}`);
}

/** @param {{ readable: ReadableStream<Uint8Array>, writable: WritableStream }} streams */
function talk({ readable, writable }) {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  return {
    write: (/** @type {Uint8Array} */ bytes) => writer.write(bytes),
    async trip() {
      writer.write(SHORT);
      for (let left = SHORT.length; left > 0; ) left -= (await reader.read()).value?.length ?? NaN;
    },
    close: () => void writer.close().catch(() => {}),
  };
}
