// In a page: one that others connect to, and one that connects.

/** A listener of each kind under one name, and one without; where they are. @param {string} gateway @param {string} name */
export async function listen(gateway, name) {
  const { PageListener, WebSocketListener } = await import(`${gateway}/pageport.js`);
  const listeners = [new PageListener({ name }), new WebSocketListener({ name }), new PageListener()];
  for (const one of [listeners[0], listeners[2]]) one.onconnection = ({ stream }) => stream.readable.pipeTo(stream.writable).catch(() => {});
  listeners[1].onconnection = ({ socket, request }) => {
    socket.onmessage = ({ data }) => socket.send(`${request.origin} ${request.url} ${data}`);
  };
  await Promise.all(listeners.map((one) => new Promise((resolve) => (one.onlistening = resolve))));
  return listeners.map(({ url }) => url);
}

/** What comes back in every way to connect. @param {string} gateway @param {string} page @param {string} socket */
export async function talk(gateway, page, socket) {
  const { byteStream, connect, WebSocket, WebSocketStream } = await import(`${gateway}/pageport.js`);
  const sent = crypto.getRandomValues(new Uint8Array(65_536));
  const stream = connect(`${page}/x?y`);
  const io = await byteStream(await stream.opened);
  const pieces = Array.from({ length: 16 }, () => io.write(sent));
  let same = true;
  for (let i = 0; i < 16; i++) same &&= (await io.readExactly(sent.length)).every((byte, at) => byte === sent[at]);
  await Promise.all([...pieces, io.end()]);
  const rest = (await io.read()).length;
  await stream.closed;

  const ask = (/** @type {string} */ url) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.onopen = () => socket.send("hi");
      socket.onmessage = ({ data }) => (resolve(data), socket.close());
      socket.onerror = () => reject(new Error(`no connection to ${url}`));
    });
  const answers = [await ask(`${socket}path?q=1`), await ask(`${page}/by/name?q`)];

  const streams = new WebSocketStream(socket);
  const { readable, writable } = await streams.opened;
  await writable.getWriter().write("stream");
  answers.push((await readable.getReader().read()).value);
  streams.close({ closeCode: 3000, reason: "done" });

  const broken = connect(page);
  (await broken.opened).writable.abort();
  return { same, rest, answers, closed: await streams.closed, aborted: await broken.closed.catch(({ code }) => code) };
}

/** Bytes there and back through a WebSocket server, with ours as the page's class, while the carrier is cut again and again. @param {string} gateway @param {string} url */
export async function throughCuts(gateway, url) {
  const { install, session, uninstall } = await import(`${gateway}/pageport.js`);
  const own = WebSocket;
  const native = install();
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
  const MESSAGES = 400;
  const content = (/** @type {number} */ i) => new Uint8Array(10_000 + i).fill(i);
  for (let i = 0; i < MESSAGES; i++) socket.send(content(i));
  let wrong = 0;
  let cuts = 0;
  await new Promise((resolve, reject) => {
    let got = 0;
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code} after ${got}`));
    socket.onmessage = ({ data }) => {
      const expected = content(got++);
      if (data.byteLength !== expected.length || new Uint8Array(data).some((byte) => byte !== expected[0])) wrong++;
      if (got % 50 === 0 && session().carrier) {
        cuts++;
        session().abortCarrier();
      }
      if (got === MESSAGES) resolve(undefined);
    };
  });
  socket.close();
  const ours = socket instanceof WebSocket && WebSocket !== own;
  uninstall();
  return { wrong, cuts, installed: [ours, native === own, WebSocket === own] };
}
