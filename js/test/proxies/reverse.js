// Reverse proxies: to a client they are the gateway.

import { join } from "node:path";
import { apache } from "./apache.js";
import { changed, freePort, launch, lines, stanza, version, workDirectory, written } from "./daemon.js";

/** @typedef {import("./daemon.js").Proxy} Proxy */

/** Without a word about upgrades it lets none through. @param {number} target @returns {Promise<Proxy>} */
export const apacheReverse = (target) => anApache("apache2 reverse", "apache-reverse.conf", target);

/** @param {number} target @returns {Promise<Proxy>} */
export const apacheUpgrade = (target) => anApache("apache2 reverse, upgrade=ANY", "apache-reverse-upgrade.conf", target);

/** Speaks HTTP/1.0 to the gateway, and would hold every answer back to its end if that did not ask it not to (`x-accel-buffering`). @param {number} target @returns {Promise<Proxy>} */
export const nginx = (target) => anNginx("nginx", "nginx.conf", target);

/** The same, deaf to what the gateway asks for. @param {number} target @returns {Promise<Proxy>} */
export const nginxBuffering = (target) => anNginx("nginx, buffering", "nginx-buffering.conf", target);

/** @param {number} target @returns {Promise<Proxy>} */
export const nginxUpgrade = (target) => anNginx("nginx, upgrade", "nginx-upgrade.conf", target);

/** @param {number} target @returns {Promise<Proxy>} */
export async function haproxy(target) {
  const [dir, port] = [workDirectory("haproxy"), await freePort()];
  const config = changed("/etc/haproxy/haproxy.cfg", [
    [/^\s*log \/dev\/log\tlocal0$/m, "\tlog stdout format raw local0"],
    [/^\s*log \/dev\/log\tlocal1 notice$/m, ""],
    ["stats socket /run/haproxy/admin.sock", `stats socket ${dir}/admin.sock`],
  ]);
  const file = written(dir, config + stanza("haproxy.conf", { PORT: port, TARGET: target }));
  const daemon = await launch("haproxy", ["-db", "-f", file], { port });
  const log = () => daemon.said().split("\n").filter((line) => / pageport\/gateway /.test(line));
  return reverse("haproxy", "haproxy", port, daemon, log, (line) => Number(/ \d{3} (\d+) /.exec(line)?.[1]));
}

/** @param {string} name @param {string} file @param {number} target */
async function anApache(name, file, target) {
  const { port, daemon, log, bytes } = await apache(file, ["proxy", "proxy_http"], { TARGET: target });
  return reverse(name, "apache2", port, daemon, log, bytes);
}

/** @param {string} name @param {string} file @param {number} target */
async function anNginx(name, file, target) {
  const [dir, port] = [workDirectory("nginx"), await freePort()];
  const config = changed("/etc/nginx/nginx.conf", [
    [/^pid .*$/m, `pid ${dir}/pid;`],
    [/^error_log .*$/m, `error_log ${dir}/error.log;`],
    [/^\s*access_log .*$/m, `access_log ${dir}/access.log;`],
    [/^\s*include \/etc\/nginx\/sites-enabled\/\*;$/m, stanza(file, { PORT: port, TARGET: target })],
  ]);
  const args = ["-e", join(dir, "error.log"), "-c", written(dir, config), "-g", "daemon off;"];
  const daemon = await launch("nginx", args, { port });
  const bytes = (/** @type {string} */ line) => Number(/" \d{3} (\d+) "/.exec(line)?.[1]);
  return reverse(name, "nginx", port, daemon, () => lines(join(dir, "access.log")), bytes);
}

/**
 * @param {string} name
 * @param {string} pack
 * @param {number} port
 * @param {Pick<Proxy, "freeze" | "thaw" | "stop">} daemon
 * @param {Proxy["log"]} log
 * @param {Proxy["bytes"]} bytes
 * @returns {Proxy}
 */
function reverse(name, pack, port, daemon, log, bytes) {
  return { name, version: version(pack), role: "reverse", url: `http://localhost:${port}`, port, log, bytes, freeze: daemon.freeze, thaw: daemon.thaw, stop: daemon.stop };
}
