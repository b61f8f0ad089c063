// In a page: a client of an IMAP server (RFC 3501), as far as reading messages needs it; within TLS from the start, or by STARTTLS.

/** @type {any} */
let io;
/** @type {any} */
let socket;
let tag = 0;

/** @param {{ gateway: string, host: string, port: number, how: "on" | "starttls", user: string, password: string }} place @returns {Promise<any>} what is known of TLS */
export async function open({ gateway, host, port, how, user, password }) {
  const { connect, byteStream } = await import(`${gateway}/pageport.js`);
  socket = connect({ hostname: host, port }, { secureTransport: how });
  await socket.opened;
  io = await byteStream(socket);
  const greeting = await io.readLine();
  if (!greeting.startsWith("* OK ")) throw new Error(greeting);
  if (how === "starttls") {
    if (!/\bSTARTTLS\b/.test(greeting)) throw new Error(`no STARTTLS: ${greeting}`);
    await command("STARTTLS");
    socket = socket.startTls();
    io = await byteStream(socket);
  }
  const { tls } = await socket.opened;
  await command(`LOGIN ${user} ${password}`);
  return tls;
}

/** All messages of the inbox: how long they are, and their hashes. */
export async function fetchAll() {
  const exists = (await command("EXAMINE INBOX")).map(({ line }) => /^\* (\d+) EXISTS$/.exec(line)?.[1]).find(Boolean);
  const messages = [];
  for (let number = 1; number <= Number(exists); number++) {
    const [{ literal }] = await command(`FETCH ${number} BODY.PEEK[]`);
    messages.push({ bytes: literal.length, hash: await sha256(literal) });
  }
  return messages;
}

export async function logout() {
  await command("LOGOUT");
  while ((await io.read()).length);
  return socket.closed.then(() => "well", (/** @type {any} */ error) => error.code);
}

/** What comes before its answer. @param {string} text @returns {Promise<{ line: string, literal?: any }[]>} */
async function command(text) {
  const mine = `a${++tag}`;
  await io.write(`${mine} ${text}\r\n`);
  const untagged = [];
  for (;;) {
    const line = await io.readLine();
    if (line === undefined) throw new Error("the server has ended");
    if (line.startsWith(`${mine} `)) {
      if (line.startsWith(`${mine} OK`)) return untagged;
      throw new Error(line);
    }
    const bytes = /\{(\d+)\}$/.exec(line)?.[1];
    untagged.push({ line, literal: bytes && (await io.readExactly(Number(bytes))) });
    if (bytes) await io.readLine();
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function sha256(bytes) {
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
