// Messages that can be told apart by their hash, for pages and for Node alike.

/** @typedef {"text" | "binary"} Form @typedef {[form: Form, bytes: number][]} Plan */
/** @typedef {{ form: Form, bytes: number, sha256: string }} Seen */

/**
 * Text has characters of one to four bytes.
 * @param {Form} form
 * @param {number} bytes
 * @param {number} seed
 * @returns {string | Uint8Array<ArrayBuffer>}
 */
export function payload(form, bytes, seed) {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0, x = seed | 1; i < words.length; i++) {
    // xorshift32 (Marsaglia 2003)
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  const random = new Uint8Array(words.buffer, 0, bytes);
  return form === "binary" ? random : text(random);
}

/** @param {string | ArrayBuffer | Uint8Array<ArrayBuffer>} data @returns {Promise<Seen>} */
export async function look(data) {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { form: typeof data === "string" ? "text" : "binary", bytes: bytes.length, sha256 };
}

/** The same message, wrong in one bit. @param {string | Uint8Array<ArrayBuffer>} data */
export function damaged(data) {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : Uint8Array.from(data);
  // In text a bit that leaves it UTF-8: that of a letter.
  const letter = (/** @type {number} */ byte, /** @type {number} */ i) =>
    i >= bytes.length / 2 && byte > 96 && byte < 123;
  const at = typeof data === "string" ? bytes.findIndex(letter) : bytes.length >> 1;
  bytes[at] ^= 1;
  return typeof data === "string" ? new TextDecoder().decode(bytes) : bytes;
}

/** Text of exactly as many bytes, chosen by them. @param {Uint8Array} random */
function text(random) {
  const CHARACTERS = ["e", "ß", "€", "🚀"].map((character) => new TextEncoder().encode(character));
  const bytes = new Uint8Array(random.length).fill(0x78);
  let at = 0;
  for (let i = 0; at + 4 <= bytes.length; i++) {
    if (random[i] < 128) bytes[at++] = 97 + (random[i] % 26);
    else for (const byte of CHARACTERS[random[i] & 3]) bytes[at++] = byte;
  }
  return new TextDecoder().decode(bytes);
}
