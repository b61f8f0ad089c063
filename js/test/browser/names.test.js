// Names of pages in real browsers: they belong to a key that no script can read, stay through reloads and restarts of the gateway,
// and two tabs do not take them from each other by accident.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { awayAndBack, launchThrottledChromium } from "./lifecycle.js";
import { Rig, Tab, until, visit } from "./names-rig.js";
import { startSite } from "./site.js";

let gateway;
let site;
let browsers = [];
before(async () => {
  // Its own range of ports: in the usual one another gateway of this machine might take what is free for a moment.
  [gateway, site] = await Promise.all([startGateway({ env: { PAGEPORT_TCP__PORTS: "7400-7499" } }), startSite()]);
  browsers = await Promise.all([launchChromium(), launchFirefox()]);
});
after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  site?.close();
  await gateway?.stop();
});

for (const [index, name] of ["chromium", "firefox"].entries()) {
  describe(`a page in ${name}`, () => {
    const open = (at = gateway.url) => Tab.open(browsers[index], site, at);

    test("keeps random names, one for each listener, through a reload", async () => {
      const page = await open();
      const before = [await page.listen(), await page.listen()];
      assert.notEqual(before[0].url, before[1].url);
      await page.reload();
      const after = [await page.listen(), await page.listen()];
      assert.deepEqual(after.map(({ url }) => url), before.map(({ url }) => url));
      assert.equal(await heardAt(after[0].pathUrl), await page.id());
      const other = await open();
      assert.notEqual((await other.listen()).url, before[0].url);
      await page.load("/elsewhere");
      assert.notEqual((await page.listen()).url, before[0].url);
      await page.load();
      assert.equal((await page.listen()).url, before[0].url);
    });

    test("keeps a chosen name through a reload", async () => {
      const page = await open();
      const init = { name: `reload-${name}` };
      const { url } = await page.listen(init);
      const id = await page.id();
      await page.reload();
      const named = await page.listen(init);
      assert.equal(named.url, url);
      assert.equal(new URL(url).hostname, `${init.name}.localhost`);
      const answer = await heardAt(named.pathUrl);
      assert.equal(answer, await page.id());
      assert.notEqual(answer, id);
    });

    test("that is a copy of another begins with a name of its own", async () => {
      const page = await open();
      const named = await page.listen();
      const copy = await open();
      await copy.remember(await page.memory());
      const copied = await copy.listen();
      assert.match(copied.diary[0], /^listening/);
      assert.notEqual(copied.url, named.url);
      assert.equal(await heardAt(named.pathUrl), await page.id());
      // Without the other one the memory is good.
      const memory = await page.memory();
      await page.close();
      const heir = await open();
      await heir.remember(memory);
      assert.equal((await heir.listen()).url, named.url);
    });

    test("does not take a chosen name from another tab by accident", async () => {
      const init = { name: `tabs-${name}` };
      const [one, two] = [await open(), await open()];
      const first = await one.listen(init);
      assert.deepEqual((await two.listen(init)).diary, ["error ERR_NAME_IN_USE", "close"]);
      assert.equal(await heardAt(first.pathUrl), await one.id());
      await one.end(first.number);
      const second = await two.listen(init);
      assert.equal(await heardAt(second.pathUrl), await two.id());
    });

    test("that closes a listener before it could listen leaves its name to other tabs", async () => {
      const page = await open();
      const names = [`early-${name}`, `late-${name}`];
      const held = await page.hurry(names);
      const ours = held.filter((lock) => names.some((each) => lock.endsWith(`:${each}`)));
      assert.deepEqual(ours, [`pageport:${gateway.url}:${names[1]}`]);
      assert.match((await (await open()).listen({ name: names[0] })).diary[0], /^listening/);
    });

    test("takes a chosen name over when asked to, and who had it does not fight back", async () => {
      const init = { name: `takeover-${name}` };
      const [one, two] = [await open(), await open()];
      const first = await one.listen(init);
      const second = await two.listen({ ...init, takeover: true });
      assert.equal(await heardAt(second.pathUrl), await two.id());
      assert.deepEqual(await one.noted(first.number, 3), [first.diary[0], "error ERR_NAME_REPLACED", "close"]);
      assert.deepEqual((await one.listen(init)).diary, ["error ERR_NAME_IN_USE", "close"]);
      assert.deepEqual(await two.noted(second.number, 1), [`listening ${first.url}`]);
    });

    test("may have a port instead, which is the same after a reload and its own among tabs", async () => {
      const page = await open();
      const { url, port, pathUrl } = await page.listen({ port: 0 });
      assert.deepEqual([url, pathUrl], [`ws://localhost:${port}/`, ""]);
      assert.equal(await heardAt(url), await page.id());
      const other = await open();
      assert.deepEqual((await other.listen({ port })).diary, ["error ERR_PORT_UNAVAILABLE", "close"]);
      await page.reload();
      assert.equal((await page.listen({ port: 0 })).url, url);
      assert.equal(await heardAt(url), await page.id());
      assert.equal((await other.listen({ port, takeover: true })).url, url);
      assert.deepEqual(await page.noted(0, 3), [`listening ${url}`, "error ERR_NAME_REPLACED", "close"]);
      assert.equal(await heardAt(url), await other.id());
    });

    test("has one key for each gateway and origin, which no script can read", async () => {
      const page = await open();
      await page.listen();
      const pair = await page.page.evaluate(async (gateway) => {
        const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const database = await done(indexedDB.open("pageport"));
        const { privateKey, publicKey } = await done(database.transaction("keys").objectStore("keys").get(gateway));
        const read = await crypto.subtle.exportKey("pkcs8", privateKey).then(() => "read", ({ name }) => name);
        database.close();
        return { read, extractable: privateKey.extractable, algorithm: publicKey.algorithm.name };
      }, gateway.url);
      assert.deepEqual(pair, { read: "InvalidAccessError", extractable: false, algorithm: "Ed25519" });
    });

    test("has its names again soon after the gateway was killed and has come back", async (t) => {
      const first = await startGateway();
      const args = ["--listen", `127.0.0.1:${first.port}`];
      const page = await open(first.url);
      const listeners = [await page.listen(), await page.listen({ name: `killed-${name}` })];
      process.kill(first.pid, "SIGKILL");
      await first.exited;
      const second = await startGateway({ args });
      t.after(() => second.stop());
      for (const { pathUrl } of listeners) {
        const id = await page.id();
        assert.ok((await until(pathUrl, (heard) => heard === `${id} heard hello`, 5_000)) < 5_000, pathUrl);
      }
      for (const listener of listeners)
        assert.deepEqual(await page.noted(listener.number, 3), [listener.diary[0], "error ERR_SESSION_LOST", listener.diary[0]]);
    });
  });
}

