// A webhook catcher in a tab. Everything that makes it a server is in this file and exchange.js; the rest of the page only shows
// it.

import { serve, session } from "/pageport.js";
import { Exchange } from "./exchange.js";
import { CatcherPage } from "./page.js";

const page = new CatcherPage(session);

function listen() {
  const server = serve(async (request, info) => {
    const exchange = new Exchange(request, info.peer);
    page.arrived(exchange);
    if (await exchange.read()) page.decide(exchange);
    return exchange.response;
  });

  server.onlistening = () => page.listening(server.url);
  server.onclose = () => page.ended();
  server.onerror = ({ error }) => page.failed(error);
}

page.onlisten = listen;
listen();
