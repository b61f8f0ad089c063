/**
 * What a socket is connected to (spec/protocol.md §7.5): a server, with TLS or without, or another page. From the asking to the end, for streams that were there
 * before it.
 *
 * Must never call a connection secure that the gateway has not verified, nor end one before what was written is on its way.
 */

import { ABORTED, INVALID_ARGUMENT, INVALID_STATE, STARTTLS_DIRTY, UNSUPPORTED } from "./codes.js";
import { fail, PageportError } from "./errors.js";
import { ENCODER } from "./frames.js";
import { PageStream, pageOf } from "./page-stream.js";
import { heldOf } from "./read-ahead.js";
import { giveUp, stop } from "./receive.js";
import { parseTls } from "./replies.js";
import { finish } from "./send.js";
import { closedOf, couple, replyOf } from "./streams.js";
import { nextTask } from "./ws-events.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./stream.js").Stream} Stream */
/** @typedef {import("./socket.js").Shell} Shell */
/**
 * What the streams of a socket do once it is connected, and its methods.
 * @typedef {object} Connection
 * @property {any} info what `opened` resolves with
 * @property {Promise<void>} closed
 * @property {() => Promise<void>} pull
 * @property {(reason: unknown) => void} cancel
 * @property {(chunk: BufferSource | string) => Promise<void>} write text goes as UTF-8
 * @property {() => void} close
 * @property {(reason?: unknown) => Promise<void>} end both directions; what was written still arrives
 * @property {(next: Shell) => Promise<Connection>} upgrade
 * @property {(why?: unknown) => void} abandon resets both directions
 */

/** `alpn` is null without TLS, and when nothing was agreed on. @typedef {{ remoteAddress: string, localAddress: null, alpn: string | null, tls?: import("./replies.js").TlsInfo }} SocketInfo */

/** What a `TCPSocket` and a `UDPSocket` ask for. @typedef {[hostname: string, port: number] | [datagrams: import("./udp-socket.js").UDPSocketOptions]} DirectTarget */

/**
 * Asks for a connection. Rejects when there is none, or nobody wants it any more.
 * @param {Session} session
 * @param {any} target `host:port` or `page:name`; `{ hostname, port }`; or a DirectTarget
 * @param {Shell} shell
 */
