// ngIRCd: an IRC server on loopback, with nothing but what a client needs.

import { freePort, launch, version, workDirectory, written } from "../proxies/daemon.js";

export async function startNgircd() {
  const [dir, port] = [workDirectory("ngircd"), await freePort()];
  // DNS, ident and PAM would ask others.
  const file = written(
    dir,
    `[Global]
Name = irc.test
Info = a server for tests
AdminInfo1 = nobody
Listen = 127.0.0.1
Ports = ${port}
MotdPhrase = speak, friend
ServerUID = nobody
ServerGID = nogroup
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
`,
  );
  const daemon = await launch("/usr/sbin/ngircd", ["--nodaemon", "--config", file], { port });
  return { name: "ngircd", version: version("ngircd"), host: "127.0.0.1", port, stop: daemon.stop };
}
