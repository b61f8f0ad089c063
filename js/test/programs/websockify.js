// websockify's own Python client, unchanged, against a server that the gateway allows: by path and by the public name of a target, with an origin and with a
// credential, and what it says of what is refused.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGateway } from "../browser/gateway.js";
import { demand, run } from "../show/programs.mjs";
import { version } from "./reached.js";

const TOKEN = "a-token-of-a-program-that-may-connect";
const ORIGIN = "https://app.example";
const CLIENT = new URL("../../../xtask/python/websockify_client.py", import.meta.url).pathname;

/**
 * @param {(pairs: Record<string, unknown>) => void} fact gets what was seen
 * @param {{ bytes?: number }} [size]
 */
export async function websockifyClient(fact, { bytes = 16 << 20 } = {}) {
  const echo = await startEcho();
  const place = mkdtempSync(join(tmpdir(), "pageport-websockify-"));
  const targets = join(place, "targets");
  writeFileSync(targets, `# as websockify has them\ndesk: 127.0.0.1:${echo.port}\n`);
  const gateway = await startGateway({ config: config(echo.port), args: ["--targets", targets] });
  try {
    const python = process.env.WEBSOCKIFY_PYTHON ?? "";
    const about = ["-c", "import importlib.metadata as m; print('websockify', m.version('websockify'))"];
    fact({ client: await version(run, python, about), pageport: await version(run, process.env.PAGEPORT_BIN ?? "", ["--version"]) });
    const url = gateway.url.replace("http", "ws");
    const client = async (/** @type {string[]} */ ...args) => {
      const { out, err } = await run(python, [CLIENT, ...args]);
      demand(out.length > 0, err);
      return JSON.parse(out.toString());
    };
    const path = `/tcp/127.0.0.1/${echo.port}`;
    const all = String(bytes);
    for (const [way, ...args] of [
      ["/tcp with an origin, the class as it is", url + path, all, "origin", ORIGIN],
      ["/tcp with a credential", url + path, all, "bearer", TOKEN],
      ["/websockify?token=desk", url, all, "bearer", TOKEN, "/websockify?token=desk"],
    ]) {
      const seen = await client(...args);
      demand(seen.equal === true && seen.protocol === "binary" && seen.closed === 1000, `${way}: ${JSON.stringify(seen)}`);
      fact({ way, bytes_each_way: bytes, messages: seen.messages, sha256: seen.sha256.slice(0, 16), equal: true, closed: seen.closed });
    }
    demand(echo.accepted() === 3, `the server saw these connections: ${echo.accepted()}`);
    for (const [why, status, ...args] of [
      ["another origin", "403", url + path, all, "origin", "https://app.example.evil.example"],
      ["no credential", "401", url + path, all, "bearer", "wrong"],
      ["another target", "403", `${url}/tcp/127.0.0.1/1`, all, "bearer", TOKEN],
      ["a name that no target has", "403", url, all, "bearer", TOKEN, "/websockify?token=lab"],
    ]) {
      const seen = await client(...args);
      demand(seen.refused?.includes(`denied: ${status}`), `${why}: ${JSON.stringify(seen)}`);
      fact({ control: why, client_says: seen.refused });
    }
    demand(echo.accepted() === 3, "nobody else came");
  } finally {
    rmSync(place, { recursive: true, force: true });
    echo.stop();
    await gateway.stop();
  }
}

/** @param {number} port */
const config = (port) => `
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
[link]
origins = ["${ORIGIN}"]
[dialects]
tcp = true
[[token]]
name = "program"
sha256 = "${createHash("sha256").update(TOKEN).digest("hex")}"
may = ["connect"]
[[allow]]
to = "127.0.0.1:${port}"
protocol = "tcp"
`;

async function startEcho() {
  let accepted = 0;
  const server = createServer((socket) => (accepted++, socket.on("error", () => {}).pipe(socket)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { port, accepted: () => accepted, stop: () => server.close() };
}
