/** A small generator of random numbers (xorshift32), so that a printed seed replays a run; and mutations of bytes. */

export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = Math.imul(seed, 0x9e3779b1) | 1;
  }

  /** An integer from 0 to below `end`. @param {number} end */
  below(end) {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % end;
  }

  /** True once in `n` times. @param {number} n */
  onceIn(n) {
    return this.below(n) === 0;
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  pick(list) {
    return list[this.below(list.length)];
  }

  /** @param {number} length */
  bytes(length) {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** From the environment (`SEED=7`), to look further; without it the same each time, since a test's verdict is no matter of luck. */
export function seed() {
  return Number(process.env.SEED) || 1;
}

/** Bytes that parsers like to trip over: borders of integers, white space, quotes, brackets. */
const INTERESTING = [0, 1, 2, 3, 0x20, 0x22, 0x2c, 0x30, 0x3a, 0x3f, 0x40, 0x5c, 0x7b, 0x7d, 0x7e, 0x7f, 0x80, 0xbf, 0xc0, 0xff];

/**
 * A copy with one to four mistakes.
 * @param {Random} random
 * @param {Uint8Array} bytes
 * @param {readonly Uint8Array[]} others where pieces are taken from
 */
export function mutate(random, bytes, others) {
  let out = [...bytes];
  for (let times = 1 + random.below(4); times--; ) {
    const at = random.below(out.length + 1);
    switch (random.below(7)) {
      case 0:
        out[random.below(out.length || 1)] ^= 1 << random.below(8);
        break;
      case 1:
        out[random.below(out.length || 1)] = random.pick(INTERESTING);
        break;
      case 2:
        out.splice(at, 0, random.onceIn(2) ? random.pick(INTERESTING) : random.below(256));
        break;
      case 3:
        out.splice(at, 1 + random.below(4));
        break;
      case 4:
        out.length = at;
        break;
      case 5: {
        const other = random.pick(others);
        const from = random.below(other.length + 1);
        out.splice(at, random.below(8), ...other.subarray(from, from + random.below(24)));
        break;
      }
      case 6: {
        const piece = out.slice(at, at + random.below(16));
        out.splice(random.below(out.length + 1), 0, ...piece);
        break;
      }
    }
  }
  return Uint8Array.from(out);
}

/** A string, a number or literal, or a mark of JSON. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[\w.+-]+|[[\]{}:,]/g;
const VALUES = [
  "null", "true", "false", "0", "1", "-0", "-1", "1.0", "1e0", "1E2", "1e999", "400", "599", "600", "65536", "4294967296", "9007199254740991",
  "9007199254740992", "[]", "{}", "[[]]", '""', '" "', '"\\t"', '"x"', '"X"', '"\\u0000"', '"\\u007f"', '"\\u0080"', '"ÿ"', '"Ā"', '"😀"', '"\\ud83d\\ude00"',
  '"\\ud83d"', '"\\ude00"', '"websocket"', '"ERR_X"', '"ok"', '"error"', '"kind"', '"AAAAAAAAAAAAAAAAAAAAAA"', '"AAAAAAAAAAAAAAAAAAAAAB"',
];

/**
 * A copy in which one to three tokens are others: still JSON more often than not.
 * @param {Random} random
 * @param {Uint8Array} bytes
 * @param {readonly Uint8Array[]} others where tokens are taken from
 */
export function mutateJson(random, bytes, others) {
  const tokens = tokensOf(bytes);
  const values = [...VALUES, ...tokensOf(random.pick(others)).filter((token) => /["\w]/.test(token))];
  for (let times = random.onceIn(2) ? 1 : 1 + random.below(3); times--; ) {
    const places = [...tokens.keys()].filter((at) => /["\w]/.test(tokens[at]));
    const at = random.pick(places.length ? places : [0]);
    switch (random.below(5)) {
      case 0:
      case 1:
        tokens[at] = random.pick(values);
        break;
      case 2:
        // A key and its value again, or another one with it.
        tokens.splice(1, 0, random.pick(values.filter((token) => token[0] === '"')), ":", random.pick(values), ",");
        break;
      case 3:
        // A key or an item less.
        tokens.splice(at, tokens[at + 1] === ":" ? 4 : 2);
        break;
      case 4:
        tokens.splice(at, 1, ...(random.onceIn(2) ? ["[", tokens[at], "]"] : ["{", '"a"', ":", tokens[at], "}"]));
        break;
    }
  }
  return new TextEncoder().encode(tokens.join(random.onceIn(4) ? " " : ""));
}

/** @param {Uint8Array} bytes */
const tokensOf = (bytes) => new TextDecoder().decode(bytes).match(TOKENS) ?? ["{", "}"];
