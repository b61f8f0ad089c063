// The gallery as people use it, in both browsers: the tab serves, the network is cut, guests talk, and nothing leaves
// the gateway.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { launchChromium, launchFirefox } from "./driver.js";
import { startGateway } from "./gateway.js";
import { judgeInAllViews, judgeWalk, launchView, overlooked, plantedFaults, VIEWS } from "./gallery-audit.js";
import {
  click, echoes, foreignSite, leaving, open, openChat, openEcho, say, tabTo, text, until, visitChat,
} from "./gallery-steps.js";
import { joinByKeyboard, tour, visitAndCut } from "./gallery-tour.js";

const PAGES = ["/", "/echo/", "/chat/", "/chat/visit/", "/check/", "/terminal/", "/irc/", "/mail/", "/screen/"];
const NOTHING_SEEN = { sent: 0, echoed: 0, lost: 0, wrong: 0 };

let gateway;
let site;
before(async () => {
  [gateway, site] = await Promise.all([startGateway(), foreignSite()]);
});
after(async () => {
  site?.close();
  await gateway?.stop();
});

for (const [name, launch] of Object.entries({ chromium: launchChromium, firefox: launchFirefox })) {
  describe(`gallery in ${name}`, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test("the echo page answers a page of another origin, by name and by path, and shows it", async () => {
      const echo = await openEcho(browser, gateway);
      const { page: visitor } = await open(browser, site.url);
      const all = { same: [true, true, true, true], protocol: "one.example" };
      assert.deepEqual(await echoes(visitor, `${echo.url}some/path?q=1`, ["one.example", "two.example"]), all);
      assert.deepEqual(await echoes(visitor, echo.pathUrl), { ...all, protocol: "" });
      await until(echo.page, "#connections-summary", /^0 open, 2 ended, 0 refused$/);
      const table = await text(echo.page, "#connections");
      for (const shown of [site.origin, "/some/path?q=1", "one.example"]) assert.ok(table.includes(shown), table);
      assert.deepEqual(echo.errors, []);
    });

    test("refused visitors do not get in, and others do again afterwards", async () => {
      const echo = await openEcho(browser, gateway);
      const { page: visitor } = await open(browser, site.url);
      await click(echo.page, "#refuse");
      await assert.rejects(echoes(visitor, echo.url), /closed with 1006 after 0 echoes/);
      await until(echo.page, "#log", /refused with 403/);
      assert.equal(await handshakeStatus(echo.pathUrl), 403);
      await click(echo.page, "#accept");
      assert.deepEqual((await echoes(visitor, echo.url)).same, [true, true, true, true]);
    });

    test("a visitor's counter goes on after a cut with nothing lost and nothing wrong", async () => {
      const echo = await openEcho(browser, gateway);
      const seen = await visitAndCut(echo.page);
      assert.ok(seen.echoed >= 40, `${seen.echoed} echoes`);
      assert.deepEqual([seen.lost, seen.wrong], [0, 0]);
      assert.match(await text(echo.page, "#network-state"), /^Attached over (webtransport|websocket)$/);
      assert.deepEqual(leaving(echo.requests, gateway), []);
    });

    test("a host and two guests talk, and a cut of the host's network loses no word", async () => {
      const host = await openChat(browser, gateway);
      const ann = await visitChat(browser, host.invite, "Ann");
      const bo = await visitChat(browser, host.invite, "Ann");
      await until(host.page, "#people-title", /^People \(3\)$/);
      assert.match(await text(bo.page, "#state"), /^Connected as Ann 2$/);
      await say(ann.page, "<b>one</b>");
      await say(host.page, "two");
      await click(host.page, "#cut");
      await say(bo.page, "three");
      await say(host.page, "four");
      await until(host.page, "#network-events", /cut by you.*attached over \w+ after/s);
      for (const { page } of [host, ann, bo]) {
        for (const word of ["<b>one</b>", "two", "three", "four"]) await until(page, "#talk", new RegExp(word));
      }
      assert.equal(await host.page.evaluate(() => document.querySelectorAll("#talk b").length), 0);
      assert.deepEqual([...host.errors, ...ann.errors, ...bo.errors], []);
      const requests = [...host.requests, ...ann.requests, ...bo.requests];
      assert.ok(requests.length > 10, `${requests.length} requests`);
      assert.deepEqual(leaving(requests, gateway), []);
    });

    test("a guest's page does not load the module, and says so when the host has left", async () => {
      const host = await openChat(browser, gateway);
      const guest = await visitChat(browser, host.invite, "Ann");
      assert.deepEqual(guest.requests.filter((url) => url.includes("/pageport")), []);
      await host.page.close();
      await until(guest.page, "#state", /^(Disconnected|No answer)$/);
      await until(guest.page, "#people-title", /^People$/);
    });

    test("a guest who was away is back by himself, with his name and what was said", async () => {
      const host = await openChat(browser, gateway);
      const guest = await visitChat(browser, host.invite, "Ann");
      await say(host.page, "before");
      await until(guest.page, "#talk", /before/);
      await guest.page.evaluate(() => window.dispatchEvent(new Event("offline")));
      await click(host.page, "#people button");
      await until(guest.page, "#state", /^Out of the room$/);
      await say(host.page, "meanwhile");
      await click(guest.page, "#now");
      await until(guest.page, "#state", /^Connected as Ann$/);
      await until(guest.page, "#talk", /before.*meanwhile/s);
    });

    test("a chat works by keyboard alone, and the focus is always seen", async () => {
      const host = await openChat(browser, gateway);
      const guest = await open(browser, host.invite);
      assert.deepEqual(await joinByKeyboard(guest.page, "Key", "typed"), []);
      await until(guest.page, "#talk", /typed/);
      assert.deepEqual(await tabTo(host.page, "#text"), []);
      await host.page.raw.keyboard.type("answered");
      await host.page.raw.keyboard.press("Enter");
      await until(guest.page, "#talk", /answered/);
    });

    test("the echo page's switches and lists are all reached by keyboard", async () => {
      const echo = await openEcho(browser, gateway);
      const unseen = [];
      for (const stop of ["#form-path", "#visit", "#cut", "#accept", "#status", "#log-messages", "summary"]) {
        unseen.push(...(await tabTo(echo.page, stop)));
      }
      assert.deepEqual(unseen, []);
      await echo.page.raw.keyboard.press("Enter");
      await until(echo.page, "details.source", /new WebSocketListener\(\)/);
    });
  });
}

