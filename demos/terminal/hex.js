// Bytes for people: what is text, and how to show what is none. Must never change a byte: what looks like nothing is shown as a dot
// beside its number.

const ROW = 8;

/** The text of a line, without its end; undefined where it is no UTF-8, or has characters in it that no text has. @param {Uint8Array} bytes @returns {string | undefined} */
export function textOf(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, "");
    // C0 and C1 but for tabs, and the ends of lines where they do not belong.
    return /[\0-\x08\x0a-\x1f\x7f-\x9f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Eight bytes a row: where, what, and the ASCII in it. @param {Uint8Array} bytes @param {number} [at] number of the first one @returns {string[]} */
export function hexRows(bytes, at = 0) {
  const rows = [];
  for (let i = 0; i < bytes.length; i += ROW) {
    const row = [...bytes.subarray(i, i + ROW)];
    const numbers = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    rows.push(`${(at + i).toString(16).padStart(4, "0")} ${numbers.padEnd(ROW * 3)}${ascii}`);
  }
  return rows;
}