test("a chosen name belongs to its key, in another browser too", async () => {
  const [one, two] = await Promise.all(browsers.map((browser) => Tab.open(browser, site, gateway.url)));
  const init = { name: "belongs" };
  const first = await one.listen(init);
  const refused = ["error ERR_NAME_TAKEN", "close"];
  assert.deepEqual((await two.listen(init)).diary, refused);
  assert.deepEqual((await two.listen({ ...init, takeover: true })).diary, refused);
  assert.deepEqual((await two.listen({ name: "be1ongs" })).diary, refused);
  // Nor does it become free when nobody listens.
  await one.end(first.number);
  assert.deepEqual((await two.listen(init)).diary, refused);
  assert.deepEqual((await one.listen(init)).diary, first.diary);
});

test("other names that cannot be are errors of their own", async () => {
  const page = await Tab.open(browsers[0], site, gateway.url);
  for (const [name, code] of [["no", "ERR_NAME_INVALID"], ["Upper", "ERR_NAME_INVALID"], ["admin", "ERR_NAME_RESERVED"], ["abcdefghijk23", "ERR_NAME_RESERVED"]])
    assert.deepEqual((await page.listen({ name })).diary, [`error ${code}`, "close"], name);
});

test("a page that was left for another one has its name to itself again when it comes back", async (t) => {
  // Firefox keeps no page with an open WebSocket.
  const browser = await launchThrottledChromium();
  t.after(() => browser.close());
  const page = await Tab.open(browser, site, gateway.url);
  const { pathUrl, diary, number } = await page.listen({ name: "left" });
  const id = await page.id();
  await awayAndBack(page.page, site, async () => {});
  assert.equal(await page.id(), id, "it was not kept");
  const other = await Tab.open(browser, site, gateway.url);
  assert.deepEqual((await other.listen({ name: "left" })).diary, ["error ERR_NAME_IN_USE", "close"]);
  assert.equal(await heardAt(pathUrl), id);
  assert.deepEqual(await page.noted(number, 1), diary);
});

test("without cryptography there are random names for a session, and no others", async (t) => {
  const { port } = new URL(site.local);
  const home = `http://pages.test:${port}`;
  const rig = await Rig.start({ data: false, origins: [home] });
  t.after(() => rig.stop());
  const plain = [await launchChromium({ args: ["--host-resolver-rules=MAP pages.test 127.0.0.1"] }), await launchFirefox({ prefs: { "network.dns.localDomains": "pages.test" } })];
  t.after(() => Promise.all(plain.map((browser) => browser.close())));
  for (const browser of plain) {
    const page = await Tab.open(browser, { local: home }, rig.url);
    assert.equal(await page.page.evaluate(() => isSecureContext), false);
    assert.deepEqual((await page.listen({ name: "plain" })).diary, ["error ERR_INSECURE_CONTEXT", "close"]);
    const { url, pathUrl } = await page.listen();
    assert.equal(await heardAt(pathUrl), await page.id());
    await page.reload();
    assert.notEqual((await page.listen()).url, url);
  }
});

/** The id of the page that answers there, or why none does. @param {string} url */
async function heardAt(url) {
  return (await visit(url)).replace(" heard hello", "");
}
