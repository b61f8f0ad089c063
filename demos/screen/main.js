// A screen over VNC: noVNC does the protocol and the pixels, and is given a socket of the module in place of a WebSocket. What
// joins the two is in this file and channel.js; the rest of the page only shows it.

import { connect, session } from "/pageport.js";
import RFB from "/vendor/novnc/core/rfb.js";
import { Channel } from "./channel.js";
import { ScreenPage } from "./page.js";

const page = new ScreenPage(session);

page.dial.ondial = async (target, signal) => {
  const socket = connect(target.address, { secureTransport: target.scheme === "tls" ? "on" : "off", signal });
  const { tls } = await socket.opened;
  const channel = new Channel(socket, page);
  const screen = new RFB(page.place, channel);
  page.connected(target, tls, screen);
  try {
    await channel.over;
    page.mayHaveFailed();
  } finally {
    page.ended();
  }
};
