// Two listeners below one base, and a visitor who trusts one of them. The other one tries what it can: with a cookie that it tosses
// over, with a request and with a WebSocket in the visitor's name. It must never use anything but what a page of a stranger has.

import { request as httpRequest } from "node:http";
import { startGateway } from "./gateway.js";
import { openWebsite } from "./web-page.js";

/**
 * @typedef {object} Outcome what worked
 * @property {boolean} script a cookie that a script sets for the base reaches the sibling
 * @property {boolean} answer one that an answer sets does
 * @property {boolean} request a request to the sibling carries its visitor's cookie
 * @property {boolean} webSocket a WebSocket does
 * @property {boolean} path a cookie goes in or comes out by path
 */

/** Where the names of a base are, for Chromium: here. None of them is looked up. @param {string[]} bases */
export const resolving = (bases) =>
  `--host-resolver-rules=${bases.map((base) => `MAP ${base} 127.0.0.1, MAP *.${base} 127.0.0.1`).join(", ")}`;

/**
 * @param {import("./driver.js").Browser} browser
 * @param {{ local: string }} site
 * @param {string} base
 * @param {(holds: unknown, words: string) => void} must what has to hold for the outcome to mean anything
 * @returns {Promise<Outcome>}
 */
export async function attack(browser, site, base, must) {
  const config = `listen = ["127.0.0.1:0"]\nadmin = "127.0.0.1:0"\nbase = "${base}"\n[link]\norigins = ["${site.local}"]\n[limits]\ndrain = "1s"\n`;
  const gateway = await startGateway({ config });
  try {
    const [evil, victim] = [await openWebsite(browser, gateway, site), await openWebsite(browser, gateway, site)];
    const visitor = await browser.newPage();

    // The visitor signs in at the victim, and the cookie is what any careful site sets.
    await visitor.goto(`${victim.url}/page?set=${encodeURIComponent("session=secret; Path=/; HttpOnly; SameSite=Lax")}`);
    await visitor.goto(`${victim.url}/page`);
    const own = (await victim.visitors()).at(-1)?.cookie;
    must(own === "session=secret", `control: the victim of ${base} gets its own cookie back: ${own}`);

    // Then it comes to the sibling, which has a script and the fields of its answer.
    const tossing = ["answer=1", `answer2=1; Domain=${base}`, `answer3=1; Domain=.${base}; Path=/`, `answer4=1; domain = ${base}`];
    await visitor.goto(`${evil.url}/page?${tossing.map((cookie) => `set=${encodeURIComponent(cookie)}`).join("&")}`);
    const kept = await visitor.evaluate(() => document.cookie);
    must(kept === "answer=1", `of the answers of ${base} only the sibling's own cookie is kept: ${kept}`);
    await visitor.evaluate((base) => {
      document.cookie = `script=1; Domain=${base}; Path=/`;
    }, base);
    const socket = victim.url.replace(/^http/, "ws");
    await visitor.evaluate(
      async ([url, socket]) => {
        await fetch(`${url}/act`, { method: "POST", mode: "no-cors", credentials: "include", body: "pay" }).catch(() => {});
        await new Promise((done) => Object.assign(new WebSocket(`${socket}/act`), { onopen: done, onerror: done }));
      },
      [victim.url, socket],
    );
    const acts = await victim.visitors();
    const [request, webSocket] = ["POST", "WebSocket"].map((method) => acts.find((visit) => visit.method === method));
    must(request && webSocket, `both attempts of ${base} reach the victim: ${JSON.stringify(acts)}`);
    await visitor.goto(`${victim.url}/page`);
    const after = (await victim.visitors()).at(-1)?.cookie ?? "";

    const outcome = {
      script: after.includes("script=1"),
      answer: after.includes("answer"),
      request: /session=/.test(request?.cookie ?? ""),
      webSocket: /session=/.test(webSocket?.cookie ?? ""),
      path: await byPath(gateway, base, victim, visitor, must),
    };
    await Promise.all([evil.close(), victim.close(), visitor.close()]);
    return outcome;
  } finally {
    await gateway.stop();
  }
}

/** By path all listeners share one origin: nothing that a browser keeps for it comes through, and nothing is put there. */
async function byPath(gateway, base, victim, visitor, must) {
  await visitor.goto(`${gateway.url}/`);
  const before = await visitor.evaluate(() => {
    document.cookie = "gateway=1; Path=/";
    return document.cookie;
  });
  must(before.includes("gateway=1"), "control: the origin of the gateway has a cookie");
  const url = `${gateway.url.replace(/^http/, "ws")}/@${victim.name}/act`;
  const set = `set=${encodeURIComponent("path=1; Path=/")}`;
  const opened = await visitor.evaluate(
    (url) => new Promise((done) => Object.assign(new WebSocket(url), { onopen: () => done(true), onerror: () => done(false) })),
    `${url}?${set}`,
  );
  const [visit] = await victim.visitors();
  const after = await visitor.evaluate(() => document.cookie);
  must(opened && visit, `a WebSocket by path reaches the page: ${gateway.url}`);
  const answers = await Promise.all(["/", "/.well-known/pageport", "/pageport.js", "/nowhere", `/@${victim.name}/`].map((path) => ask(gateway.port, base, path)));
  must(answers.map(({ status }) => status).join() === "200,200,200,404,426", `the gateway answers: ${JSON.stringify(answers)}`);
  return visit?.cookie !== "" || after !== before || answers.some(({ cookies }) => cookies);
}

/** @param {number} port @param {string} host @param {string} path @returns {Promise<{ status?: number, cookies?: string[] }>} */
function ask(port, host, path) {
  return new Promise((resolve, reject) => {
    const headers = { host, accept: "text/html" };
    const request = httpRequest({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, cookies: response.headers["set-cookie"] });
    });
    request.on("error", reject).end();
  });
}
