// In a page: as much of Redis' protocol (RESP2) as redis-cli needs to keep strings and counters in a tab.

/** @type {Map<string, string>} */
const values = new Map();

/** What a command answers, in RESP. @type {Record<string, (...words: string[]) => string>} */
const COMMANDS = {
  PING: (text) => (text === undefined ? "+PONG" : bulk(text)),
  SET: (key, value) => (values.set(key, value), "+OK"),
  GET: (key) => bulk(values.get(key)),
  DEL: (...keys) => `:${keys.filter((key) => values.delete(key)).length}`,
  INCR: (key) => {
    const number = Number(values.get(key) ?? 0) + 1;
    if (!Number.isSafeInteger(number)) return "-ERR value is not an integer or out of range";
    values.set(key, `${number}`);
    return `:${number}`;
  },
  DBSIZE: () => `:${values.size}`,
  /** redis-cli asks for hints; there are none. */
  COMMAND: () => "*0",
};

/** Answers until the client ends. @param {{ readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array> }} streams */
export async function serveResp({ readable, writable }) {
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  for await (const [name = "", ...words] of commands(readable)) {
    const command = COMMANDS[name.toUpperCase()];
    await writer.write(encoder.encode(`${command ? command(...words) : `-ERR unknown command '${name}'`}\r\n`));
  }
  await writer.close();
}

/** Arrays of bulk strings, however they were cut into pieces. @param {ReadableStream<Uint8Array>} readable @returns {AsyncGenerator<string[]>} */
async function* commands(readable) {
  let rest = new Uint8Array();
  /** @type {string[]} */
  let words = [];
  let missing = 0;
  let length = -1;
  for await (const chunk of readable) {
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    rest = joined;
    for (;;) {
      const end = length < 0 ? rest.indexOf(10) + 1 : length + 2;
      if (!end || rest.length < end) break;
      const text = new TextDecoder().decode(rest.subarray(0, end - 2));
      rest = rest.slice(end);
      if (length >= 0) {
        words.push(text);
        length = -1;
      } else if (text[0] === "*") [missing, words] = [Number(text.slice(1)), []];
      else if (text[0] === "$") length = Number(text.slice(1));
      if (words.length === missing && length < 0 && missing) {
        yield words;
        missing = 0;
      }
    }
  }
}

/** @param {string | undefined} text */
function bulk(text) {
  return text === undefined ? "$-1" : `$${new TextEncoder().encode(text).length}\r\n${text}`;
}
