// OpenSSH, unchanged, with `pageport connect` as its ProxyCommand, and by netcat through the SOCKS server, to a real sshd that the gateway
// allows.

import { randomBytes } from "node:crypto";
import { startGateway } from "../browser/gateway.js";
import { startSshd } from "../servers/sshd.js";
import { demand, run, sha256 } from "../show/programs.mjs";
import { reached, settled, startSocks, version } from "./reached.js";

/**
 * @param {(pairs: Record<string, unknown>) => void} fact gets what was seen
 * @param {{ bytes?: number }} [size]
 */
export async function sshThroughConnect(fact, { bytes = 16 << 20 } = {}) {
  const server = await startSshd();
  const gateway = await startGateway({ args: ["--allow", `tcp://127.0.0.1:${server.port}`] });
  const socks = await startSocks(gateway);
  const bin = process.env.PAGEPORT_BIN ?? "";
  try {
    fact({ ssh: await version(run, "ssh", ["-V"]), pageport: await version(run, bin, ["--version"]) });
    const input = randomBytes(bytes);
    const there = (/** @type {string} */ proxy, /** @type {string[]} */ ...words) =>
      run("ssh", [...server.flags, "-l", server.login, "-o", `ProxyCommand=${proxy}`, ...words], { input });
    const at = ["-p", String(server.port), "127.0.0.1"];
    const connect = `${bin} connect tcp://%h:%p --gateway ${gateway.url}`;
    for (const [way, proxy] of [
      ["pageport connect tcp://", connect],
      ["nc -X 5, connect --socks", `nc -X 5 -x ${socks.address} %h %p`],
    ]) {
      // `cat` answers while it is still sent to, `sha256sum` only after the end of what is sent.
      const back = await there(proxy, ...at, "cat");
      demand(back.code === 0 && back.out.equals(input), `${way}: the same bytes come back: ${back.code} ${back.err}`);
      const hashed = await there(proxy, ...at, "sha256sum; exit 7");
      demand(hashed.code === 7 && hashed.out.toString().startsWith(sha256(input)), `${way}: half-close and exit code: ${hashed.err}`);
      fact({ program: "ssh", way, bytes_each_way: input.length, equal: true, exit_code_passed: hashed.code, ms: back.ms });
    }
    const made = (await reached(gateway)).made;
    demand(made === 4, `the gateway made these connections: ${made}`);
    // OpenSSH ends its ProxyCommand by a signal, and with it goes the connection: not with the lease of a session.
    const waiting = there(connect, ...at, "cat > /dev/null; sleep 1");
    const during = await settled(gateway, 1);
    await waiting;
    const left = await settled(gateway, 0);
    demand(during === 1 && left === 0, `connections are gone with their programs: ${during}, then ${left}`);
    fact({ connections_by_gateway: made, while_it_runs: during, left_behind: left });
    const forbidden = await there(connect, "-p", "22", "192.0.2.1", "true");
    const rule = 'to = "192.0.2.1:22"';
    demand(forbidden.code === 255 && forbidden.err.includes(rule), `forbidden: ${forbidden.code} ${forbidden.err}`);
    fact({ control: "another server", exit_code: forbidden.code, code: /ERR_\w+/.exec(forbidden.err)?.[0], names_the_rule: rule });
  } finally {
    socks.kill();
    server.stop();
    await gateway.stop();
  }
}
