// A visitor of our own: the browser's plain WebSocket, sending numbered messages and checking what comes back. It must
// never use the module: it stands for anybody's client.

const EVERY_MS = 100;
const MOST_BUFFERED = 1_000_000;

export class Visitor extends EventTarget {
  sent = 0;
  echoed = 0;
  lost = 0;
  /** Came twice, or in the wrong order. */
  wrong = 0;
  #socket;
  #timer;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => {
      this.#timer = setInterval(() => this.#send(), EVERY_MS);
      this.#tell("open");
    };
    this.#socket.onmessage = ({ data }) => this.#check(data);
    this.#socket.onclose = ({ code, reason }) => {
      clearInterval(this.#timer);
      this.how = { code, reason };
      this.#tell("close");
    };
  }

  get bytesUnderWay() {
    let bytes = 0;
    for (let number = this.echoed + this.lost + 1; number <= this.sent; number++) bytes += message(number).length;
    return bytes;
  }

  stop() {
    clearInterval(this.#timer);
    this.#socket.close(1000);
  }

  #send() {
    if (this.#socket.bufferedAmount > MOST_BUFFERED) return;
    this.#socket.send(message(++this.sent));
    this.#tell("sent");
  }

  #check(data) {
    const expected = this.echoed + this.lost + 1;
    const number = Number(/^message (\d+)$/.exec(data)?.[1]);
    if (number === expected) {
      this.echoed++;
    } else if (number > expected && number <= this.sent) {
      this.lost += number - expected;
      this.echoed++;
    } else {
      this.wrong++;
    }
    this.#tell("echoed");
  }

  #tell(type) {
    this.dispatchEvent(new Event(type));
  }
}

function message(number) {
  return `message ${number}`;
}
