// An IRC client in a tab: a connection to a server, lines of text on it, and a client that reads and writes them. What makes it
// one is in client.js; the rest of the page only shows it.

import { byteStream, connect, session } from "/pageport.js";
import { Client } from "./client.js";
import { IrcPage } from "./page.js";

const page = new IrcPage(session);

page.dial.ondial = async (target, signal) => {
  const socket = connect(target.address, { secureTransport: target.scheme === "tls" ? "on" : "off", signal });
  const { tls } = await socket.opened;
  const client = new Client(await byteStream(socket), page.wishes, (what) => page.happened(what));
  page.connected(target, tls, client);
  try {
    await client.run();
    await socket.close();
  } finally {
    page.ended();
  }
};
