// Programs behind `pageport connect`: how it is started as a SOCKS server, and what the gateway's metrics say went through it.

import { start } from "../show/programs.mjs";

const READY_WITHIN_MS = 20_000;

/**
 * `pageport connect --socks`, on a free port.
 * @param {import("../browser/gateway.js").Gateway} gateway @param {{ auth?: string, args?: string[] }} [options]
 */
export async function startSocks(gateway, { auth, args = [] } = {}) {
  const env = auth ? { PAGEPORT_SOCKS_AUTH: auth } : {};
  const all = ["connect", "--socks", "0", "--json", "--gateway", gateway.url, ...args];
  const running = start(process.env.PAGEPORT_BIN ?? "", all, env);
  /** @type {any[]} */
  const events = [];
  const ready = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the SOCKS server is not ready\n${running.log()}`)), READY_WITHIN_MS);
    running.lines.on("line", (line) => {
      const event = JSON.parse(line);
      events.push(event);
      if (event.event === "ready") resolve((clearTimeout(timer), event));
    });
    running.exited.then((code) => reject(new Error(`the SOCKS server ended: ${code}\n${running.log()}`)));
  });
  return { ...running, events, address: ready.socks };
}

/** Connections that the gateway has made, that it has now, and bytes that went through them. @param {{ admin: string }} gateway */
export async function reached({ admin }) {
  const text = await (await fetch(`${admin}/metrics`)).text();
  /** @param {string} name */
  const sum = (name) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length]))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  return { made: sum("pageport_connects_total"), now: sum("pageport_connects"), bytes: sum("pageport_connect_received_bytes_total") + sum("pageport_connect_sent_bytes_total") };
}

/** Waits until the gateway has so many connections, and says how many it has in the end. @param {{ admin: string }} gateway @param {number} count */
export async function settled(gateway, count, within = 10_000) {
  const end = Date.now() + within;
  for (;;) {
    const { now } = await reached(gateway);
    if (now === count || Date.now() > end) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The first line of what a program says of its version. @param {(command: string, args: string[]) => Promise<{ out: Buffer, err: string }>} run @param {string} command @param {string[]} args */
export async function version(run, command, args) {
  const { out, err } = await run(command, args);
  return (out.toString() + err).split("\n")[0].trim();
}
