// Judges a page as it stands: axe-core, the contrast that axe leaves open, and its width. It must never judge from the
// source: only what a browser has laid out counts.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launchChromium } from "./driver.js";

/** @typedef {import("./driver.js").Page} Page */

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** In each of these every page is judged. */
export const VIEWS = ["light", "dark"].flatMap((scheme) => [360, 1280].map((width) => ({ scheme, width })));

/** @param {{ scheme: string, width: number }} view @param {import("playwright-core").BrowserContextOptions} [more] */
export function launchView({ scheme, width }, more = {}) {
  return launchChromium({ context: { colorScheme: /** @type {"light" | "dark"} */ (scheme), viewport: viewport(width), ...more } });
}

const viewport = (/** @type {number} */ width) => ({ width, height: width < 600 ? 780 : 900 });

/**
 * @typedef {object} Verdict
 * @property {string[]} violations rule and place
 * @property {string[]} faint texts below 4.5 : 1 among those that axe could not decide
 * @property {number} passes rules that had something to look at
 * @property {number} undecided texts whose contrast was computed here
 * @property {number} overflow pixels beyond the window, sideways
 * @property {string[]} open other questions of axe that a person has to answer
 */

/**
 * Walks once, in the narrowest view, and judges every state that the walk shows in all of them.
 * @param {(browser: import("./driver.js").Browser, look: (state: string, page: Page) => Promise<void>) => Promise<{ requests: string[], errors: string[] }>} walk
 */
export async function judgeWalk(walk) {
  const browser = await launchView(VIEWS[0]);
  const states = [];
  const faults = [];
  try {
    const { requests, errors } = await walk(browser, async (state, page) => {
      states.push(state);
      for (const { scheme, width, violations, faint, overflow, passes } of await judgeInAllViews(page)) {
        if (violations.length || faint.length || overflow) faults.push({ state, scheme, width, violations, faint, overflow });
        if (passes <= 8) faults.push({ state, scheme, width, passes });
      }
    });
    return { states, faults, requests, errors };
  } finally {
    await browser.close();
  }
}

/** A page as it stands in each view, which it has without being loaded again. @param {Page} page */
export async function judgeInAllViews(page) {
  const verdicts = [];
  for (const { scheme, width } of [...VIEWS.slice(1), VIEWS[0]]) {
    await page.raw.emulateMedia({ colorScheme: scheme });
    await page.raw.setViewportSize(viewport(width));
    const seen = await page.evaluate(async () => {
      // What is drawn for a width is drawn anew when the first frame shows the new one.
      for (let frames = 0; frames < 3; frames++) await new Promise((resolve) => requestAnimationFrame(resolve));
      return `${matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"} ${innerWidth}`;
    });
    if (seen !== `${scheme} ${width}`) throw new Error(`${seen} is not ${scheme} ${width}`);
    verdicts.push({ scheme, width, ...(await judge(page)) });
  }
  return verdicts;
}

/** @param {Page} page @returns {Promise<Verdict>} */
export async function judge(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async (rules) => {
    // @ts-expect-error axe is the script of the line above
    const { violations, incomplete, passes } = await globalThis.axe.run(document, { runOnly: rules });
    const places = (rule) => rule.nodes.map((node) => `${rule.id} ${node.target.join(" ")}`);
    const undecided = incomplete.filter(({ id }) => id === "color-contrast").flatMap(({ nodes }) => nodes);
    return {
      violations: violations.flatMap(places),
      faint: undecided.map(({ target }) => target[0]).filter((selector) => contrast(selector) < 4.5),
      passes: passes.length,
      undecided: undecided.length,
      overflow: document.documentElement.scrollWidth - innerWidth,
      open: incomplete.filter(({ id }) => id !== "color-contrast").flatMap(places),
    };

    /** Of text that is scrolled out of sight or inside a picture: its colour against the nearest background. */
    function contrast(selector) {
      const element = document.querySelector(selector);
      const ink = getComputedStyle(element);
      let ground = element;
      while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
      const paper = ground ? getComputedStyle(ground).backgroundColor : canvas();
      const [a, b] = [luminance(element instanceof SVGElement ? ink.fill : ink.color), luminance(paper)];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }

    /** What a page without a background of its own stands on, light or dark. */
    function canvas() {
      const sheet = document.body.appendChild(document.createElement("i"));
      sheet.style.backgroundColor = "Canvas";
      const colour = getComputedStyle(sheet).backgroundColor;
      sheet.remove();
      return colour;
    }

    /** WCAG 2.2, relative luminance. */
    function luminance(colour) {
      const [r, g, b] = rgb(colour).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }

    function rgb(colour) {
      const context = new OffscreenCanvas(1, 1).getContext("2d");
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data];
    }
  }, RULES);
}

/** A page with faults that every judge here must find, in every view. @param {string} elsewhere another origin */
export function plantedFaults(elsewhere) {
  return `<!doctype html>
<html>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Faults</title>
<style>:root { color-scheme: light dark } body { background: light-dark(#fff, #111) } .faint { color: light-dark(#aaa, #555) } .wide { width: 1400px }
.tiny { display: inline-block; width: 8px; height: 8px; padding: 0; border: 0 }
svg { background: light-dark(#fff, #111) } text { fill: light-dark(#ccc, #333) }</style></head>
<body>
<p class="faint">Hard to read</p>
<button></button>
<img src="${elsewhere}/picture.svg">
<input type="text">
<ul><p>Not an item</p></ul>
<button class="tiny" aria-label="a"></button><button class="tiny" aria-label="b"></button>
<svg role="img" aria-label="A picture" width="90" height="30"><text x="4" y="20">faint</text></svg>
<div class="wide">Wide</div>
</body>
</html>`;
}

/** What axe has to say about the page above. */
export const PLANTED = [
  "button-name",
  "color-contrast",
  "html-has-lang",
  "image-alt",
  "label",
  "landmark-one-main",
  "list",
  "target-size",
];

/** @param {Verdict} verdict of the page with faults @returns {string[]} faults that were not found */
export function overlooked({ violations, faint, overflow }) {
  const missing = PLANTED.filter((rule) => !violations.some((place) => place.startsWith(`${rule} `)));
  if (!faint.some((place) => /text/.test(place))) missing.push("faint text in a picture");
  if (overflow <= 0) missing.push("width");
  return missing;
}
