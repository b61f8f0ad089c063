// TigerVNC's X server: a screen that only VNC shows, and X clients that run on it.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { freePort, launch, version, workDirectory } from "../proxies/daemon.js";
import { pixels } from "./xwd.js";

/** X clients that may not outlive the test. @type {Set<import("node:child_process").ChildProcess>} */
const clients = new Set();
process.once("exit", () => clients.forEach((client) => client.kill("SIGKILL")));

/** @param {{ width?: number, height?: number }} [size] */
export async function startVnc({ width = 640, height = 480 } = {}) {
  const [dir, port] = [workDirectory("vnc"), await freePort()];
  const screen = ["-geometry", `${width}x${height}`, "-depth", "24", "-desktop", "a screen for tests"];
  // Whoever may reach the port may see the screen: it is on loopback, and the gateway decides.
  const access = ["-rfbport", `${port}`, "-localhost", "-SecurityTypes", "None", "-nolisten", "tcp"];
  // It takes the first display that nobody has, and says which.
  const says = /^(\d+)$/m;
  const daemon = await launch("/usr/bin/Xtigervnc", ["-displayfd", "1", ...screen, ...access], { port, env: { HOME: dir }, says });
  const [number] = says.exec(daemon.said()) ?? [];
  const display = `:${number}`;
  const env = { ...process.env, DISPLAY: display, HOME: dir };
  return {
    name: "tigervnc",
    version: version("tigervnc-standalone-server"),
    host: "127.0.0.1",
    port,
    width,
    height,
    display,
    /** A place for what X clients write. */
    dir,
    /** Starts an X client. @param {string} command @param {...string} args */
    client(command, ...args) {
      const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "inherit"] });
      clients.add(child.once("exit", () => clients.delete(child)));
      return child;
    },
    /** What is on the screen, by the server's own account: four bytes a pixel, red first, without the pointer. */
    dump: () => pixels(execFileSync("xwd", ["-root", "-silent"], { env, maxBuffer: 64 << 20 })),
    async stop() {
      const gone = [...clients].map((client) => (client.kill("SIGKILL"), once(client, "exit")));
      await Promise.all([daemon.stop(), ...gone]);
      for (const left of [`/tmp/.X11-unix/X${number}`, `/tmp/.X${number}-lock`]) rmSync(left, { force: true });
    },
  };
}
