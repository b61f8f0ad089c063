// A tab that others can connect to, and that connects to others. Everything that makes it one is in this file and peer.js; the
// rest of the page only shows it.

import { connect, PageListener, session, WebSocket } from "/pageport.js";
import { ConnectPage } from "./page.js";
import { PagePeer, SocketPeer } from "./peer.js";

const page = new ConnectPage(session);

async function listen() {
  const listener = new PageListener();
  listener.onlistening = () => page.listening(listener.url);
  listener.onerror = ({ error }) => page.failed(error);
  for await (const { stream, request } of listener) talk(new PagePeer(stream), request.origin ?? "a program", "came here");
}

/** @param {string} target `page:name`, or the URL of a WebSocket server */
async function reach(target) {
  if (/^page:/i.test(target)) return new PagePeer(await connect(target).opened);
  const peer = new SocketPeer(new WebSocket(target));
  await peer.opened;
  return peer;
}

async function talk(peer, who, how) {
  const row = page.connected(peer, who, how);
  try {
    for await (const text of peer) row.said(text);
    row.ended("closed");
  } catch (error) {
    row.ended(error?.code ?? error?.message ?? "lost");
  }
}

page.onreach = async (target) => {
  talk(await reach(target), target, "reached by you");
};
listen();
