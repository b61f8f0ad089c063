// The Autobahn test suite as a client and as a server, and whom it visits: an echo page behind the real gateway, and servers
// that break a rule on purpose. It must never judge: that is done from what the client wrote down.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

/** @typedef {import("./autobahn-verdict.js").Summary} Summary */

const PROGRAMS = new URL("../../../xtask/python/autobahn/", import.meta.url);

/** The suite sends at most 16 MiB in one message, and at most 65,536 frames. */
export const RAISED = { maxMessage: 32 << 20, maxFragments: 131_072 };

/** No run takes a tenth of this; one that hangs must not hang for ever. */
const RUN_WITHIN_MS = 900_000;

/** How long the server may take to write down the last case once the client is through. */
const END_WITHIN_MS = 30_000;

/**
 * Runs cases against a server, one after the other.
 * @param {{ url: string, dial?: [host: string, port: number], cases: string[] }} plan `dial` where the name in the URL
 *   resolves in browsers only
 * @returns {Promise<Summary>}
 */
export function fuzz(plan) {
  return suite("fuzz.py", plan);
}

/**
 * Runs cases against a client, which goes through them.
 * @param {string[]} cases
 * @param {(offer: { port: number, cases: string[] }) => Promise<void>} client asks for each case in turn, and resolves behind the last
 * @returns {Promise<Summary>}
 */
export function serveCases(cases, client) {
  return suite("serve.py", { cases }, async (child) => {
    for await (const line of createInterface({ input: child.stdout })) {
      // The suite has more to say.
      if (!line.startsWith("{")) continue;
      await client(JSON.parse(line));
      // From here on it ends by itself, or hangs.
      setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS).unref();
    }
  });
}

/**
 * One of the programs around the suite, to its end.
 * @param {string} program @param {object} plan @param {(child: import("node:child_process").ChildProcess) => Promise<void>} [drive]
 * @returns {Promise<Summary>}
 */
async function suite(program, plan, drive) {
  const { PAGEPORT_AUTOBAHN_PYTHON: python, PAGEPORT_AUTOBAHN_SUITE: suite } = process.env;
  if (!python || !suite) throw new Error("run this through `cargo xtask test --only autobahn`");
  const dir = await mkdtemp(join(tmpdir(), "autobahn-"));
  try {
    const files = [join(dir, "plan.json"), join(dir, "summary.json")];
    await writeFile(files[0], JSON.stringify(plan));
    // -B: nothing is written next to the sources.
    const child = spawn(python, ["-B", fileURLToPath(new URL(program, PROGRAMS)), suite, ...files], { stdio: ["ignore", "pipe", "pipe"] });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    const timer = setTimeout(kill, RUN_WITHIN_MS);
    let said = "";
    for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (said = (said + text).slice(-8192)));
    const driven = drive?.(child);
    driven?.catch(kill);
    const [code, signal] = await once(child, "close");
    clearTimeout(timer);
    process.off("exit", kill);
    await driven;
    if (code !== 0) throw new Error(`${program} ended with ${signal ?? code}:\n${said}`);
    return JSON.parse(await readFile(files[1], "utf8"));
  } finally {
    await rm(dir, { recursive: true });
  }
}

/**
 * A page that listens and sends back what it gets.
 * @param {import("./driver.js").Browser} browser @param {import("./gateway.js").Gateway} gateway
 * @param {{ limits?: object, spoiled?: boolean }} [options] of the listener; whether to change the last byte
 * @returns {Promise<{ url: string, pathUrl: string, errors: string[] }>} `errors`: thrown in the page and not caught
 */
export async function openEchoPage(browser, gateway, { limits = RAISED, spoiled = false } = {}) {
  const page = await browser.newPage();
  const errors = [];
  page.onConsole((text, type) => type === "pageerror" && errors.push(text));
  await page.goto(gateway.url);
  const urls = await page.evaluate(
    async ({ limits, spoiled }) => {
      const module = "/pageport.js";
      const { WebSocketListener } = await import(module);
      const listener = new WebSocketListener(limits);
      listener.onconnection = ({ socket }) => {
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => socket.send(spoiled ? spoil(data) : data);
      };
      await new Promise((resolve, reject) => {
        listener.onlistening = resolve;
        listener.onerror = ({ error }) => reject(error);
      });
      return { url: listener.url, pathUrl: listener.pathUrl };

      function spoil(data) {
        if (typeof data === "string") return `${data.slice(0, -1)}#`;
        const bytes = new Uint8Array(data);
        bytes[bytes.length - 1] ^= 1;
        return bytes;
      }
    },
    { limits, spoiled },
  );
  return { ...urls, errors };
}

/**
 * An echo server without a gateway that breaks one rule of RFC 6455:
 * `pong`: answers a ping with something else (5.5.3); `utf8`: takes text that is not UTF-8 (8.1); `close`: ends the
 * connection without a closing handshake (7.1.1).
 * @param {"pong" | "utf8" | "close"} broken
 */
export async function startBrokenServer(broken) {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    autoPong: broken !== "pong",
    skipUTF8Validation: broken === "utf8",
  });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("ping", (payload) => broken === "pong" && socket.pong(`${payload}!`));
    socket.on("message", (data, binary) => {
      socket.send(data, { binary }, () => broken === "close" && socket.terminate());
    });
  });
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `ws://127.0.0.1:${port}/`, stop: () => server.close() };
}
