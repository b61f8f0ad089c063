// What a proof prints: facts as `fact key=value`, with quotes around what has spaces, and tables for people.

/** @param {Record<string, unknown>} pairs */
export function fact(pairs) {
  const words = Object.entries(pairs).map(([key, value]) => {
    const text = String(value);
    return `${key}=${text && !/[\s"]/.test(text) ? text : JSON.stringify(text)}`;
  });
  console.log(`fact ${words.join(" ")}`);
}

/** @param {string[]} columns @param {unknown[][]} rows */
export function table(columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  for (const line of lines)
    console.log(
      `  ${line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd()}`,
    );
}
