// In a page: a client of Redis (RESP2), as far as strings need it.

/** @type {any} */
let io;
/** @type {any} */
let socket;

/** @param {{ gateway: string, host: string, port: number }} place */
export async function open({ gateway, host, port }) {
  const { connect, byteStream } = await import(`${gateway}/pageport.js`);
  socket = connect({ hostname: host, port });
  await socket.opened;
  io = await byteStream(socket);
}

export const ping = async () => `${new TextDecoder().decode(await command("PING"))}`;

/** Bytes of this page's own choice. @param {{ key: string, bytes: number }} place */
export async function set({ key, bytes }) {
  const value = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(value.subarray(at, at + 65_536));
  const answer = new TextDecoder().decode(await command("SET", key, value));
  return { answer, hash: await sha256(value) };
}

/** @param {{ key: string }} place */
export async function get({ key }) {
  const value = await command("GET", key);
  return { bytes: value.length, hash: await sha256(value) };
}

export async function quit() {
  const answer = new TextDecoder().decode(await command("QUIT"));
  await socket.close();
  return answer;
}

/** @param {...(string | Uint8Array)} words @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function command(...words) {
  await io.write(`*${words.length}\r\n`);
  for (const word of words) {
    const bytes = typeof word === "string" ? new TextEncoder().encode(word) : word;
    await io.write(`$${bytes.length}\r\n`);
    await io.write(bytes);
    await io.write("\r\n");
  }
  const line = await io.readLine();
  if (line.startsWith("-")) throw new Error(line);
  if (!line.startsWith("$")) return new TextEncoder().encode(line.slice(1));
  const value = await io.readExactly(Number(line.slice(1)));
  await io.readExactly(2);
  return value;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function sha256(bytes) {
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
