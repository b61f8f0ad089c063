// The last half minute as a picture: a carrier with gaps in it, and what went through beside it. It must never be the
// only place that says something: a list of events in words stands next to it.

const SPAN_MS = 30_000;
const REDRAW_MS = 250;
const REDRAW_CALM_MS = 1000;
const MARKS = 2000;
const LABEL_WIDTH = 72;
const LANE_HEIGHT = 36;
const TOP = 12;

export class Timeline {
  #svg;
  #lanes;
  /** @type {{ from: number, state: "attached" | "suspended" }[]} oldest first */
  #spans = [];
  /** @type {Map<string, number[]>} */
  #marks = new Map();

  /** @param {SVGSVGElement} svg @param {string[]} lanes of marks, below the carrier's: their names are their classes too */
  constructor(svg, lanes) {
    this.#svg = svg;
    this.#lanes = lanes;
    for (const lane of lanes) this.#marks.set(lane, []);
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const redraw = () => {
      if (!document.hidden) this.#draw();
      setTimeout(redraw, calm.matches ? REDRAW_CALM_MS : REDRAW_MS);
    };
    redraw();
    // What is drawn is for one width.
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  /** @param {"attached" | "suspended"} state */
  carrier(state) {
    if (this.#spans.at(-1)?.state !== state) this.#spans.push({ from: performance.now(), state });
  }

  /** @param {string} lane something went through now */
  mark(lane) {
    const marks = this.#marks.get(lane);
    marks.push(performance.now());
    if (marks.length > MARKS) marks.splice(0, marks.length - MARKS);
  }

  #draw() {
    const width = this.#svg.clientWidth || 640;
    const now = performance.now();
    const oldest = now - SPAN_MS;
    const x = (time) => LABEL_WIDTH + (Math.max(time, oldest) - oldest) * ((width - LABEL_WIDTH - 10) / SPAN_MS);
    while (this.#spans.length > 1 && this.#spans[1].from < oldest) this.#spans.shift();

    const height = TOP + (this.#lanes.length + 1) * LANE_HEIGHT + 14;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.setAttribute("height", height);
    const parts = [];
    for (let seconds = 0; seconds <= 30; seconds += 10) {
      const at = x(now - seconds * 1000);
      parts.push(shape("path", { class: "grid-line", d: `M${at} ${TOP}V${height - 18}` }));
      const anchor = seconds ? "middle" : "end";
      parts.push(label(at, height - 4, seconds ? `−${seconds} s` : "now", anchor));
    }
    parts.push(label(8, TOP + 18, "carrier"));
    this.#spans.forEach(({ from, state }, i) => {
      const to = this.#spans[i + 1]?.from ?? now;
      parts.push(shape("path", { class: state, d: `M${x(from)} ${TOP + 14}H${Math.max(x(to), x(from) + 1)}` }));
    });
    this.#lanes.forEach((lane, i) => {
      const y = TOP + (i + 1) * LANE_HEIGHT;
      const marks = this.#marks.get(lane);
      while (marks[0] < oldest) marks.shift();
      parts.push(label(8, y + 18, lane));
      parts.push(shape("path", { class: lane, d: marks.map((at) => `M${x(at).toFixed(1)} ${y + 5}v18`).join("") }));
    });
    this.#svg.replaceChildren(...parts);
  }
}

function label(x, y, text, anchor = "start") {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
