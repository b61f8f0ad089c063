// Dovecot: one mailbox by IMAP, at a port that begins TLS at once and at one where it begins by STARTTLS.

import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort, launch, version, workDirectory, written } from "../proxies/daemon.js";
import { certified } from "./certificate.js";
import { MESSAGES } from "./mailbox.js";

const NOBODY = { uid: 65_534, gid: 65_534 };

/** @param {{ certificate?: ReturnType<typeof certified> }} [options] */
export async function startDovecot({ certificate = certified() } = {}) {
  const [dir, port, tlsPort] = [workDirectory("dovecot"), await freePort(), await freePort()];
  const { certFile, keyFile, fingerprint } = certificate;
  const [user, password] = ["reader", "correct-horse"];
  const file = written(
    dir,
    `base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <${certFile}
ssl_key = <${keyFile}
mail_location = maildir:${dir}/mail
first_valid_uid = 0
mail_uid = ${NOBODY.uid}
mail_gid = ${NOBODY.gid}
passdb {
  driver = static
  args = password={PLAIN}${password}
}
userdb {
  driver = static
  args = uid=${NOBODY.uid} gid=${NOBODY.gid} home=${dir}/mail
}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
    ssl = yes
  }
}
`,
  );
  deliver(join(dir, "mail"));
  const daemon = await launch("/usr/sbin/dovecot", ["-F", "-c", file], { port });
  await ready(port);
  return {
    name: "dovecot",
    version: version("dovecot-imapd"),
    host: "localhost",
    /** In the clear at first. */
    port,
    /** TLS from the start. */
    tlsPort,
    user,
    password,
    /** The authority of both ports. */
    authority: certFile,
    /** SHA-256 of their certificate, in hexadecimal. */
    fingerprint,
    messages: MESSAGES,
    log: daemon.said,
    stop: daemon.stop,
  };
}

/** Until logins are served it says something else first, which is no greeting. @param {number} port */
async function ready(port) {
  const socket = connect(port, "127.0.0.1");
  let said = "";
  for await (const text of socket.setEncoding("utf8")) {
    said += text;
    if (/^\* OK \[CAPABILITY /m.test(said)) return;
  }
  throw new Error(`dovecot has no greeting: ${said}`);
}

/** Puts the messages where a delivery agent would put them. @param {string} mail */
function deliver(mail) {
  const isRoot = userInfo().uid === 0;
  for (const path of [mail, ...["cur", "new", "tmp"].map((name) => join(mail, name))]) {
    mkdirSync(path);
    if (isRoot) chownSync(path, NOBODY.uid, NOBODY.gid);
  }
  MESSAGES.forEach((text, i) => {
    const file = join(mail, "cur", `${1_700_000_000 + i}.M${i}.test:2,${i ? "" : "S"}`);
    writeFileSync(file, text);
    if (isRoot) chownSync(file, NOBODY.uid, NOBODY.gid);
  });
}
