// Chat: this tab is the server of the room. It takes guests in; what a room is stands in room.js.

import { session, WebSocketListener } from "/pageport.js";
import { HostPage } from "./page.js";
import { MOST_GUESTS, Room } from "./room.js";

const room = new Room();
const page = new HostPage(room, session);
let guests = 0;

function listen() {
  const listener = new WebSocketListener();

  listener.onlistening = () => page.listening(listener.url);

  listener.onconnecting = (visitor) => {
    if (guests < MOST_GUESTS) visitor.accept();
    else visitor.reject(503, "The room is full");
  };

  listener.onconnection = ({ socket, request }) => {
    const connection = page.connected(socket, request);
    guests++;
    room.enter(socket, connection);
    socket.addEventListener("close", ({ code }) => {
      guests--;
      connection.ended(`closed, ${code}`);
    });
  };

  listener.onclose = () => page.ended();
  listener.onerror = ({ error }) => page.failed(error);
}

page.onlisten = listen;
listen();
