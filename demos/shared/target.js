// The server that a person names: a host and a port, spoken to in the clear or within TLS. Must never let through what is not
// exactly that: what comes out of here is put into command lines that people paste into a shell.

/** @typedef {"tcp" | "tls"} Scheme what a rule of the gateway calls it */

const NAMED = /^(?:(tcp|tls):\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?\/?$/i;

export class Target {
  /** @param {Scheme} scheme @param {string} host an IPv6 address in brackets @param {number} port */
  constructor(scheme, host, port) {
    this.scheme = scheme;
    this.host = host;
    this.port = port;
  }

  /** As `connect()` wants it. */
  get address() {
    return `${this.host}:${this.port}`;
  }

  /** As a rule names it. */
  get url() {
    return `${this.scheme}://${this.address}`;
  }

  /** What the operator has to write. */
  get command() {
    return `pageport dev --allow ${this.url}`;
  }
}

/**
 * `host:port`, or with `tcp://` or `tls://` in front, which counts more than `scheme`.
 * @param {string} text @param {{ scheme?: Scheme, port?: number }} [otherwise] where the text does not say
 */
export function parseTarget(text, { scheme = "tcp", port } = {}) {
  const [, named, host, , written] = NAMED.exec(text.trim()) ?? [];
  if (!host) throw new Error("This is no host and port, such as 127.0.0.1:6667.");
  const number = Number(written ?? port);
  if (!(number > 0 && number < 65_536)) throw new Error(written ? "Ports go from 1 to 65535." : "The port is missing, as in 127.0.0.1:6667.");
  return new Target(/** @type {Scheme} */ (named?.toLowerCase() ?? scheme), host.toLowerCase(), number);
}
