// Reads what a visitor's handshake says, for people.

/** @param {{ url: string, headers: Headers, peer?: string }} request */
export function describe({ url, headers, peer }) {
  const { pathname, search } = new URL(url);
  const list = headers.get("sec-websocket-protocol");
  return {
    peer: peer || "unknown",
    path: pathname + search,
    origin: headers.get("origin") ?? "",
    /** Subprotocols that the visitor offers, his favourite first. */
    offered: list ? list.split(",").map((name) => name.trim()) : [],
  };
}
