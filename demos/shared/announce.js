// Tells screen readers what happened, politely. Must never say more than one sentence every few seconds: a flood of
// visitors would otherwise talk over everything else.

const EVERY_MS = 3000;

/** @param {HTMLElement} element a live region (`role="status"`) @returns {(text: string) => void} */
export function announcer(element) {
  let waiting = [];
  let timer;
  const speak = () => {
    timer = undefined;
    if (!waiting.length) return;
    const more = waiting.length - 1;
    element.textContent = waiting.at(-1) + (more ? ` And ${more} more.` : "");
    waiting = [];
    timer = setTimeout(speak, EVERY_MS);
  };
  return (text) => {
    waiting.push(text);
    // A turn of its own, so that what happens together is said together.
    timer ??= setTimeout(speak, 100);
  };
}
