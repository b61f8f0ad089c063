// From bytes to lines. Must never hold more than one line, nor a line without end: whoever sends no line break gets his words
// cut into pieces.

export const MOST_CHARACTERS = 4096;

/** Takes bytes, gives lines without their ends (LF or CR LF); the last one may lack its end. @returns {TransformStream<Uint8Array, string>} */
export function lines() {
  const decoder = new TextDecoder();
  let rest = "";
  return new TransformStream({
    transform(bytes, controller) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = parts.pop();
      for (const line of parts) give(line.replace(/\r$/, ""), controller);
      while (rest.length > MOST_CHARACTERS) {
        controller.enqueue(rest.slice(0, MOST_CHARACTERS));
        rest = rest.slice(MOST_CHARACTERS);
      }
    },
    flush(controller) {
      rest += decoder.decode();
      if (rest) give(rest, controller);
    },
  });
}

function give(line, controller) {
  for (let at = 0; at === 0 || at < line.length; at += MOST_CHARACTERS) controller.enqueue(line.slice(at, at + MOST_CHARACTERS));
}
