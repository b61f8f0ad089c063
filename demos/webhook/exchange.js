// One request and its answer. It waits until somebody answers, and ends by itself when its sender leaves. Must never hold more
// of a body than its limit: what comes behind it is counted and dropped.

/** Bytes of a body that are kept to be looked at. */
export const MOST_KEPT = 256_000;
/** A larger body is refused with 413 before all of it has come. */
export const MOST_TAKEN = 16_000_000;

/** @typedef {{ status: number, headers: [string, string][], body: string }} Answer */

/** Fires `change` whenever there is something new to show. */
export class Exchange extends EventTarget {
  /** @type {"arriving" | "waiting" | "answered" | "gone"} */
  state = "arriving";
  at = new Date();
  /** Of the body: all that came, and how much was kept of it. */
  bytes = 0;
  kept = new Uint8Array(0);
  /** @type {Answer | undefined} */
  answered;
  /** Milliseconds from the request to its answer. */
  took = 0;
  method;
  path;
  peer;
  /** @type {[string, string][]} */
  headers;
  /** What the server sends, once somebody has answered. @type {Promise<Response>} */
  response;
  #request;
  #respond;
  /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
  #reader;

  /** @param {Request} request @param {string} peer */
  constructor(request, peer) {
    super();
    const { pathname, search } = new URL(request.url);
    this.#request = request;
    this.peer = peer;
    this.method = request.method;
    this.path = pathname + search;
    this.headers = [...request.headers];
    this.response = new Promise((resolve) => (this.#respond = resolve));
    request.signal.addEventListener("abort", () => this.#end("gone"));
  }

  /** Takes the body in; resolves when it is there. @returns {Promise<boolean>} whether somebody waits for an answer now */
  async read() {
    const reader = (this.#reader = this.#request.body?.getReader());
    const room = reader && new Uint8Array(MOST_KEPT);
    try {
      for (let next; reader && this.state === "arriving" && !(next = await reader.read()).done; ) {
        const { value } = next;
        const part = value.subarray(0, MOST_KEPT - this.kept.length);
        room.set(part, this.kept.length);
        this.kept = room.subarray(0, this.kept.length + part.length);
        this.bytes += value.byteLength;
        if (this.bytes > MOST_TAKEN) {
          this.answer({ status: 413, headers: [["content-type", "text/plain"]], body: "More than this catcher takes.\n" });
        }
        this.dispatchEvent(new Event("change"));
      }
    } catch {
      this.#end("gone");
    }
    if (this.state === "arriving") this.#become("waiting");
    return this.state === "waiting";
  }

  /** @param {Answer} answer that a Response can be made of */
  answer(answer) {
    if (this.state === "answered" || this.state === "gone") return;
    this.answered = answer;
    this.took = Date.now() - this.at.getTime();
    this.#respond(responseOf(answer));
    this.#become("answered");
  }

  /** Ends it without an answer of anybody's. */
  drop() {
    this.answer({ status: 503, headers: [["content-type", "text/plain"]], body: "Closed without an answer.\n" });
  }

  #end(state) {
    if (this.state === "answered" || this.state === "gone") return;
    // Nobody hears it; but whoever waits for it here should not wait for ever.
    this.#respond(new Response(null, { status: 503 }));
    this.#become(state);
  }

  #become(state) {
    this.state = state;
    // Whoever has been answered, or has left, is read no further.
    if (state !== "waiting") this.#reader?.cancel().catch(() => {});
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Answer} answer @returns {Response} fails when it cannot be one */
export function responseOf({ status, headers, body }) {
  // These are defined to have no body (RFC 9110 §15).
  const bodiless = [204, 205, 304].includes(status);
  return new Response(bodiless ? null : body, { status, headers });
}
