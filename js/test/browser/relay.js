// A TCP relay that loses connections the way networks do when nobody says so: no FIN, no RST, just nothing any more.

import { once } from "node:events";
import net from "node:net";

/**
 * @typedef {object} Relay
 * @property {string} url of the gateway, through the relay
 * @property {() => number} forget what is connected now is never heard of again; new connections work. How many that were
 * @property {() => void} stop nothing passes, and new connections get no answer
 * @property {() => void} resume new connections work again; those of before stay lost
 * @property {() => number} connections how many it has taken
 * @property {() => Promise<void>} close
 */

/** @param {{ port: number }} gateway @returns {Promise<Relay>} */
export async function startRelay(gateway) {
  /** Those through which bytes pass. @type {Set<{ near: net.Socket, far: net.Socket }>} */
  const alive = new Set();
  /** @type {Set<net.Socket>} */
  const sockets = new Set();
  let connections = 0;
  let stopped = false;

  const server = net.createServer({ noDelay: true }, (near) => {
    connections++;
    keep(near);
    // Accepted by the kernel, but whatever it says is lost.
    if (stopped) return void near.resume();
    const far = net.connect({ port: gateway.port, host: "127.0.0.1", noDelay: true });
    keep(far);
    const pair = { near, far };
    alive.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on("data", (chunk) => {
        if (alive.has(pair) && !to.write(chunk)) from.pause();
      });
      to.on("drain", () => from.resume());
      from.on("end", () => alive.has(pair) && to.end());
      from.on("close", () => {
        if (alive.has(pair)) to.destroy();
        alive.delete(pair);
      });
    }
  });
  const keep = (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const forget = () => {
    const lost = alive.size;
    for (const { near, far } of alive) {
      near.resume();
      far.resume();
    }
    alive.clear();
    return lost;
  };

  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return {
    url: `http://localhost:${port}`,
    forget,
    stop() {
      stopped = true;
      forget();
    },
    resume() {
      stopped = false;
    },
    connections: () => connections,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
