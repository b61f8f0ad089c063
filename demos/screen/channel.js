// A socket of the module as what noVNC takes for a WebSocket: bytes in, bytes out, and an end. Must never hand on memory that
// somebody uses again: noVNC writes into its own once more, and a chunk may be a part of something larger.

/** @typedef {{ readable: ReadableStream<Uint8Array>, writable: WritableStream, opened: Promise<any>, close: () => Promise<void> }} Socket */

export class Channel {
  // noVNC looks for these before it believes that this is a channel.
  binaryType = "arraybuffer";
  protocol = "";
  /** @type {"connecting" | "open" | "closing" | "closed"} as an RTCDataChannel says it */
  readyState = "connecting";
  onopen = () => {};
  /** @type {(event: { data: ArrayBuffer }) => void} */
  onmessage = () => {};
  onerror = () => {};
  /** @type {(event: { code: number, reason: string }) => void} */
  onclose = () => {};
  #socket;
  #writer;
  #tell;

  /** @param {Socket} socket connected, and nothing of it read @param {{ received: (bytes: number) => void, sent: (bytes: number) => void }} tell counts what passes */
  constructor(socket, tell) {
    this.#socket = socket;
    this.#tell = tell;
    this.#writer = socket.writable.getWriter();
    /** Resolves when the server has ended the connection, or this side has; rejects when it broke. */
    this.over = this.#run();
    this.over.catch(() => {});
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    this.#tell.sent(bytes.length);
    this.#writer.write(bytes.slice()).catch(() => {});
  }

  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closing";
    this.#socket.close().catch(() => {});
  }

  async #run() {
    // A task of its own, so that whoever made this can say what it wants to hear.
    await new Promise((resolve) => setTimeout(resolve));
    let reason = "";
    try {
      this.readyState = "open";
      this.onopen();
      const reader = this.#socket.readable.getReader();
      for (let next; !(next = await reader.read()).done && this.readyState === "open"; ) {
        this.#tell.received(next.value.length);
        this.onmessage({ data: next.value.slice().buffer });
      }
    } catch (error) {
      reason = error?.message ?? "lost";
      if (this.readyState !== "closing") throw error;
    } finally {
      this.readyState = "closed";
      this.onclose({ code: reason ? 1006 : 1000, reason });
    }
  }
}
