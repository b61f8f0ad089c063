// In a page: listeners that echo, whatever their names, and a diary of what happened to each.

/** @type {{ listener: any, diary: string[] }[]} */
const all = [];
/** @type {Set<() => void>} */
const waiting = new Set();

/**
 * Begins to listen, and says what became of it first.
 * @param {{ gateway: string, init?: object }} options
 */
export async function listen({ gateway, init = {} }) {
  const { WebSocketListener } = await import(`${gateway}/pageport.js`);
  const listener = new WebSocketListener(init);
  /** @type {string[]} */
  const diary = [];
  const note = (/** @type {string} */ what) => {
    diary.push(what);
    for (const look of [...waiting]) look();
  };
  listener.onlistening = () => note(`listening ${listener.url}`);
  listener.onerror = ({ error }) => note(`error ${error.code}`);
  listener.onclose = () => note("close");
  listener.onconnection = ({ socket }) => (socket.onmessage = ({ data }) => socket.send(`${name()} heard ${data}`));
  const number = all.push({ listener, diary }) - 1;
  await noted({ number, count: 1, ms: 20_000 });
  return { number, url: listener.url, pathUrl: listener.pathUrl, port: listener.port, diary };
}

/** What is in the diary of a listener, once there is so much, or after `ms`. @param {{ number: number, count?: number, ms?: number }} options */
export function noted({ number, count = 0, ms = 10_000 }) {
  const { diary } = all[number];
  return new Promise((resolve) => {
    const settle = () => (clearTimeout(timer), waiting.delete(look), resolve([...diary]));
    const look = () => diary.length >= count && settle();
    const timer = setTimeout(settle, ms);
    waiting.add(look);
    look();
  });
}

/** @param {number} number */
export const close = (number) => all[number].listener.close();

/** Cuts the session for good: what comes next listens in another one. @param {string} gateway */
export async function end(gateway) {
  const { session } = await import(`${gateway}/pageport.js`);
  session().close();
}

/**
 * Closes a listener while what it needs is being fetched, listens under another name, and says which names are held then.
 * @param {{ gateway: string, names: [string, string] }} options
 */
export async function hurry({ gateway, names: [early, late] }) {
  const { session, WebSocketListener } = await import(`${gateway}/pageport.js`);
  const listener = new WebSocketListener({ name: early });
  await new Promise((resolve) => (session().oncarrierchange = resolve));
  listener.close();
  await listen({ gateway, init: { name: late } });
  const { held } = await navigator.locks.query();
  return held?.map(({ name }) => name);
}

/** Tells this page from the one that was here before, and from a copy of it. */
const id = Math.random().toString(36).slice(2, 8);
export const name = () => id;
