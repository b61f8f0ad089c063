// Echo: this tab is a WebSocket server. Everything that makes it one is in this file; the rest of the page only shows it.

import { session, WebSocketListener } from "/pageport.js";
import { EchoPage } from "./page.js";

const page = new EchoPage(session);
let listener;

function listen() {
  listener = new WebSocketListener();

  listener.onlistening = () => page.listening(listener.url, listener.pathUrl);

  // Before the handshake is answered: nobody is connected yet, and nothing of the visitor's has been read.
  listener.onconnecting = (visitor) => {
    const status = page.refusal;
    if (status) {
      visitor.reject(status, "The switch on the echo page says no");
      page.refused(visitor.request, status);
    } else {
      // An echo speaks every subprotocol.
      visitor.accept({ protocol: page.describe(visitor.request).offered[0] });
    }
  };

  listener.onconnection = ({ socket, request }) => {
    const connection = page.connected(socket, request);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      connection.received(data);
      socket.send(data);
      connection.sent(data);
    };
    socket.onclose = ({ code }) => connection.ended(`closed, ${code}`);
  };

  listener.onclose = () => page.ended();
  listener.onerror = ({ error }) => page.failed(error);
}

page.onlisten = listen;
listen();
