/**
 * The gateway in memory behind WebTransport (spec/protocol.md §9.2): frames on the first stream, bytes of streams on others, datagrams.
 *
 * Both ends use the module's own `Native`, which has no role. Must never answer in the turn of the call: a network does not either.
 */

import { Native } from "../pageport/native.js";
import { Network } from "./session-network.js";

/** Bytes of a native stream that are on the way at once. */
const WINDOW = 1 << 20;

const { fetch } = globalThis;
globalThis.fetch = async (url, init) =>
  /native-\d+\.test\/\.well-known/.test(`${url}`) ? Response.json({ version: 1, carriers: [{ kind: "webtransport" }] }) : fetch(url, init);

export class NativeNetwork extends Network {
  /** WebTransport sessions so far, the newest last. @type {Connection[]} */
  connections = [];
  /** Whether the page's native streams keep what they get. */
  isHolding = false;
  /** What datagrams of the page wait for. @type {Promise<unknown> | undefined} */
  datagramsWait;
  /** Datagrams that came. @type {Uint8Array[]} */
  datagrams = [];
  /** Whether the gateway takes the page's native streams. */
  accepts = true;

  /** @param {ConstructorParameters<typeof Network>[0]} [options] */
  constructor(options) {
    super(options);
    const network = this;
    this.WebTransport = /** @type {any} */ (
      function () {
        const connection = new Connection(network);
        network.connections.push(connection);
        network.sockets.push(/** @type {any} */ (connection));
        return connection.page;
      }
    );
  }

  flush() {
    super.flush();
    for (const { native } of this.connections) native.sweep();
  }
}

/** One WebTransport session: an end for the page, and what the network in memory expects of a socket. */
class Connection {
  readyState = 1;
  /** Native streams of the page, the newest last. @type {Lane[]} */
  lanes = [];
  /** All of both sides. @type {Lane[]} */
  #all = [];
  #down;
  #transport;
  /** @type {(why: unknown) => void} */
  #close = () => {};

  /** @param {NativeNetwork} network */
  constructor(network) {
    this.network = network;
    const [up, down] = [this.#lane(), this.#lane()];
    this.#down = down.pipe.writable.getWriter();
    const [toPage, toGateway] = [queue(), queue()];
    const datagrams = {
      maxDatagramSize: 1200,
      readable: new ReadableStream(),
      writable: new WritableStream({
        write: async (bytes) => {
          await network.datagramsWait;
          network.datagrams.push(bytes);
        },
      }),
    };
    this.page = {
      ready: Promise.resolve(),
      closed: new Promise((resolve) => (this.#close = resolve)),
      createBidirectionalStream: async () => ({ readable: down.pipe.readable, writable: up.pipe.writable }),
      createUnidirectionalStream: async () => {
        const lane = this.#lane(() => network.isHolding);
        this.lanes.push(lane);
        if (network.accepts) toGateway.put(lane.pipe.readable);
        return lane.pipe.writable;
      },
      incomingUnidirectionalStreams: toPage.readable,
      datagrams,
      close: () => this.break(),
    };
    this.#transport = {
      createUnidirectionalStream: async () => {
        const lane = this.#lane();
        toPage.put(lane.pipe.readable);
        return lane.pipe.writable;
      },
      incomingUnidirectionalStreams: toGateway.readable,
      datagrams: { maxDatagramSize: 0, readable: new ReadableStream(), writable: new WritableStream() },
    };
    const session = {
      get core() {
        return network.core;
      },
      poke: () => queueMicrotask(() => network.flush()),
    };
    this.native = new Native(/** @type {any} */ (this.#transport), /** @type {any} */ (session), this);
    this.#listen(up.pipe.readable.getReader()).catch(() => {});
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async #listen(reader) {
    for (let read; !(read = await reader.read()).done; ) {
      if (this.readyState === 1) this.network.take(/** @type {any} */ (this), read.value);
      this.native.moved();
    }
  }

  /** A native stream of the gateway's that says what it likes. */
  async open() {
    return (await this.#transport.createUnidirectionalStream()).getWriter();
  }

  /** @param {() => boolean} [isHeld] */
  #lane(isHeld) {
    const lane = new Lane(isHeld);
    this.#all.push(lane);
    return lane;
  }

  /** @param {Uint8Array} bytes */
  arrive(bytes) {
    this.#down.write(bytes.slice()).catch(() => {});
  }

  break() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.network.core.lose(this);
    for (const lane of this.#all) lane.stop();
    this.#close(undefined);
  }
}

/** One direction of a stream of WebTransport. */
class Lane {
  /** @type {any} */
  #go;
  /** @type {any} */
  #fail;
  #gate = new Promise((resolve, reject) => ([this.#go, this.#fail] = [resolve, reject]));
  /** @type {any} */
  #controller;
  /** Bytes written by the sender, those that are held included. */
  written = 0;
  /** Of these, what is on its way. */
  passed = 0;

  /** @param {() => boolean} [isHeld] */
  constructor(isHeld = () => false) {
    this.#gate.catch(() => {});
    this.pipe = new TransformStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        transform: async (/** @type {Uint8Array} */ chunk, controller) => {
          this.written += chunk.length;
          await (isHeld() ? this.#gate : new Promise((resolve) => setImmediate(resolve)));
          this.passed += chunk.length;
          controller.enqueue(chunk.slice());
        },
      },
      undefined,
      { highWaterMark: WINDOW, size: ({ length }) => length },
    );
  }

  /** The receiver wants no more of it, nor what is on its way. */
  refuse() {
    this.pipe.readable.cancel();
  }

  /** What is held goes on. */
  go() {
    this.#go();
  }

  /** The connection is gone. */
  stop() {
    this.#fail(new Error("stopped"));
    this.#controller.error(new Error("stopped"));
  }
}

/** Streams that come one after the other. */
function queue() {
  /** @type {ReadableStreamDefaultController} */
  let controller;
  const readable = new ReadableStream({ start: (given) => void (controller = given) });
  return { readable, put: (/** @type {ReadableStream} */ stream) => controller.enqueue(stream) };
}
