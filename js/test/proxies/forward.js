// Forward proxies: a client is told to use them, and asks them for URLs or for tunnels.

import { join } from "node:path";
import { apache } from "./apache.js";
import { changed, freePort, launch, lines, version, workDirectory, written } from "./daemon.js";

/** @typedef {import("./daemon.js").Proxy} Proxy */

/** Tunnels to port 443 only; URLs to 80, 443 and everything from 1025 on. @returns {Promise<Proxy>} */
export async function squid() {
  const [dir, port] = [workDirectory("squid"), await freePort()];
  const config = changed("/etc/squid/squid.conf", [
    [/^http_port 3128$/m, `http_port 127.0.0.1:${port}`],
    [/^coredump_dir .*$/m, [`access_log stdio:${dir}/access.log squid`, `cache_log ${dir}/cache.log`, `pid_filename ${dir}/pid`].join("\n")],
  ]);
  // Its name is in the names of what it shares with its own processes: another squid on this machine has the usual one.
  const daemon = await launch("squid", ["-N", "-n", `pageport${port}`, "-f", written(dir, config)], { port });
  return forward("squid", port, daemon, () => lines(join(dir, "access.log")), (line) => Number(line.split(/\s+/)[4]));
}

/** Tunnels to wherever its list of ports does not forbid it; Debian's has no list. @returns {Promise<Proxy>} */
export async function tinyproxy() {
  const [dir, port] = [workDirectory("tinyproxy"), await freePort()];
  const config = changed("/etc/tinyproxy/tinyproxy.conf", [
    [/^Port 8888$/m, `Port ${port}`],
    [/^LogFile .*$/m, `LogFile "${dir}/tinyproxy.log"`],
    [/^PidFile .*$/m, `PidFile "${dir}/tinyproxy.pid"`],
  ]);
  const daemon = await launch("tinyproxy", ["-d", "-c", written(dir, config)], { port });
  const requests = () => lines(join(dir, "tinyproxy.log")).filter((line) => /Request \(file descriptor/.test(line));
  return forward("tinyproxy", port, daemon, requests, () => undefined);
}

/** It filters what it can look into. @returns {Promise<Proxy>} */
export async function privoxy() {
  const [dir, port] = [workDirectory("privoxy"), await freePort()];
  const config = changed("/etc/privoxy/config", [
    [/^listen-address +127\.0\.0\.1:8118$/m, `listen-address 127.0.0.1:${port}`],
    [/^listen-address +\[::1\]:8118$/m, ""],
    [/^logdir .*$/m, `logdir ${dir}`],
    // Says each request, which it does not by default, and changes nothing else.
    [/^toggle +1$/m, "toggle 1\ndebug 1\ndebug 512"],
  ]);
  const daemon = await launch("privoxy", ["--no-daemon", written(dir, config)], { port });
  // In the foreground it logs to stderr.
  const requests = () => daemon.said().split("\n").filter((line) => CLF.test(line));
  return forward("privoxy", port, daemon, requests, (line) => Number(CLF.exec(line)?.[1]));
}

/** A line of the Common Log Format. */
const CLF = /" \d{3} (\d+)$/;

/** Tunnels to 443 and 563 only. @returns {Promise<Proxy>} */
export async function apacheForward() {
  const { port, daemon, log, bytes } = await apache("apache-forward.conf", ["proxy", "proxy_http", "proxy_connect"], {});
  return { ...(await forward("apache2", port, daemon, log, bytes)), name: "apache2 forward" };
}

/**
 * @param {string} name of its package
 * @param {number} port
 * @param {Pick<Proxy, "freeze" | "thaw" | "stop">} daemon
 * @param {Proxy["log"]} log
 * @param {Proxy["bytes"]} bytes
 * @returns {Promise<Proxy>}
 */
async function forward(name, port, daemon, log, bytes) {
  return { name, version: version(name), role: "forward", url: `http://127.0.0.1:${port}`, port, log, bytes, freeze: daemon.freeze, thaw: daemon.thaw, stop: daemon.stop };
}
