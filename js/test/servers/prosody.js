// Prosody: an XMPP server with two accounts, at a port where TLS begins by STARTTLS before anybody may log in, and at one where it begins at once.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort, launch, version, workDirectory } from "../proxies/daemon.js";
import { certified } from "./certificate.js";

/** It refuses root; its package brings a user. */
const as = userInfo().uid === 0 ? ["setpriv", "--reuid", "prosody", "--regid", "prosody", "--clear-groups"] : [];

/** @param {{ certificate?: ReturnType<typeof certified> }} [options] */
export async function startProsody({ certificate = certified() } = {}) {
  const [dir, port, tlsPort] = [workDirectory("prosody"), await freePort(), await freePort()];
  const [certFile, keyFile] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  writeFileSync(certFile, certificate.cert);
  writeFileSync(keyFile, certificate.key);
  mkdirSync(join(dir, "data"));
  chmodSync(join(dir, "data"), 0o777);
  // It takes no file of another kind.
  const file = join(dir, "prosody.cfg.lua");
  writeFileSync(
    file,
    `data_path = "${dir}/data"
pidfile = "${dir}/data/pid"
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
c2s_direct_tls_ports = { ${tlsPort} }
s2s_ports = { }
http_ports = { }
https_ports = { }
c2s_require_encryption = true
authentication = "internal_hashed"
modules_enabled = { "disco", "roster", "saslauth", "tls", "posix" }
modules_disabled = { "s2s" }
ssl = { certificate = "${certFile}", key = "${keyFile}" }
VirtualHost "localhost"
`,
  );
  // The keys are this test's own.
  for (const own of [file, certFile, keyFile]) chmodSync(own, 0o644);
  const accounts = ["romeo", "juliet"].map((user) => ({ user, password: `${user}-secret` }));
  for (const { user, password } of accounts) register(file, user, password);
  const [command, ...args] = [...as, "/usr/bin/prosody", "--config", file, "-F"];
  const daemon = await launch(command, args, { port });
  return {
    name: "prosody",
    version: version("prosody"),
    host: "localhost",
    /** In the clear at first. */
    port,
    /** TLS from the start. */
    tlsPort,
    accounts,
    authority: certificate.certFile,
    fingerprint: certificate.fingerprint,
    log: daemon.said,
    stop: daemon.stop,
  };
}

/** @param {string} config @param {string} user @param {string} password */
function register(config, user, password) {
  const [command, ...args] = [...as, "/usr/bin/prosodyctl", "--config", config, "register", user, "localhost", password];
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`prosodyctl: ${stdout}${stderr}`);
}
