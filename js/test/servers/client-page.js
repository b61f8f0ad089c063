// A page that is the client of a server, by a script of `browser/pages/`.

export class ClientPage {
  /** @param {import("../browser/driver.js").Page} page @param {string} script @param {string} gateway */
  constructor(page, script, gateway) {
    Object.assign(this, { page, script, gateway });
  }

  /**
   * @param {{ browser: import("../browser/driver.js").Browser, site: { local: string }, gateway: { url: string } }} world
   * @param {string} script
   */
  static async open({ browser, site, gateway }, script) {
    const page = await browser.newPage();
    await page.goto(`${site.local}/${script}`);
    return new ClientPage(page, script, gateway.url);
  }

  /** Calls what the script exports. @param {string} name @param {object} [more] @returns {Promise<any>} */
  ask(name, more) {
    const { script, gateway } = this;
    return this.page.evaluate(
      async ([script, name, place]) => (await import(/** @type {any} */ (`/pages/${script}.js`)))[name](place),
      /** @type {[string, string, any]} */ ([script, name, { gateway, ...more }]),
    );
  }

  /** With the code where it fails. @param {string} name @param {object} [more] */
  async attempt(name, more) {
    const { script, gateway } = this;
    return this.page.evaluate(
      async ([script, name, place]) => {
        const { [name]: act } = await import(/** @type {any} */ (`/pages/${script}.js`));
        return act(place).then(() => "well", (/** @type {any} */ error) => error.code ?? String(error));
      },
      /** @type {[string, string, any]} */ ([script, name, { gateway, ...more }]),
    );
  }

  close() {
    return this.page.close();
  }
}
