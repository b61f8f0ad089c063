// A line terminal: a connection to any server that the gateway allows. Everything that makes it one is in this file; the rest
// of the page only shows it.

import { byteStream, connect, session } from "/pageport.js";
import { TerminalPage } from "./page.js";
import { Tap } from "./tap.js";

const MOST_OF_A_LINE = 4096;

const page = new TerminalPage(session);

page.dial.ondial = async (target, signal) => {
  const secureTransport = target.scheme === "tls" ? "on" : "off";
  // Either direction may end by itself: the server may go on when nothing more is said here, and the other way round.
  const socket = connect(target.address, { secureTransport, allowHalfOpen: true, signal });
  const { tls } = await socket.opened;
  const tap = new Tap(() => page.pending(tap));
  const io = await byteStream({ readable: socket.readable.pipeThrough(tap.stream), writable: socket.writable });
  page.connected(target, tls, {
    write: (bytes) => io.write(bytes),
    end: () => io.end(),
    close: () => socket.close(),
  });
  try {
    for (let bytes; (bytes = await next(io, tap)); ) page.received(bytes);
    page.serverEnded();
    await socket.closed;
  } finally {
    page.ended();
  }
};

/** The bytes of the next line, or of a piece of one that is too long; undefined at the end. */
async function next(io, tap) {
  try {
    if ((await io.readLine(MOST_OF_A_LINE)) !== undefined) return tap.takeLine();
  } catch (error) {
    if (error.code !== "ERR_LINE_TOO_LONG") throw error;
    return tap.take((await io.read(MOST_OF_A_LINE)).length);
  }
}
