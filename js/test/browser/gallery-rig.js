// The servers that the gallery's clients talk to, and a gateway that allows them: real ones, each on a free port of this machine.

import { once } from "node:events";
import { connect } from "node:net";
import { startDovecot } from "../servers/dovecot.js";
import { startNgircd } from "../servers/ngircd.js";
import { startRedis } from "../servers/redis.js";
import { startVnc } from "../servers/vnc.js";
import { startGateway } from "./gateway.js";

export async function startRig() {
  const [chat, mail, store, screen] = await Promise.all([startNgircd(), startDovecot(), startRedis(), startVnc()]);
  // A port of a client's: nobody listens there, and nobody can.
  const somebody = connect(store.port, store.host);
  await once(somebody, "connect");
  const nobody = `127.0.0.1:${somebody.localPort}`;
  const allowed = [
    `tcp://${chat.host}:${chat.port}`,
    `tcp://${mail.host}:${mail.port}`,
    `tls://${mail.host}:${mail.tlsPort}`,
    `tcp://${screen.host}:${screen.port}`,
    `tcp://${nobody}`,
  ];
  // Whoever vouches for the mail server is known where TLS is done. Redis is not allowed: that is for a second gateway, which is told so.
  const env = { SSL_CERT_FILE: mail.authority };
  const gateway = await startGateway({ args: allowed.flatMap((target) => ["--allow", target]), env });
  return {
    gateway,
    chat,
    mail,
    store,
    screen,
    nobody,
    async stop() {
      somebody.destroy();
      await Promise.all([gateway, chat, mail, store, screen].map((started) => started.stop()));
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof startRig>>} Rig */
