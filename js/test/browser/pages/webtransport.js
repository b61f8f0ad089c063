// In a page: a session driven by hand over the WebTransport carrier alone, that gives visitors their requests' bodies back.

/** @type {any} */
let state;

/** @param {string} gateway its origin */
export async function open(gateway) {
  const [{ Core, open, reply }, { attach, receive, tick }, { transmit }, { read, write }, { finish, reset }, { hasEnded }, { WebTransportCarrier }] =
    await Promise.all(
      ["core", "attach", "transmit", "stream-io", "send", "receive", "webtransport"].map((name) => import(`${gateway}/pageport/${name}.js`)),
    );
  const { carriers } = await (await fetch(`${gateway}/.well-known/pageport`)).json();
  const offer = carriers.find((/** @type {any} */ { kind }) => kind === "webtransport");
  const core = new Core();
  const session = { gateway, core, poke: () => queueMicrotask(run) };
  /** @type {(value?: unknown) => void} */
  let named;
  const listening = new Promise((resolve) => (named = resolve));
  state = { core, carrier: undefined, native: 0, listening };

  const carrier = new WebTransportCarrier(
    session,
    offer,
    (/** @type {Uint8Array} */ message) => {
      receive(core, carrier, message, performance.now());
      session.poke();
    },
    (/** @type {boolean} */ isGone) => {
      if (isGone) state.gone = true;
      else {
        attach(core, carrier, performance.now());
        const carries = carrier.native.carries.bind(carrier.native);
        // How often bytes were left to a native stream.
        carrier.native.carries = (/** @type {any} */ stream) => {
          const { sent } = stream;
          const waits = carries(stream);
          state.native += stream.sent - sent;
          return waits;
        };
      }
      session.poke();
    },
  );
  state.carrier = carrier;

  /** @param {any} stream */
  function echo(stream) {
    let left = new Uint8Array();
    stream.notify = () => {
      if (stream.failed >= 0) return reset(core, stream, stream.failed);
      for (;;) {
        if (!left.length) left = read(core, stream, 65_536, performance.now())?.slice() ?? left;
        if (!left.length) break;
        const taken = write(core, stream, left);
        left = left.subarray(taken);
        if (!taken) break;
      }
      if (!left.length && hasEnded(stream) && !stream.fin) finish(core, stream);
      session.poke();
    };
    reply(core, stream, { ok: true, status: 200, headers: [] });
    stream.notify();
  }

  let asked = false;
  function run() {
    const now = performance.now();
    tick(core, now);
    if (core.carrier?.phase && !asked) {
      asked = true;
      const stream = open(core, { listen: "http" }, now);
      stream.notify = () => stream.head && named(stream.head);
    }
    for (const stream of core.touched) {
      core.touched.delete(stream);
      if (stream.notify) stream.notify();
      else if (stream.head) echo(stream);
    }
    let room;
    for (let message; (room = carrier.room()) > 0 && (message = transmit(core, now, room)); ) carrier.send(message);
  }
  setInterval(run, 100);
  return /** @type {any} */ (await listening).url;
}

export function seen() {
  const { core, native, gone = false } = state;
  return { phase: core.carrier?.phase, ended: core.ended, native, gone, streams: core.streams.size };
}
