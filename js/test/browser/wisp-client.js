// What a client of Wisp does with targets, by the library that it has: fetches over HTTP, megabytes both ways, datagrams, and targets that cannot be
// reached. It runs in Node and, as text, in pages: so nothing is imported here.

/**
 * @param {any} library the client of `@mercuryworkshop/wisp-js`
 * @param {string} url of the gateway's /wisp/
 * @param {object} options of the library's, such as the version
 * @param {{ host: string, port: number, closed: number, udp: number, forbidden: number, bytes: number, streams: number }} targets
 */
export async function converse(library, url, options, targets) {
  const connection = new library.ClientConnection(url, options);
  await new Promise((resolve, reject) => {
    connection.onopen = resolve;
    connection.onerror = connection.onclose = () => reject(new Error("no connection"));
  });
  const encode = (/** @type {string} */ text) => new TextEncoder().encode(text);
  const hash = async (/** @type {Uint8Array} */ bytes) => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  /** Sends all of it, and reads to the end. @param {number} port @param {Uint8Array[]} pieces */
  const ask = (port, ...pieces) =>
    new Promise((resolve) => {
      const stream = connection.create_stream(targets.host, port);
      const parts = /** @type {Uint8Array[]} */ ([]);
      stream.onmessage = (/** @type {Uint8Array} */ part) => parts.push(part);
      stream.onclose = (/** @type {number} */ reason) => {
        const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
        parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
        resolve({ reason, bytes });
      };
      for (const piece of pieces) stream.send(piece);
    });

  /** One HTTP exchange. @param {string} method @param {string} path @param {Uint8Array} [body] */
  const fetch = async (method, path, body = new Uint8Array()) => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${targets.host}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
    const pieces = [encode(head)];
    for (let at = 0; at < body.length; at += 65_536) pieces.push(body.subarray(at, at + 65_536));
    const { reason, bytes } = await ask(targets.port, ...pieces);
    let end = 0;
    while (end < bytes.length && !(bytes[end] === 13 && bytes[end + 1] === 10 && bytes[end + 2] === 13 && bytes[end + 3] === 10)) end++;
    return { reason, body: bytes.subarray(end + 4), text: new TextDecoder().decode(bytes.subarray(end + 4, end + 260)) };
  };

  const hello = await fetch("GET", "/hello");
  const sent = new Uint8Array(targets.bytes);
  for (let at = 0, seed = 1; at < sent.length; at++) sent[at] = (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16;
  const up = await fetch("PUT", "/hash", sent);
  const down = await fetch("GET", `/bytes/${targets.bytes}`);
  const many = await Promise.all(Array.from({ length: targets.streams }, () => fetch("GET", "/bytes/100000")));
  const refused = await ask(targets.closed);
  const forbidden = await ask(targets.forbidden);
  const echoed = await new Promise((resolve) => {
    const stream = connection.create_stream(targets.host, targets.udp, "udp");
    stream.onclose = (/** @type {number} */ reason) => resolve(`closed ${reason}`);
    stream.onmessage = (/** @type {Uint8Array} */ bytes) => (stream.close(2), resolve(new TextDecoder().decode(bytes)));
    stream.send(encode("a datagram"));
  });
  const { wisp_version: version, server_motd: motd } = connection;
  connection.close();
  return {
    version,
    motd,
    hello: [hello.text, hello.reason],
    up: { sent: await hash(sent), heard: up.text },
    down: { bytes: down.body.length, hash: await hash(down.body) },
    many: new Set(await Promise.all(many.map(({ body }) => hash(body)))).size,
    lengths: new Set(many.map(({ body }) => body.length)).size,
    refused: refused.reason,
    forbidden: forbidden.reason,
    datagram: echoed,
  };
}
