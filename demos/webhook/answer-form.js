// What somebody answers with: status, headers, body. Must never give an answer that a server could not send.

import { responseOf } from "./exchange.js";

/** @typedef {import("./exchange.js").Answer} Answer */

export class AnswerForm {
  #status;
  #headers;
  #body;
  #problem;

  /** @param {HTMLElement} root with the fields in it */
  constructor(root) {
    [this.#status, this.#headers, this.#body, this.#problem] = ["status", "headers", "body", "problem"].map(
      (name) => /** @type {any} */ (root.querySelector(`[data-answer="${name}"]`)),
    );
    root.addEventListener("input", () => this.read());
  }

  /** What stands in it; undefined, and said there, when that is no answer. @returns {Answer | undefined} */
  read() {
    try {
      const answer = { status: status(this.#status.value), headers: headers(this.#headers.value), body: this.#body.value };
      responseOf(answer);
      this.#say("");
      return answer;
    } catch (error) {
      this.#say(error.message);
      return undefined;
    }
  }

  #say(words) {
    this.#problem.textContent = words;
    this.#problem.hidden = !words;
  }
}

/** The same fields again, filled as these are. @param {HTMLElement} root */
export function copyFields(root) {
  const copy = /** @type {HTMLElement} */ (root.cloneNode(true));
  copy.removeAttribute("id");
  for (const name of ["status", "headers", "body"]) {
    const selector = `[data-answer="${name}"]`;
    /** @type {any} */ (copy.querySelector(selector)).value = /** @type {any} */ (root.querySelector(selector)).value;
  }
  return copy;
}

function status(text) {
  const number = Number(text);
  if (!/^\d{3}$/.test(text) || number < 200 || number > 599) throw new Error("The status is a number from 200 to 599.");
  return number;
}

/** @returns {[string, string][]} */
function headers(text) {
  return text
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => {
      const [, name, value] = /^([^:\s]+):[ \t]*(.*?)\s*$/.exec(line) ?? [];
      if (!name) throw new Error(`"${line.trim().slice(0, 40)}" is not a header: it is name, colon, value.`);
      try {
        new Headers([[name, value]]);
      } catch {
        throw new Error(`The header "${name.slice(0, 40)}" has characters that no header may have.`);
      }
      return [name, value];
    });
}
