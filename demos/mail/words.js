// Bytes that were made to look like text: encoded words in headers (RFC 2047), quoted-printable and base64 (RFC 2045 §6), charsets. Must
// never fail: mail is full of what is not quite right, and a person wants to read it. Must never look at anything more often than a few times:
// whoever wrote it may want a page to stand still.

/** Text of a charset that the label names; where nobody knows it, as UTF-8. @param {Uint8Array} bytes @param {string} [charset] */
export function decode(bytes, charset = "utf-8") {
  try {
    return new TextDecoder(charset.trim() || "utf-8").decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

/** One character a byte. @param {Uint8Array} bytes */
export function binary(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** The other way. @param {string} text */
export function bytesOf(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** @param {string} text whatever is not base64 in it counts for nothing */
export function base64(text) {
  const clean = text.replace(/[^A-Za-z0-9+/]/g, "");
  // A single character at the end has not even one byte in it.
  return bytesOf(atob(clean.slice(0, clean.length - (clean.length % 4 === 1 ? 1 : 0))));
}

/** @param {string} text one character a byte */
export function quotedPrintable(text) {
  // From where a run of white space begins, and from nowhere within it.
  return bytesOf(text.replace(/(?<![ \t])[ \t]+(?=\r?\n)/g, "").replace(/=\r?\n/g, "").replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))));
}

const WORD = /=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi;

/** A header as people read it. Words that follow each other are one text, also where a character was cut in two. @param {string} header */
export function decodeWords(header) {
  const parts = [];
  let end = 0;
  for (const match of header.matchAll(WORD)) {
    const [whole, charset, encoding, coded] = match;
    const between = header.slice(end, match.index);
    const bytes = /b/i.test(encoding) ? base64(coded) : quotedPrintable(coded.replaceAll("_", " "));
    const last = parts.at(-1);
    if (last?.charset?.toLowerCase() === charset.toLowerCase() && !between.trim()) for (const byte of bytes) last.bytes.push(byte);
    else {
      // White space between two words is no part of the text.
      if (between.trim() || !last?.charset) parts.push({ text: between });
      parts.push({ charset, bytes: [...bytes] });
    }
    end = match.index + whole.length;
  }
  parts.push({ text: header.slice(end) });
  return parts.map(({ text, charset, bytes }) => text ?? decode(Uint8Array.from(bytes), charset)).join("");
}
