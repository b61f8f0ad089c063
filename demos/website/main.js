// A web site from a tab. Everything that makes it a server is in this file and answer.js; the rest of the page only shows it.

import { serve, session } from "/pageport.js";
import { answer } from "./answer.js";
import { body } from "./body.js";
import { SitePage } from "./page.js";
import { Site } from "./site.js";

const site = new Site();
const page = new SitePage(site, session);

function listen() {
  const server = serve((request, info) => {
    const { body: blob, status, headers, ...file } = answer(site, request);
    const visit = page.visited(request, info.peer, { status, ...file }, () => content.abort());
    const content = body(blob ?? new Blob(), visit);
    if (blob) return new Response(content.stream, { status, headers });
    visit.ended("complete");
    return new Response(null, { status, headers });
  });

  server.onlistening = () => page.listening(server.url);
  server.onclose = () => page.ended();
  server.onerror = ({ error }) => page.failed(error);
}

page.onlisten = listen;
listen();