export async function dial(session, target, shell) {
  const { readable, writable } = shell;
  const isDirect = Array.isArray(target);
  /** @type {import("./socket.js").SocketOptions} */
  const { secureTransport = "off", sni, servername = sni, alpn, allowHalfOpen } = isDirect ? { allowHalfOpen: true } : shell.options;
  // Datagrams are asked for by their options alone.
  const isUdp = isDirect && target.length < 2;
  const { remoteAddress, remotePort } = isUdp ? Object(target[0]) : isDirect ? { remoteAddress: target[0], remotePort: target[1] } : {};
  if (isUdp && !remotePort) fail(UNSUPPORTED, "no bound mode: remoteAddress and remotePort");
  const { hostname = "", port } = isDirect ? { hostname: remoteAddress, port: remotePort } : Object(target);
  // An IPv6 address may come without its brackets.
  const address = hostname === "" ? `${target}` : `${`${hostname}`.replace(/^[^[]*:.*/, "[$&]")}:${port}`;
  if (hostname === "" && /^\s*page:/i.test(address)) {
    return open(session, pageOf(address), shell, true, (_, stream, reset) => new PageStream(session, stream, { readable, writable, reset }));
  }
  if (!/^[^\s/?#@]+:[1-9]\d{0,4}$/.test(address)) fail(INVALID_ARGUMENT, "host:port");
  const info = isDirect ? { remoteAddress, remotePort } : plainInfo(address);
  if (isUdp) return (await import("./udp-connection.js")).open(session, address, /** @type {any} */ (info), shell);
  if (!/^(off|on|starttls)$/.test(secureTransport)) fail(INVALID_ARGUMENT, "secureTransport");
  // Whoever names a server or protocols thinks that it is going to be TLS.
  if (secureTransport === "off" && (servername ?? alpn)) fail(INVALID_ARGUMENT, "no TLS");
  if (secureTransport === "on") return open(session, { connect: `tls://${address}`, servername, alpn }, shell, allowHalfOpen, secureInfo(address, alpn));
  const head = { connect: `tcp://${address}`, ...(secureTransport === "starttls" && { starttls: true }) };
  return open(session, head, shell, allowHalfOpen, () => (isDirect ? { readable, writable, ...info } : info), address);
}

/**
 * @param {Session} session
 * @param {object} head
 * @param {Shell} shell
 * @param {boolean | undefined} isHalfOpen whether this direction stays open when the other one has ended
 * @param {(answer: any, stream: Stream, reset: (code?: number) => void) => any} infoOf what `opened` resolves with; fails where the answer is none
 * @param {string} [address] of one that may be upgraded
 * @returns {Promise<Connection>}
 */
async function open(session, head, shell, isHalfOpen, infoOf, address = "") {
  const {
    life,
    options: { signal },
  } = shell;
  life.signal.throwIfAborted();
  const { core } = session;
  const stream = session.open(head);
  const first = stream.out.end;
  /** @param {unknown} [why] */
  const abandon = (why = ABORTED) => {
    giveUp(core, stream, why);
    session.poke();
  };
  life.signal.onabort = () => abandon();
  let info, replied;
  try {
    const answer = await replyOf(core, stream);
    life.signal.throwIfAborted();
    replied = stream.in.start;
    info = infoOf(answer, stream, abandon);
  } catch (error) {
    abandon(error);
    life.signal.throwIfAborted();
    throw error;
  }

  let isUpgraded = false;
  /** The write that is under way, or was. @type {Promise<void>} */
  let last = Promise.resolve();
  /** Until everything that was written has been accepted, also what its writer did not wait for. */
  const idle = async () => {
    for (let seen; seen !== last; ) {
      seen = last;
      await seen.catch(() => {});
      // By then the stream has handed on what it holds.
      await nextTask();
    }
  };
  const end = async () => {
    await idle();
    finish(core, stream);
    session.poke();
  };
  const { pull, cancel, write, close, over, begin } = couple(session, stream, shell, () => isHalfOpen || end());
  begin();
  const closed = closedOf(stream).catch((error) => {
    if (!isUpgraded) throw error;
  });
  const reset = () => abandon();
  life.signal.onabort = null;
  signal?.addEventListener("abort", reset);
  closed.catch(() => {}).then(() => {
    signal?.removeEventListener("abort", reset);
    life.abort();
  });

  return {
    info,
    closed,
    abandon,
    pull,
    cancel,
    close,
    write: (chunk) => (last = write(typeof chunk === "string" ? ENCODER.encode(chunk) : chunk)),
    async end(reason = new PageportError(INVALID_STATE)) {
      await end();
      stop(core, stream, ABORTED);
      session.poke();
      shell.sink.error(reason);
      over();
    },
    // For another socket. What the server said and nobody has read came without TLS: nothing of it is to be trusted.
    async upgrade(next) {
      const { sni, servername = sni, alpn, allowHalfOpen } = next.options;
      await idle();
      const { start, end } = stream.in;
      const isHeld = /** @type {number} */ (shell.source.desiredSize) < 0 || heldOf(shell.readable);
      isUpgraded = true;
      /** @type {Connection | undefined} */
      let secured;
      try {
        if (stream.fin || stream.reset >= 0) fail(INVALID_STATE);
        shell.sink.error(new PageportError(INVALID_STATE));
        over();
        if (start < end || isHeld) fail(STARTTLS_DIRTY);
        secured = await open(session, { starttls: stream.id, at: stream.out.end - first, heard: end - replied, servername, alpn }, next, allowHalfOpen, secureInfo(address, alpn));
        // Whatever the gateway thinks of it.
        if (stream.in.end !== end) fail(STARTTLS_DIRTY);
        return secured;
      } catch (error) {
        secured?.abandon(error);
        throw error;
      } finally {
        // It is the other one's connection now, or nobody's.
        abandon(0);
      }
    },
  };
}

/** @param {string} remoteAddress @returns {SocketInfo} */
const plainInfo = (remoteAddress) => ({ remoteAddress, localAddress: null, alpn: null });

/** @param {string} address @param {string[]} [offered] @returns {(answer: any) => SocketInfo} */
const secureInfo = (address, offered) => (answer) => {
  const tls = parseTls(answer);
  const { alpn = null } = tls;
  // A server may choose none, but no other one (RFC 7301 §3.2).
  if (alpn !== null && !offered?.includes(alpn)) throw new PageportError("ERR_BAD_REPLY");
  return { ...plainInfo(address), alpn, tls };
};
