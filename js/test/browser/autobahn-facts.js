// How what was seen is printed: one fact a line, for people and for programs.

/** @param {Record<string, unknown>} pairs */
export function fact(pairs) {
  const words = Object.entries(pairs).map(([key, value]) => {
    return `${key}=${/^[^\s"]+$/.test(`${value}`) ? value : JSON.stringify(`${value}`)}`;
  });
  console.log(["fact", ...words].join(" "));
}

/** @param {Record<string, unknown>} counts */
export function list(counts) {
  return Object.entries(counts).map(([key, value]) => `${key}:${value}`).join(",");
}
