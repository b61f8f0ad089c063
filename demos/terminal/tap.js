// Lets bytes pass and keeps them until somebody asks for them, line by line: what a line was made of, when what it says has been
// read elsewhere. Must never hold more than streams hold anyway.

const LF = 10;

export class Tap {
  /** @type {Uint8Array} */
  #kept = new Uint8Array();
  #changed;

  /** @param {() => void} [changed] called whenever bytes have come */
  constructor(changed = () => {}) {
    this.#changed = changed;
    /** What the bytes go through. @type {TransformStream<Uint8Array, Uint8Array>} */
    this.stream = new TransformStream({
      transform: (bytes, controller) => {
        const both = new Uint8Array(this.#kept.length + bytes.length);
        both.set(this.#kept);
        both.set(bytes, this.#kept.length);
        this.#kept = both;
        controller.enqueue(bytes);
        this.#changed();
      },
    });
  }

  /** Of a line that has no end yet. */
  get pending() {
    return this.#kept;
  }

  /** Up to the end of the line, with it; all there is where the line has none. */
  takeLine() {
    const at = this.#kept.indexOf(LF);
    return this.take(at < 0 ? this.#kept.length : at + 1);
  }

  /** @param {number} most */
  take(most) {
    const part = this.#kept.subarray(0, most);
    this.#kept = this.#kept.subarray(part.length);
    return part;
  }
}
