// In a page: an IRC client (RFC 2812), as far as a conversation needs it.

/** @type {any} */
let io;
/** @type {any} */
let socket;
/** What came: who said what, with which words. @type {{ from: string, command: string, words: string[] }[]} */
const heard = [];
/** @type {Set<() => void>} */
const waiting = new Set();

/** @param {{ gateway: string, host: string, port: number, nick: string, channel: string }} place */
export async function join({ gateway, host, port, nick, channel }) {
  const { connect, byteStream } = await import(`${gateway}/pageport.js`);
  socket = connect({ hostname: host, port });
  await socket.opened;
  io = await byteStream(socket);
  listen();
  await io.write(`NICK ${nick}\r\nUSER ${nick} 0 * :a page\r\n`);
  const [, welcome] = (await message("001")).words;
  await io.write(`JOIN ${channel}\r\n`);
  await message("366");
  return welcome;
}

/** @param {{ channel: string, text: string }} place */
export const say = ({ channel, text }) => io.write(`PRIVMSG ${channel} :${text}\r\n`);

/** The message number `number` to a channel. @param {{ number: number }} place */
export async function hear({ number }) {
  const { from, words } = await message("PRIVMSG", number);
  return [from.split("!")[0], ...words];
}

/** Who has left, with which words. */
export async function left() {
  const { from, words } = await message("QUIT");
  return [from.split("!")[0], ...words];
}

export async function quit() {
  await io.write("QUIT :bye\r\n");
  return socket.closed.then(() => "well", (/** @type {any} */ error) => error.code);
}

async function listen() {
  for await (const line of io.lines()) {
    const [, from = "", command, rest] = /^(?::(\S+) )?(\S+) ?(.*)$/.exec(line) ?? [];
    const [middle, ...last] = rest.split(/(?:^| ):(.*)/s);
    if (command === "PING") await io.write(`PONG :${last[0] ?? middle}\r\n`);
    heard.push({ from, command, words: [...middle.split(" ").filter(Boolean), ...last.slice(0, 1)] });
    for (const go of waiting) go();
  }
}

/** @param {string} command @param {number} [number] */
async function message(command, number = 0) {
  for (;;) {
    const found = heard.filter((message) => message.command === command)[number];
    if (found) return found;
    await new Promise((resolve) => waiting.add(() => resolve(undefined)));
  }
}
