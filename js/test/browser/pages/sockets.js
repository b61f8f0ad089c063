// In a page: one that connects to TCP servers, each of which has one habit (tcp-servers.js).

/** @typedef {{ gateway: string, port: number, host?: string, options?: object }} Place */

/** @type {any} */
let module;

/** Lets nothing else carry the session, and begins it. @param {{ gateway: string, carriers: string[] }} place */
export async function begin({ gateway, carriers }) {
  module = await import(`${gateway}/pageport.js`);
  module.configure({ carriers });
  const session = module.session({ gateway });
  while (session.readyState !== "open") await new Promise((resolve) => session.addEventListener("carrierchange", resolve, { once: true }));
}

/** What carries the session. @param {{ gateway: string }} place */
export const carrier = ({ gateway }) => module.session({ gateway }).carrier;

/** @param {Place} place */
async function connected({ gateway, port, host = "127.0.0.1", options }) {
  module = await import(`${gateway}/pageport.js`);
  return module.connect({ hostname: host, port }, options);
}

/** @param {Place} place */
async function direct({ gateway, port, host = "127.0.0.1", options }) {
  module = await import(`${gateway}/pageport.js`);
  return new module.TCPSocket(host, port, options);
}

/** How it ended. @param {Promise<unknown>} promise */
const outcome = (promise) => promise.then(() => "well", (error) => error.code ?? error.name);

/** Bytes there and back, each direction to its end. @param {Place & { bytes: number }} place */
export async function echo(place) {
  const socket = await direct(place);
  const { readable, writable, ...info } = await socket.opened;
  const io = await module.byteStream({ readable, writable });
  const sent = crypto.getRandomValues(new Uint8Array(65_536));
  const times = place.bytes / sent.length;
  const writing = (async () => {
    for (let i = 0; i < times; i++) await io.write(sent);
    await io.end();
  })();
  let same = true;
  for (let i = 0; i < times; i++) {
    // All is read, or writing would wait for ever.
    const back = await io.readExactly(sent.length);
    same &&= back.every((byte, at) => byte === sent[at]);
  }
  await writing;
  return { same, rest: (await io.read()).length, info, closed: await outcome(socket.closed) };
}

/** All values that a byte has, in every class and cut. @param {Place} place */
export async function values(place) {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const same = [];
  for (const open of [connected, async (place) => (await direct(place)).opened]) {
    for (const size of [256, 1]) {
      const duplex = await open(place);
      const io = await module.byteStream(duplex);
      for (let at = 0; at < 256; at += size) await io.write(all.subarray(at, at + size));
      const back = await io.readExactly(256);
      same.push(back.every((byte, i) => byte === all[i]));
      await io.end();
    }
  }
  return same;
}

/** @param {Place & { words: string[] }} place what is written, piece by piece */
export async function lines(place) {
  const socket = await connected(place);
  const io = await module.byteStream(socket);
  for (const word of place.words) await io.write(word);
  await io.end();
  const lines = [];
  for await (const line of io.lines()) lines.push(line);
  return { lines, closed: await outcome(socket.closed) };
}

/** What somebody says who is not asked. @param {Place} place */
export async function hear(place) {
  const socket = await connected(place);
  const io = await module.byteStream(socket);
  const line = await io.readLine();
  return { line, closed: await outcome(socket.close()) };
}

/** All that comes, and how it ends. @param {Place & { first?: string }} place what to say first */
export async function last(place) {
  const ends = [];
  for (const open of [connected, direct]) {
    const socket = await open(place);
    const { readable, writable } = socket.readable ? socket : await socket.opened;
    const io = await module.byteStream({ readable, writable });
    if (place.first) await io.write(place.first);
    const lines = [];
    const read = (async () => {
      for await (const line of io.lines()) lines.push(line);
    })();
    const end = await outcome(read);
    // The one ends by itself, the other stays half-open.
    if (open === direct && end === "well") await io.end();
    ends.push([lines.join("|"), end, await outcome(socket.closed)]);
  }
  return ends;
}

/** How everything fails that there is of a socket. @param {Place} place */
export async function failing(place) {
  const socket = await connected(place);
  const direction = await direct(place);
  const all = [socket.opened, socket.closed, socket.readable.getReader().read(), socket.writable.getWriter().write("x"), direction.opened, direction.closed];
  return [...new Set(await Promise.all(all.map(outcome)))];
}

