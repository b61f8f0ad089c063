/**
 * Web pages as first-class network peers: the module's public surface.
 *
 * Must never do anything when it is imported.
 */

export { configure } from "./config.js";
export { PageportError } from "./errors.js";
export { PageListener, WebSocketListener } from "./listener.js";
export { serve } from "./serve.js";
export { session } from "./session.js";
export { byteStream, connect } from "./socket.js";
export { TCPServerSocket } from "./tcp-server.js";
export { TCPSocket } from "./tcp-socket.js";
export { UDPSocket } from "./udp-socket.js";
export { install, uninstall, WebSocket } from "./websocket.js";
export { WebSocketError, WebSocketStream } from "./websocket-stream.js";
