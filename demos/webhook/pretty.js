// A body as a person wants to read it. It comes from a stranger: what is made of it is text and no more, and nothing about it
// is changed but its white space, since numbers and doubled keys are what somebody may be looking for.

const MOST_DEPTH = 40;
const MOST_HEX = 1024;

/** @param {Uint8Array} bytes @param {string} type of its content @param {boolean} isWhole @returns {{ kind: string, text: string }} */
export function pretty(bytes, type, isWhole) {
  const text = decode(bytes, isWhole);
  if (text === undefined) return { kind: "Bytes", text: hex(bytes) };
  const json = isWhole ? indent(text) : undefined;
  if (json !== undefined) return { kind: "JSON", text: json };
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return { kind: "Form", text: form(text) };
  return { kind: "Text", text };
}

/** Undefined when it is not UTF-8. A body that was cut may end within a character. */
function decode(bytes, isWhole) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !isWhole });
    return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** JSON with line breaks, each token as it came; undefined when it is none, or nested too deeply to be read. @param {string} text */
export function indent(text) {
  try {
    if (typeof JSON.parse(text) !== "object") return undefined;
  } catch {
    return undefined;
  }
  let out = "";
  let depth = 0;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  for (const [i, token] of tokens.entries()) {
    const isEmpty = /[{[]/.test(tokens[i - 1]) && tokens[i - 1].length === 1;
    if (token === "}" || token === "]") out += (depth--, isEmpty ? token : line(depth) + token);
    else {
      if (isEmpty) out += line(depth);
      out += token;
      if (token === "{" || token === "[") depth++;
      if (token === ",") out += line(depth);
      if (token === ":") out += " ";
    }
    if (depth > MOST_DEPTH) return undefined;
  }
  return out;
}

function line(depth) {
  return `\n${"  ".repeat(depth)}`;
}

function form(text) {
  return [...new URLSearchParams(text)].map(([name, value]) => `${name} = ${value}`).join("\n");
}

/** Sixteen in a row, with what of them is ASCII. */
function hex(bytes) {
  const rows = [];
  for (let at = 0; at < Math.min(bytes.length, MOST_HEX); at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const chars = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${digits.padEnd(47)}  ${chars}`);
  }
  if (bytes.length > MOST_HEX) rows.push(`… ${bytes.length - MOST_HEX} bytes more`);
  return rows.join("\n");
}
