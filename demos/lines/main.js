// A TCP server in a tab. Everything that makes it one is in this file and connection.js; the rest of the page only shows it.

import { session, TCPServerSocket } from "/pageport.js";
import { LineConnection } from "./connection.js";
import { LinesPage } from "./page.js";

const page = new LinesPage(session);
/** @type {Set<LineConnection>} */
const everybody = new Set();

async function listen() {
  try {
    const server = new TCPServerSocket("0.0.0.0");
    const { readable, localAddress, localPort } = await server.opened;
    page.listening(localAddress, localPort);
    for await (const socket of readable) serve(socket);
    page.ended();
  } catch (error) {
    page.ended(error);
  }
}

async function serve(socket) {
  const row = page.connecting();
  const client = new LineConnection(await socket.opened, row);
  everybody.add(client);
  row.connected(client);
  try {
    for await (const line of client) {
      row.said(line);
      if (page.policy === "echo") await client.write(line);
      if (page.policy === "broadcast") for (const other of everybody) if (other !== client) row.passed(other, other.say(line));
    }
    // Half of the connection has ended. An echo has nothing more to say then; others may.
    row.finished();
    if (page.policy === "echo") await client.finish();
    await socket.closed;
    row.ended("closed");
  } catch (error) {
    client.abort();
    row.ended(error?.code ?? "aborted");
  } finally {
    everybody.delete(client);
  }
}

page.onlisten = listen;
listen();
