// In a page: a listener that gives everything back.

/** @param {string} gateway its origin */
export async function listen(gateway) {
  const { WebSocketListener } = await import(`${gateway}/pageport.js`);
  const listener = new WebSocketListener();
  listener.onconnection = ({ socket }) => {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
  };
  await new Promise((resolve, reject) => {
    listener.onlistening = resolve;
    listener.onerror = ({ error }) => reject(error);
    listener.onclose = () => reject(new Error("the listener ended"));
  });
  return { name: new URL(listener.url).hostname.split(".")[0], url: listener.url, pathUrl: listener.pathUrl };
}
