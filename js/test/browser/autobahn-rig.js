// The fuzzing client of the Autobahn test suite, and whom it visits: an echo page behind the real gateway, and servers
// that break a rule on purpose. It must never judge: that is done from what the client wrote down.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

/** @typedef {import("./autobahn-verdict.js").Summary} Summary */

const CLIENT = fileURLToPath(new URL("../../../xtask/python/autobahn/fuzz.py", import.meta.url));

/** The suite sends at most 16 MiB in one message, and at most 65,536 frames. */
const RAISED = { maxMessage: 32 << 20, maxFragments: 131_072 };

/** No run takes a tenth of this; one that hangs must not hang for ever. */
const RUN_WITHIN_MS = 900_000;

/**
 * Runs cases against a server, one after the other.
 * @param {{ url: string, dial?: [host: string, port: number], cases: string[] }} plan `dial` where the name in the URL
 *   resolves in browsers only
 * @returns {Promise<Summary>}
 */
export async function fuzz(plan) {
  const { PAGEPORT_AUTOBAHN_PYTHON: python, PAGEPORT_AUTOBAHN_SUITE: suite } = process.env;
  if (!python || !suite) throw new Error("run this through `cargo xtask test --only autobahn`");
  const dir = await mkdtemp(join(tmpdir(), "autobahn-"));
  try {
    const files = [join(dir, "plan.json"), join(dir, "summary.json")];
    await writeFile(files[0], JSON.stringify(plan));
    // -B: nothing is written next to the sources.
    const child = spawn(python, ["-B", CLIENT, suite, ...files], { stdio: ["ignore", "pipe", "pipe"] });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    const timer = setTimeout(kill, RUN_WITHIN_MS);
    let said = "";
    for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (said = (said + text).slice(-8192)));
    const [code, signal] = await once(child, "close");
    clearTimeout(timer);
    process.off("exit", kill);
    if (code !== 0) throw new Error(`the fuzzing client ended with ${signal ?? code}:\n${said}`);
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
