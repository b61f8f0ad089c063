// noVNC, unchanged and over its own WebSocket, from `pageport gateway --web DIR --targets FILE`: what it shows is what the server has, and keys arrive.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchChromium } from "../browser/driver.js";
import { startGateway } from "../browser/gateway.js";
import { vnc } from "../servers/scenes/vnc.js";
import { startVnc } from "../servers/vnc.js";
import { demand } from "../show/programs.mjs";

const NOVNC = new URL("../../node_modules/@novnc/novnc/", import.meta.url).pathname;
const HELPERS = readFileSync(new URL("../browser/pages/vnc-client.js", import.meta.url), "utf8");

/** A gateway without any rule: only the lists of targets and of files are its operator's. */
const CONFIG = `listen = ["127.0.0.1:0"]\nadmin = "127.0.0.1:0"\n`;

/** @param {(pairs: Record<string, unknown>) => void} fact gets what was seen */
export async function novncUnchanged(fact) {
  const place = mkdtempSync(join(tmpdir(), "pageport-novnc-"));
  const server = await startVnc();
  const [web, targets] = [join(place, "web"), join(place, "targets")];
  mkdirSync(join(web, "pages"), { recursive: true });
  cpSync(NOVNC, join(web, "novnc"), { recursive: true });
  writeFileSync(join(web, "index.html"), "<!doctype html><title>noVNC</title><link rel=icon href=data:,>");
  writeFileSync(targets, `desk: 127.0.0.1:${server.port}\n`);
  const gateway = await startGateway({ config: CONFIG, args: ["--web", web, "--targets", targets] });
  const browser = await launchChromium();
  const world = { browser, site: { local: `${gateway.url}/?` }, gateway };
  const page = (/** @type {string} */ alias) => writeFileSync(join(web, "pages/vnc-client.js"), byWebSocket(gateway.url, alias));
  try {
    const { version } = JSON.parse(readFileSync(join(NOVNC, "package.json"), "utf8"));
    fact({ client: `noVNC ${version}`, chromium: browser.version, server: `tigervnc ${server.version}` });
    page("desk");
    const seen = await vnc(world, server);
    demand(seen.canvas === seen.xwd, "the canvas is the screen");
    fact({ way: "/websockify?token=desk from --web", ...seen });
    page("lab");
    const wrong = await vnc(world, server).then(
      () => "connected",
      ({ message }) => message,
    );
    demand(/disconnected/.test(wrong), wrong);
    fact({ control: "a name that no target has", noVNC_says: wrong.split("\n")[0] });
  } finally {
    await browser.close();
    await gateway.stop();
    await server.stop();
    rmSync(place, { recursive: true, force: true });
  }
}

/** The page of the other proofs, but for whose connection it is: noVNC makes its own. @param {string} gateway @param {string} alias */
function byWebSocket(gateway, alias) {
  const url = `${gateway.replace("http", "ws")}/websockify?token=${alias}`;
  const own = HELPERS.replace("new Channel(connect({ hostname: host, port }))", `"${url}"`).replace("import(`${gateway}/pageport.js`)", "{}");
  demand(own.includes(url) && !own.includes("pageport.js"), "noVNC makes its own connection");
  return own;
}