describe("gallery to the eye", () => {
  test("no page has a fault in any state and view", async () => {
    const { states, faults, requests, errors } = await judgeWalk((browser, look) => tour(browser, gateway, look));
    assert.equal(states.length, 10);
    assert.deepEqual(faults, []);
    assert.deepEqual(leaving(requests, gateway), []);
    assert.deepEqual(errors.filter((words) => !/WebSocket connection to/.test(words)), []);
  });

  test("the same judges find planted faults in every view, and a request that leaves", async () => {
    const faulty = await foreignSite(plantedFaults(site.origin));
    const browser = await launchView(VIEWS[0]);
    try {
      const { page, requests } = await open(browser, faulty.url);
      const verdicts = await judgeInAllViews(page);
      assert.equal(verdicts.length, VIEWS.length);
      for (const verdict of verdicts) assert.deepEqual(overlooked(verdict), []);
      assert.ok(leaving(requests, gateway).includes(`${site.origin}/picture.svg`), requests.join());
    } finally {
      await browser.close();
      faulty.close();
    }
  });
});

describe("gallery as served", () => {
  test("its policy allows no script, style or connection from anywhere else, and no page needs one", async () => {
    for (const path of PAGES) {
      const response = await fetch(gateway.url + path);
      assert.equal(response.status, 200, path);
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /script-src 'self'(;|$)/);
      assert.match(policy, /style-src 'self'(;|$)/);
      assert.doesNotMatch(policy, /unsafe|https?:/);
      const html = await response.text();
      assert.doesNotMatch(html, /<script(?![^>]* src="(\/|main))|<style| style=| on[a-z]+=|(src|href)="(https?:)?\/\//i);
    }
  });

  test("its visitor counts what is lost, repeated or changed", async () => {
    const { Visitor } = await import("../../../demos/echo/visitor.js");
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    // Drops the third message, repeats the fifth and changes the seventh.
    server.on("connection", (socket) => {
      socket.on("message", (data) => {
        const number = Number(/\d+/.exec(String(data)));
        if (number === 3) return;
        if (number === 5) socket.send(String(data));
        socket.send(number === 7 ? "message seven" : String(data));
      });
    });
    const native = globalThis.WebSocket;
    // @ts-expect-error Node 20 has none of its own
    globalThis.WebSocket = WebSocket;
    try {
      const visitor = new Visitor(`ws://127.0.0.1:${/** @type {any} */ (server.address()).port}/`);
      await new Promise((resolve) => visitor.addEventListener("echoed", () => visitor.echoed >= 9 && resolve(undefined)));
      visitor.stop();
      const { sent, echoed, lost, wrong } = visitor;
      assert.notDeepEqual({ sent, echoed, lost, wrong }, NOTHING_SEEN);
      assert.deepEqual([lost, wrong], [2, 2]);
    } finally {
      globalThis.WebSocket = native;
      for (const socket of server.clients) socket.terminate();
      server.close();
    }
  });
});

/** What a handshake by path is answered with. @param {string} url */
function handshakeStatus(url) {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.on("unexpected-response", (_, response) => (resolve(response.statusCode), socket.terminate()));
    socket.on("open", () => reject(new Error("it was let in")));
    socket.on("error", () => {});
  });
}
