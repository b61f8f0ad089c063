// How much memory processes hold, sampled while something happens.

import { readFile, readdir } from "node:fs/promises";

const EVERY_MS = 100;

/** Resident bytes of a process; 0 when it has ended. @param {number} pid */
export async function resident(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** A process and all below it. @param {number} pid @returns {Promise<number[]>} */
export async function tree(pid) {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "")));
  const children = lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
  return [pid, ...(await Promise.all(children.map(tree))).flat()];
}

/**
 * How far memory rises above what it was at the start.
 * @template T
 * @param {Record<string, () => Promise<number>>} meters
 * @param {() => Promise<T>} during
 * @returns {Promise<{ result: T, growth: Record<string, number>, peak: Record<string, number> }>}
 */
export async function growth(meters, during) {
  const read = async () => Object.fromEntries(await Promise.all(Object.entries(meters).map(async ([name, meter]) => [name, await meter()])));
  const start = await read();
  const most = { ...start };
  let over = false;
  const sampling = (async () => {
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      const now = await read();
      for (const name of Object.keys(now)) most[name] = Math.max(most[name], now[name]);
    }
  })();
  try {
    const result = await during();
    return { result, growth: Object.fromEntries(Object.keys(most).map((name) => [name, most[name] - start[name]])), peak: most };
  } finally {
    over = true;
    await sampling;
  }
}

/**
 * The largest process of a kind, which is the tab's when one tab does the work.
 * @param {import("./driver.js").Browser} browser
 * @returns {Promise<() => Promise<number>>}
 */
export async function tabMeter(browser) {
  if (browser.name === "firefox") {
    const { pid } = browser.raw.process();
    return async () => Math.max(0, ...(await Promise.all((await tree(pid)).slice(1).map(resident))));
  }
  const cdp = await browser.raw.browser().newBrowserCDPSession();
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  return async () => Math.max(0, ...(await Promise.all(renderers.map(resident))));
}
