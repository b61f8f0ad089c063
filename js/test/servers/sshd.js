// OpenSSH's server, without PAM and passwords.

import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { version } from "../proxies/daemon.js";
import { demand, freePort, listens, place, run, start } from "../show/programs.mjs";

/** An SSH server that lets whoever runs this in by a key. */
export async function startSshd() {
  const path = place();
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
  const { uid, username } = userInfo();
  // As root it wants a place of its own, which only a system that was started has.
  if (uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const server = start("/usr/sbin/sshd", ["-D", "-e", "-f", join(path, "config")]);
  await listens(port, server.log);
  const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"];
  const flags = ["-F", "none", "-i", own, ...options.flatMap((option) => ["-o", option])];
  return { name: "openssh", version: version("openssh-server"), host: "127.0.0.1", port, flags, login: username, log: server.log, stop: server.kill };
}
