// A mailbox in a tab: a connection within TLS, whichever way that begins, and an IMAP session on it. What makes it one is in this file
// and session.js; the rest of the page only shows it.

import { byteStream, connect, session } from "/pageport.js";
import { MailPage } from "./page.js";
import { Session } from "./session.js";

const POLL_MS = 30_000;

const page = new MailPage(session);

page.dial.ondial = async (target, signal) => {
  const { socket, imap } = target.scheme === "tls" ? await secure(target, signal) : await upgraded(target, signal);
  const { tls } = await socket.opened;
  page.connected(target, tls, () => imap.logout().then(() => socket.close()));
  // Only now: the password must not be said in the clear.
  await imap.login(...page.login());
  await page.loggedIn(imap);
  const timer = setInterval(() => page.poll(), POLL_MS);
  try {
    await socket.closed;
  } finally {
    clearInterval(timer);
    page.ended();
  }
};

/** TLS from the start. */
async function secure({ address }, signal) {
  const socket = connect(address, { secureTransport: "on", signal });
  await socket.opened;
  const imap = new Session(await byteStream(socket));
  await imap.greeting();
  return { socket, imap };
}

/** TLS from STARTTLS on. Nothing that the server said before that counts any more. */
async function upgraded({ address }, signal) {
  const plain = connect(address, { secureTransport: "starttls", signal });
  await plain.opened;
  const io = await byteStream(plain);
  const clear = new Session(io);
  await clear.greeting();
  await clear.startTls();
  io.release();
  const socket = plain.startTls();
  await socket.opened;
  return { socket, imap: new Session(await byteStream(socket)) };
}
