// A tab that is a web site, and how to ask it what it has seen.

/**
 * @param {import("./driver.js").Browser} browser
 * @param {{ url: string }} gateway
 * @param {{ local: string }} site where the page itself comes from
 * @param {object} [init] for `serve`
 */
export async function openWebsite(browser, gateway, site, init = {}) {
  const page = await browser.newPage();
  await page.goto(`${site.local}/website`);
  /** @param {string} name @param {...unknown} args @returns {Promise<any>} */
  const call = (name, ...args) =>
    page.evaluate(
      async ([name, args]) => (await import(/** @type {any} */ ("/pages/website.js")))[/** @type {string} */ (name)](.../** @type {any} */ (args)),
      /** @type {[string, unknown[]]} */ ([name, args]),
    );
  const { name, url } = await call("open", gateway.url, init);
  return {
    browser,
    page,
    name,
    /** Without a slash at the end. */
    url: url.replace(/\/$/, ""),
    /** @returns {Promise<{ requests: number, aborted: number }>} */
    seen: () => call("seen"),
    /** @returns {Promise<{ method: string, path: string, cookie: string }[]>} */
    visitors: () => call("visitors"),
    /** @param {number} times @returns {Promise<number>} */
    aborted: (times) => call("aborted", times),
    close: () => page.close(),
  };
}
