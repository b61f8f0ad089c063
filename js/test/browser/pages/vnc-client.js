// In a page: noVNC on a connection of the module's. noVNC takes whatever looks like a WebSocket or a data channel.

/** @type {any} */
let rfb;

/** What noVNC wants of a connection. */
class Channel {
  binaryType = "arraybuffer";
  protocol = "";
  readyState = "connecting";
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;

  /** @param {any} socket */
  constructor(socket) {
    this.socket = socket;
    this.writer = socket.writable.getWriter();
    this.#run();
  }

  /** @param {Uint8Array<ArrayBuffer>} data noVNC uses its buffer again at once */
  send(data) {
    this.writer.write(data.slice()).catch(() => {});
  }

  close() {
    this.readyState = "closing";
    this.socket.close().catch(() => {});
  }

  async #run() {
    let reason = "";
    try {
      await this.socket.opened;
      this.readyState = "open";
      this.onopen?.({});
      for (const reader = this.socket.readable.getReader(); ; ) {
        const { value, done } = await reader.read();
        if (done) break;
        this.onmessage?.({ data: value.slice().buffer });
      }
    } catch (error) {
      reason = /** @type {any} */ (error).code ?? String(error);
    }
    this.readyState = "closed";
    this.onclose?.({ code: reason ? 1006 : 1000, reason, wasClean: !reason });
  }
}

/** @param {{ gateway: string, host: string, port: number }} place @returns {Promise<any>} what the server calls itself, and how large its screen is */
export async function open({ gateway, host, port }) {
  const [{ connect }, { default: RFB }] = await Promise.all([import(`${gateway}/pageport.js`), import(/** @type {any} */ ("/novnc/core/rfb.js"))]);
  document.body.replaceChildren(Object.assign(document.createElement("div"), { id: "screen" }));
  document.body.style.margin = "0";
  rfb = new RFB(document.getElementById("screen"), new Channel(connect({ hostname: host, port })));
  const name = new Promise((resolve) => rfb.addEventListener("desktopname", (/** @type {any} */ { detail }) => resolve(detail.name)));
  await new Promise((resolve, reject) => {
    rfb.addEventListener("connect", resolve);
    rfb.addEventListener("disconnect", (/** @type {any} */ { detail }) => reject(new Error(`disconnected: ${JSON.stringify(detail)}`)));
  });
  const { width, height } = canvas();
  const { left, top } = canvas().getBoundingClientRect();
  return { name: await name, width, height, left, top };
}

/** The canvas's pixels, in base64: four bytes each, red first. */
export async function pixels() {
  const { width, height } = canvas();
  const { data } = /** @type {CanvasRenderingContext2D} */ (canvas().getContext("2d")).getImageData(0, 0, width, height);
  const url = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(new Blob([data]));
  });
  return url.slice(url.indexOf(",") + 1);
}

export async function close() {
  const gone = new Promise((resolve) => rfb.addEventListener("disconnect", (/** @type {any} */ { detail }) => resolve(detail.clean)));
  rfb.disconnect();
  return gone;
}

const canvas = () => /** @type {HTMLCanvasElement} */ (document.querySelector("#screen canvas"));
