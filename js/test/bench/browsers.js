// Browsers to be measured: driven by as little as possible. Who listens to what a page says on the network has the browser copy all of it, every
// message of every WebSocket, and that would be measured. Playwright always listens, so Chromium is driven by hand.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CHROMIUM, CHROMIUM_ARGS, launchFirefox } from "../browser/driver.js";
import { Cdp } from "./cdp.js";
import { costsOf } from "./costs.js";

/**
 * @typedef {object} Page
 * @property {(url: string) => Promise<void>} goto resolves once the page's `load` event has fired
 * @property {<A, R>(fn: (arg: A) => R | Promise<R>, arg?: A) => Promise<Awaited<R>>} evaluate runs `fn` inside the page
 * @property {() => Promise<void>} front browsers give pages in the background less
 * @property {() => Promise<void>} close
 * @property {(during: () => Promise<unknown>) => Promise<import("./costs.js").Costs>} [profile] where the page's script spends its time meanwhile
 */
/**
 * @typedef {object} Browser
 * @property {string} name
 * @property {string} version
 * @property {number} pid everything else of it is below that process
 * @property {(options?: { isFresh?: boolean }) => Promise<Page>} newPage fresh: of a browser that remembers nothing
 * @property {() => Promise<void>} close
 */

/** Pages that are not looked at are measured as well. */
const UNTHROTTLED = ["--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding"];
const SAMPLE_US = 500;

/** @returns {Promise<Browser>} */
export async function chromium() {
  const profile = await mkdtemp(join(tmpdir(), "pageport-chromium-"));
  const args = [...CHROMIUM_ARGS, ...UNTHROTTLED, "--headless=new", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"];
  const child = spawn(CHROMIUM, args, { stdio: ["ignore", "ignore", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit");
  const lines = createInterface(child.stderr);
  const url = await new Promise((resolve, reject) => {
    exited.then(() => reject(new Error("Chromium has ended")));
    lines.on("line", (line) => line.startsWith("DevTools listening on ") && resolve(line.split(" ").at(-1)));
  });
  const cdp = await Cdp.connect(url);
  const { product } = await cdp.send("Browser.getVersion");
  return {
    name: "chromium",
    version: product.split("/")[1],
    pid: child.pid ?? 0,
    newPage: ({ isFresh } = {}) => chromiumPage(cdp, isFresh),
    async close() {
      await cdp.send("Browser.close").catch(() => {});
      await exited;
      cdp.close();
      process.off("exit", kill);
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** @param {Cdp} cdp @param {boolean} [isFresh] @returns {Promise<Page>} */
async function chromiumPage(cdp, isFresh) {
  const context = isFresh ? await cdp.send("Target.createBrowserContext") : {};
  const { targetId } = await cdp.send("Target.createTarget", { url: "about:blank", newWindow: true, ...context });
  const { sessionId } = await cdp.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (/** @type {string} */ method, params = {}) => cdp.send(method, params, sessionId);
  await send("Page.enable");
  return {
    async goto(url) {
      const loaded = cdp.event(sessionId, "Page.loadEventFired");
      const { errorText } = await send("Page.navigate", { url });
      if (errorText) throw new Error(`${url}: ${errorText}`);
      await loaded;
    },
    async evaluate(fn, arg) {
      const expression = `(${fn})(${JSON.stringify(arg)})`;
      const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
    front: () => send("Page.bringToFront"),
    async close() {
      await cdp.send("Target.closeTarget", { targetId });
      if (isFresh) await cdp.send("Target.disposeBrowserContext", context);
    },
    async profile(during) {
      await send("Profiler.enable");
      await send("Profiler.setSamplingInterval", { interval: SAMPLE_US });
      await send("Profiler.start");
      await during();
      const { profile } = await send("Profiler.stop");
      await send("Profiler.disable");
      return costsOf(profile);
    },
  };
}

/** @returns {Promise<Browser>} */
export async function firefox() {
  // It rounds its clock, whoever asks.
  const { version, close, raw } = await launchFirefox({ prefs: { "privacy.reduceTimerPrecision": false } });
  await raw.connection.send("session.unsubscribe", { events: ["network"] });
  return {
    name: "firefox",
    version,
    pid: raw.process().pid,
    close,
    async newPage({ isFresh } = {}) {
      const context = isFresh ? await raw.createBrowserContext() : raw.defaultBrowserContext();
      const page = await context.newPage();
      return {
        goto: (url) => page.goto(url, { waitUntil: "load" }).then(() => {}),
        evaluate: (fn, arg) => page.evaluate(fn, arg),
        front: () => page.bringToFront(),
        close: () => (isFresh ? context.close() : page.close()),
      };
    },
  };
}
