// OpenSSH's server, without PAM and passwords.

import { chownSync, readdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { version } from "../proxies/daemon.js";
import { as, demand, freePort, give, identity, listens, place, run, start, user } from "../show/programs.mjs";

const root = userInfo().uid === 0;

/** An SSH server that lets the unprivileged user in by a key. */
export async function startSshd() {
  const path = place();
  const { uid } = await identity();
  const [host, own] = ["host", "own"].map((name) => join(path, name));
  for (const key of [host, own]) {
    const made = await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    demand(made.code === 0, `ssh-keygen: ${made.err}`);
  }
  const port = await freePort();
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${host}`,
    `AuthorizedKeysFile ${own}.pub`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "PidFile none",
  ];
  writeFileSync(join(path, "config"), `${config.join("\n")}\n`);
  for (const name of readdirSync(path)) give(join(path, name), uid, 0o600);
  give(path, uid, 0o755);
  // The client runs as whoever runs this, and takes no key that somebody else owns.
  if (root) chownSync(own, 0, 0);
  const server = start(...as("/usr/sbin/sshd", ["-D", "-e", "-f", join(path, "config")]));
  await listens(port, server.log);
  const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"];
  const flags = ["-F", "none", "-i", own, ...options.flatMap((option) => ["-o", option])];
  return { name: "openssh", version: version("openssh-server"), host: "127.0.0.1", port, flags, login: user, log: server.log, stop: server.kill };
}
