// In a page, as its only script: how long it takes from the navigation to the first byte of an answer. What is to answer is in the address.

const { kind, gateway, carriers, port, sha256 } = Object.fromEntries(new URLSearchParams(location.search));

/** Gives what carried it; each takes one byte. @type {Record<string, () => Promise<string>>} */
const WAYS = {
  async module() {
    const { configure, session } = await import(`${gateway}/pageport.js`);
    if (carriers) configure({ carriers: carriers.split(" ") });
    const link = session({ gateway });
    const { readable } = await link.createBidirectionalStream({ measure: "source", bytes: 1 });
    await readable.getReader().read();
    return link.carrier;
  },
  async webSocket() {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    socket.onopen = () => socket.send("e");
    await new Promise((resolve) => (socket.onmessage = resolve));
    return "raw WebSocket";
  },
  async webTransport() {
    const value = Uint8Array.from(sha256.split(" "), Number);
    const transport = new WebTransport(`https://127.0.0.1:${port}/`, { serverCertificateHashes: [{ algorithm: "sha-256", value }] });
    await transport.ready;
    const { readable, writable } = await transport.createBidirectionalStream();
    writable.getWriter().write(new TextEncoder().encode("ee"));
    await readable.getReader().read();
    return "raw WebTransport";
  },
};

Object.assign(globalThis, { firstByte: WAYS[kind]().then((carrier) => ({ carrier, ms: performance.now() })) });
