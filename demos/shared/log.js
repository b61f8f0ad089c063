// A log of the last lines, newest at the bottom, in a box that scrolls. What it shows comes from strangers: it must never be more than text,
// never grow beyond its limit, and never cost one DOM change per message.

const LINES = 200;
const LINE_CHARACTERS = 300;
const FLUSH_MS = 250;

/** @param {HTMLElement} list an `ol` inside its box @param {number} [limit] @returns {(text: string) => void} */
export function log(list, limit = LINES) {
  let pending = [];
  let dropped = 0;
  let timer;

  const flush = () => {
    timer = undefined;
    const follow = isAtEnd(list);
    if (dropped) pending.unshift({ at: pending[0].at, text: `… ${dropped.toLocaleString("en")} lines left out` });
    list.append(...pending.map(line));
    pending = [];
    dropped = 0;
    while (list.childElementCount > limit) list.firstElementChild.remove();
    if (follow) scrollToEnd(list);
  };

  return (text) => {
    pending.push({ at: new Date(), text: shorten(text, LINE_CHARACTERS) });
    if (pending.length > limit) dropped += pending.splice(0, pending.length - limit).length;
    timer ??= setTimeout(flush, FLUSH_MS);
  };
}

/** Readers who scrolled up want to stay there. @param {HTMLElement} list */
export function isAtEnd({ parentElement: box }) {
  return box.scrollHeight - box.scrollTop - box.clientHeight < 24;
}

/** @param {HTMLElement} list */
export function scrollToEnd({ parentElement: box }) {
  box.scrollTop = box.scrollHeight;
}

/** @param {string} text @param {number} most characters */
export function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

function line({ at, text }) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toISOString().slice(11, 23);
  const words = document.createElement("span");
  words.textContent = text;
  item.append(time, words);
  return item;
}