/** Says something behind the end of the server. @param {Place} place */
export async function behind(place) {
  const socket = await connected({ ...place, options: { allowHalfOpen: true } });
  const io = await module.byteStream(socket);
  const line = await io.readLine();
  const rest = (await io.read()).length;
  await io.write("behind");
  await io.end();
  return { line, rest, closed: await outcome(socket.closed) };
}

/** Nobody answers; who does not wait any more says so. @param {Place & { other: number }} place `other`: the port of an echo */
export async function silence(place) {
  const life = new AbortController();
  const socket = await connected({ ...place, options: { signal: life.signal } });
  await socket.opened;
  const reading = outcome(socket.readable.getReader().read());
  await socket.writable.getWriter().write("is anybody there?");
  const other = await echo({ ...place, port: place.other, bytes: 65_536 });
  const isSilent = (await Promise.race([reading, Promise.resolve("silent")])) === "silent";
  life.abort();
  return { isSilent, other: other.same, reading: await reading, closed: await outcome(socket.closed) };
}

/** Takes one chunk of very many, and lets another connection take its turn. @param {Place & { other: number }} place */
export async function slow(place) {
  const socket = await connected(place);
  const reader = socket.readable.getReader();
  const { value } = await reader.read();
  const other = await echo({ ...place, port: place.other, bytes: 4 << 20 });
  return { some: value.length > 0, other: other.same };
}

/** The same, but it goes on taking chunks. @param {Place & { other: number }} place */
export async function fast(place) {
  const socket = await connected(place);
  let taken = 0;
  for await (const chunk of socket.readable) if ((taken += chunk.length) > 64 << 20) break;
  const other = await echo({ ...place, port: place.other, bytes: 4 << 20 });
  return { some: taken > 0, other: other.same };
}

/** Says goodbye without waiting. @param {Place & { bytes: number }} place */
export async function leave(place) {
  const socket = await connected(place);
  await socket.opened;
  const writer = socket.writable.getWriter();
  const chunk = new Uint8Array(10_000);
  for (let left = place.bytes; left > 0; left -= chunk.length) writer.write(chunk);
  return outcome(socket.close());
}

/** From the clear into TLS. @param {Place} place */
export async function upgrade(place) {
  const plain = await connected({ ...place, options: { secureTransport: "starttls", alpn: ["smtp"] } });
  const io = await module.byteStream(plain);
  const said = [await io.readLine()];
  await io.write("HELLO\r\n");
  said.push(await io.readLine());
  await io.write("STARTTLS\r\n");
  said.push(await io.readLine());
  const secure = plain.startTls();
  const [opened, closed] = await Promise.all([secure.opened.catch(({ code }) => code), outcome(plain.closed)]);
  if (!opened.tls) return { said, opened, closed, secure: await outcome(secure.closed) };
  const within = await module.byteStream(secure);
  await within.write("HELLO\r\n");
  said.push(await within.readLine());
  await within.end();
  const rest = (await within.read()).length;
  return { said, opened, closed, upgraded: [plain.upgraded, secure.upgraded], rest, secure: await outcome(secure.closed) };
}

/** TLS from the start. @param {Place} place */
export async function secured(place) {
  const socket = await connected({ ...place, options: { secureTransport: "on", ...place.options } });
  const io = await module.byteStream(socket);
  const writing = outcome(io.write("hello\n"));
  const opened = await socket.opened.catch(({ code }) => code);
  if (!opened.tls) return { opened, writing: await writing };
  const line = await io.readLine();
  await io.end();
  return { opened, line, rest: (await io.read()).length, closed: await outcome(socket.closed) };
}

/** A connection that lasts as long as the page. @param {Place} place */
export async function stay(place) {
  const socket = await connected(place);
  const io = await module.byteStream(socket);
  await io.write("here\n");
  await io.readLine();
}

/** How a connection ends with which nothing is done. @type {Map<number, Promise<string>>} by port */
const waiting = new Map();

/** Opens one. @param {Place} place */
export async function wait(place) {
  const socket = await connected(place);
  await socket.opened;
  waiting.set(place.port, outcome(socket.closed));
}

/** @param {Place} place */
export const waited = ({ port }) => waiting.get(port);

/** Why nobody comes to listen here. @param {{ gateway: string }} place */
export async function listening({ gateway }) {
  module = await import(`${gateway}/pageport.js`);
  const listener = new module.WebSocketListener();
  let why = "";
  listener.onerror = ({ error }) => (why = error.code);
  return new Promise((resolve) => (listener.onlistening = listener.onclose = ({ type }) => resolve(type === "close" ? why : type)));
}
