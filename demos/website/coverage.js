// Which bytes of a file have been sent at least once. Must never grow with what is asked for: whoever asks for every second
// byte is counted up to a limit.

const MOST_SPANS = 100;

export class Coverage {
  /** Ordered, apart from each other. @type {[number, number][]} */
  #spans = [];

  get bytes() {
    return this.#spans.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  /** @param {number} from @param {number} to behind the last byte */
  add(from, to) {
    if (from >= to) return;
    const before = this.#spans.filter((span) => span[1] < from);
    const behind = this.#spans.filter((span) => span[0] > to);
    const touched = this.#spans.slice(before.length, this.#spans.length - behind.length);
    if (!touched.length && this.#spans.length >= MOST_SPANS) return;
    const start = Math.min(from, ...touched.map((span) => span[0]));
    const end = Math.max(to, ...touched.map((span) => span[1]));
    this.#spans = [...before, [start, end], ...behind];
  }
}
