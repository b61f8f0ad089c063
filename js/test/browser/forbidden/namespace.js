// A network of its own for a script: a loopback, and default routes for both families to where nobody is. So whatever is dialled there would leave as a packet, and be counted.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Addresses that would be ordinary ones, which only rules can keep anybody from. */
export const PUBLIC = { four: "8.8.8.0/24", six: "2606:4700:4700::/48" };

/**
 * Runs a script of this directory in a network namespace: what it has said, an object a line.
 * @param {string} script
 * @param {string[]} args
 * @param {(said: any) => void} tell
 */
export async function inNamespace(script, args, tell) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const flags = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
  const child = spawn("unshare", [...flags, "--kill-child", process.execPath, path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => {
    const lines = (text + piece).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) tell(JSON.parse(line));
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${script}: ${code}`);
}

/** Makes the network, from within. */
export function makeNetwork() {
  for (const line of [
    "link set lo up",
    "link add v0 type veth peer name v1",
    "link set v0 up",
    "link set v1 up",
    "address add 198.51.100.2/24 dev v0",
    "-6 address add 2001:db8:ffff::2/64 dev v0 nodad",
    "route add default via 198.51.100.1",
    "-6 route add default via 2001:db8:ffff::1 dev v0",
  ])
    execFileSync("ip", line.split(" "));
}

/**
 * Counts from now on, from nothing: `own` connections to the gateway itself, `dns` questions to the name server, first packets to public addresses (which are refused there) and to any
 * other address, by TCP (`syn`) and UDP.
 * @param {{ gateway: number, dns: number }} ports both at 127.0.0.1
 */
export function count({ gateway, dns }) {
  const first = "tcp flags & (syn | ack) == syn";
  // Names begin with `n-`, since `udp` is one of nft's own words.
  const rules = `flush ruleset
table inet watch {
  ${["own", "dns", "publicSyn", "publicUdp", "syn", "udp"].map((name) => `counter n-${name} {}`).join("\n  ")}
  chain out {
    type filter hook output priority 0
    ip daddr 127.0.0.1 tcp dport ${gateway} ${first} counter name n-own accept
    ip daddr 127.0.0.1 tcp dport ${dns} ${first} counter name n-dns accept
    ip daddr 127.0.0.1 udp dport ${dns} counter name n-dns accept
    ip saddr 127.0.0.1 udp sport ${dns} accept
    ip daddr ${PUBLIC.four} ${first} counter name n-publicSyn reject with tcp reset
    ip6 daddr ${PUBLIC.six} ${first} counter name n-publicSyn reject with tcp reset
    ip daddr ${PUBLIC.four} meta l4proto udp counter name n-publicUdp accept
    ip6 daddr ${PUBLIC.six} meta l4proto udp counter name n-publicUdp accept
    ${first} counter name n-syn
    meta l4proto udp counter name n-udp
  }
}`;
  execFileSync("nft", ["-f", "-"], { input: rules });
}

/** How many packets of each there were. @returns {Record<string, number>} */
export function counted() {
  const { nftables } = JSON.parse(execFileSync("nft", ["-j", "list", "counters"], { encoding: "utf8" }));
  return Object.fromEntries(nftables.filter((/** @type {any} */ { counter }) => counter).map((/** @type {any} */ { counter }) => [counter.name.slice(2), counter.packets]));
}

/** What has left during something, beside what that returns. @template T @param {() => Promise<T>} doing @returns {Promise<[T, Record<string, number>]>} */
export async function leaving(doing) {
  const before = counted();
  const result = await doing();
  const after = counted();
  return [result, Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]))];
}
