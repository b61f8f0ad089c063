/**
 * `connect`: to a TCP server, in the shape of the Sockets API of WinterTC, or to a listening page.
 *
 * Differences: the gateway makes the connection, and verifies the server where there is TLS, so `opened` says the address that was asked for. Loads what
 * connects with the first socket. Must never report somebody who has not accepted.
 */

import { INVALID_ARGUMENT, INVALID_STATE } from "./codes.js";
import { fail } from "./errors.js";
import { lifeOf, load } from "./websocket.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./connection.js").SocketInfo} SocketInfo */
/** @typedef {import("./page-stream.js").PageStream} PageStream */
/**
 * @typedef {object} SocketOptions
 * @property {"off" | "on" | "starttls"} [secureTransport] off by default
 * @property {boolean} [allowHalfOpen] whether this direction stays open when the server has ended its own; false by default
 * @property {string} [servername] what the server's certificate has to be for, where that is not the host
 * @property {string} [sni] the same
 * @property {string[]} [alpn] protocols on offer, the best first
 * @property {string} [gateway]
 * @property {AbortSignal} [signal] gives up, or resets what there is
 */
/**
 * What there is of a socket before it is connected, for what connects it.
 * @typedef {object} ShellFields
 * @property {SocketOptions} options
 * @property {AbortController} life aborted: nobody wants the connection any more that is being made
 * @property {ReadableStream<Uint8Array<ArrayBuffer>>} readable
 * @property {WritableStream<BufferSource | string>} writable
 */
/** @typedef {ShellFields & import("./streams.js").Ends} Shell */

/** @template [I=SocketInfo] */
export class Socket {
  /** Whether TLS has taken the connection over, for another socket. */
  upgraded = false;
  #shell;
  /** @type {Promise<Connection>} */
  #begun;

  /** @internal @param {SocketOptions} options @param {(shell: Shell) => Promise<Connection>} reach */
  constructor(options, reach) {
    const shell = /** @type {Shell} */ ({ options, life: lifeOf(options.signal) });
    this.#shell = shell;
    /** @param {"pull" | "cancel" | "write" | "close"} name @returns {(argument?: any) => Promise<any>} */
    const via = (name) => async (argument) => (await begun)[name](argument);
    /** Bytes; ends when the other side ends its direction. @type {Shell["readable"]} */
    this.readable = shell.readable = new ReadableStream({ type: "bytes", start: (controller) => void (shell.source = controller), pull: via("pull"), cancel: via("cancel") });
    /** close() ends this direction, and no other; abort() resets it. Text goes as UTF-8. @type {Shell["writable"]} */
    this.writable = shell.writable = new WritableStream({ start: (controller) => void (shell.sink = controller), write: via("write"), close: via("close") });
    const begun = (this.#begun = reach(shell));
    /** Resolves once there is a connection, with TLS where that was asked for. @type {Promise<I>} */
    this.opened = begun.then(({ info }) => info);
    /** Resolves once both directions have ended and all that was written has arrived, rejects when one of them was reset. @type {Promise<void>} */
    this.closed = begun.then(
      ({ closed }) => closed,
      (error) => {
        shell.source.error(error);
        shell.sink.error(error);
        if (options.signal?.aborted || !shell.life.signal.aborted) throw error;
      },
    );
    // Whoever does not ask does not care.
    for (const promise of [this.opened, this.closed]) promise.catch(() => {});
  }

  /** Ends both directions; what was written still arrives. Where nothing is connected yet, nothing will be. @param {unknown} [reason] what writers and `opened` get to hear */
  close(reason) {
    this.#shell.life.abort(reason);
    this.#begun.then((connection) => connection.end(reason)).catch(() => {});
    return this.closed;
  }

  /**
   * The same connection with TLS, behind all that was written so far, where `secureTransport` was "starttls". This socket has ended then.
   * @param {{ expectedServerHostname?: string }} [options]
   * @returns {Socket}
   */
  startTls({ expectedServerHostname: servername } = {}) {
    const { options } = this.#shell;
    if (this.upgraded || options.secureTransport !== "starttls") fail(INVALID_STATE);
    this.upgraded = true;
    return new Socket({ ...options, secureTransport: "on", ...(servername && { servername }) }, async (shell) => (await this.#begun).upgrade(shell));
  }
}

/**
 * To a page that has a PageListener (`page:name`, with a path and a query if need be): `opened` resolves with a PageStream. Or to a server: `host:port`, or both in an
 * object, which may be a host that is called `page`. What cannot be is told by `opened`.
 * @typedef {{
 *   (target: `page:${string}`, options?: { gateway?: string, signal?: AbortSignal }): Socket<PageStream>,
 *   (target: string | { hostname: string, port: number }, options?: SocketOptions): Socket,
 *   (target: [hostname: string, port: number], options?: SocketOptions): Socket<import("./tcp-socket.js").TCPSocketOpenInfo>,
 * }} Connect the last one is for TCPSocket
 */

/** @type {Connect} */
export const connect = (/** @type {any} */ target, /** @type {SocketOptions} */ options = {}) =>
  /** @type {Socket<any>} */ (
    new Socket(options, async (shell) => {
      /** @type {typeof import("./connection.js") & { through: import("./session.js").Session }} */
      const { dial, through } = await load(options, shell.life.signal, () => import("./connection.js"));
      return dial(through, target, shell);
    })
  );

/**
 * A pair of byte streams to be read piece by piece: `read(n)`, `readExactly(n)`, `readLine()`, `lines()`, `write(data)`.
 * @param {import("./byte-stream.js").Duplex} duplex
 */
export const byteStream = async (duplex) => new (await import("./byte-stream.js")).ByteStream(duplex);
