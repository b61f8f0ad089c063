// In a page: one that sends datagrams to UDP servers, each of which has one habit (udp-servers.js).

/** @typedef {{ gateway: string, port: number, carriers?: string[] }} Place */

/** @param {Place} place @param {object} [options] */
async function bound({ gateway, port, carriers }, options) {
  const module = await import(`${gateway}/pageport.js`);
  if (carriers) module.configure({ carriers });
  return new module.UDPSocket({ remoteAddress: "127.0.0.1", remotePort: port, ...options });
}

/** How it ended. @param {Promise<unknown>} promise */
const outcome = (promise) => promise.then(() => "well", (error) => (error.name === "PageportError" ? error.code : error.name));

/** @param {Place} place @param {object} [options] */
async function opened(place, options) {
  const socket = await bound(place, options);
  const { readable, writable, ...info } = await socket.opened;
  return { socket, reader: readable.getReader(), writer: writable.getWriter(), readable, writable, info };
}

/** Datagrams of many sizes, one after the other; each comes back as it was. @param {Place & { sizes: number[] }} place */
export async function echo(place) {
  const { socket, reader, writer, info } = await opened(place);
  const same = [];
  for (const size of place.sizes) {
    const data = crypto.getRandomValues(new Uint8Array(size));
    await writer.write({ data });
    const { value } = await reader.read();
    same.push(value.data.length === size && value.data.every((/** @type {number} */ byte, /** @type {number} */ at) => byte === data[at]));
  }
  const locked = await outcome(socket.close());
  reader.releaseLock();
  writer.releaseLock();
  const { carrier } = (await import(`${place.gateway}/pageport.js`)).session();
  return { same, info, locked, carrier, closing: await outcome(socket.close()), closed: await outcome(socket.closed) };
}

/** Two sockets hear only what is theirs, and what is sent in one turn comes in its order: a few at once, since nobody promises that many arrive. @param {Place} place */
export async function two(place) {
  const [one, other] = [await opened(place), await opened(place)];
  const hear = async (/** @type {{ reader: ReadableStreamDefaultReader }} */ { reader }) => {
    const heard = [];
    for (let i = 0; i < 4; i++) heard.push([...(await reader.read()).value.data].join(" "));
    return heard;
  };
  /** @type {string[][]} */
  const all = [[], []];
  for (let turn = 0; turn < 20; turn += 4) {
    const writing = [];
    for (let i = turn; i < turn + 4; i++) {
      writing.push(one.writer.write({ data: Uint8Array.of(1, i) }));
      writing.push(other.writer.write({ data: new Uint8Array([2, i]).buffer }));
    }
    await Promise.all(writing);
    (await Promise.all([hear(one), hear(other)])).forEach((heard, which) => all[which].push(...heard));
  }
  return all;
}

/** What cannot be sent costs only itself. @param {Place} place */
export async function oversize(place) {
  const { socket, reader, writer } = await opened(place);
  const wrong = [{ data: new Uint8Array(1_201) }, { data: "text" }, {}, undefined, { data: new Uint8Array(1), remoteAddress: "127.0.0.1", remotePort: 1 }];
  const failed = [];
  for (const message of wrong) failed.push(await outcome(writer.write(message)));
  await writer.write({ data: new Uint8Array(1_200).fill(9) });
  const { value } = await reader.read();
  await Promise.all([reader.cancel(), writer.close()]);
  return { failed, length: value.data.length, closed: await outcome(socket.closed) };
}

/** An address of a name, as a resolver asks for it. @param {Place & { name: string }} place */
export async function lookup(place) {
  const { socket, reader, writer } = await opened(place);
  const labels = place.name.split(".").flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  const query = Uint8Array.of(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1);
  await writer.write({ data: query });
  const { data } = (await reader.read()).value;
  await Promise.all([reader.cancel(), writer.close()]);
  await socket.closed;
  const code = data[3] & 15;
  return { id: data[0] * 256 + data[1], code, address: code ? null : [...data.slice(-4)].join(".") };
}

/** How everything fails that there is of a socket. @param {Place} place */
export async function failing(place) {
  const socket = await bound(place);
  const seen = await Promise.all([socket.opened, socket.closed].map(outcome));
  return [...seen, await outcome(socket.close())];
}

/** Nobody listens: that shows once something was sent. @param {Place} place */
export async function refused(place) {
  const { socket, reader, writer } = await opened(place);
  await writer.write({ data: new Uint8Array(1) });
  const reading = await outcome(reader.read());
  return [reading, await outcome(writer.closed), await outcome(socket.closed)];
}

/** Whoever wants to be bound, or gives up. @param {Place} place */
export async function unusual(place) {
  const module = await import(`${place.gateway}/pageport.js`);
  const seen = [];
  const unbound = new module.UDPSocket({ localAddress: "0.0.0.0", localPort: 53 });
  seen.push(await outcome(unbound.opened), await unbound.opened.catch((/** @type {Error} */ error) => error.message));
  try {
    new module.UDPSocket({ remoteAddress: "127.0.0.1", remotePort: place.port, receiveBufferSize: 0 });
  } catch (error) {
    seen.push(/** @type {Error} */ (error).name);
  }
  const life = new AbortController();
  const { socket, reader } = await opened(place, { signal: life.signal });
  const reading = outcome(reader.read());
  life.abort();
  seen.push(await reading, await outcome(socket.closed));
  return seen;
}
