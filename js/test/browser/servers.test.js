// Pages that are clients of real servers, in both browsers behind the real gateway: IRC, Redis, and IMAP within TLS and by STARTTLS.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startDovecot } from "../servers/dovecot.js";
import { startNgircd } from "../servers/ngircd.js";
import { startRedis } from "../servers/redis.js";
import { imap, unverified } from "../servers/scenes/imap.js";
import { irc } from "../servers/scenes/irc.js";
import { redis } from "../servers/scenes/redis.js";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startSite } from "./site.js";

let site;
let gateway;
/** @type {Awaited<ReturnType<typeof startDovecot>>[]} */
let [mail, stranger] = [];
/** @type {any} */
let [chat, store] = [];
before(async () => {
  [site, chat, store, mail, stranger] = await Promise.all([startSite(), startNgircd(), startRedis(), startDovecot(), startDovecot()]);
  const posts = [mail, stranger].flatMap(({ host, port, tlsPort }) => [`tcp://${host}:${port}`, `tls://${host}:${tlsPort}`]);
  const targets = [`tcp://${chat.host}:${chat.port}`, `tcp://${store.host}:${store.port}`, ...posts];
  gateway = await startGateway({ args: targets.flatMap((target) => ["--allow", target]), env: { SSL_CERT_FILE: mail.authority } });
});
after(async () => {
  site?.close();
  await Promise.all([gateway, chat, store, mail, stranger].map((started) => started?.stop()));
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`pages in ${name} as clients of real servers`, { timeout: 60_000 }, () => {
    let world;
    before(async () => {
      world = { browser: await launch(), site, gateway };
    });
    after(() => world?.browser.close());

    test("talk to each other in a channel of ngIRCd", async () => void (await irc(world, chat)));

    test("read what redis-cli has written, and the other way round", async () => void (await redis(world, store)));

    test("read a mailbox of Dovecot, within TLS and by STARTTLS, and none of a server that nobody vouches for", async () => {
      for (const how of /** @type {const} */ (["on", "starttls"])) {
        await imap(world, mail, how);
        assert.equal(await unverified(world, stranger, how), "ERR_TARGET_TLS");
      }
    });
  });
}
