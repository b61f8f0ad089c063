/**
 * The numbers of a WebSocket: opcodes and states (RFC 6455), and every limit, with its reason.
 *
 * Must never import anything: then a bundler puts the numbers where the names are.
 */

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Stands for "the Close frame carried no code" (RFC 6455, section 7.1.5); never sent. */
export const NO_STATUS = 1005;

/**
 * Largest message accepted, in bytes. A message is held whole until its last byte, for each visitor: this takes
 * photos and documents, while sixty visitors at their worst still fit into a gigabyte.
 */
export const MAX_MESSAGE = 16 << 20;

/** What no `maxMessage` can exceed: the longest string that every engine can make. */
export const MAX_TEXT = 2 ** 29 - 24;

/**
 * Most frames one message may consist of, empty ones included. Fragments cost no memory beyond their bytes here,
 * but empty ones would let a message go on for ever.
 */
export const MAX_FRAGMENTS = 16384;

/** `readyState`. */
export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

/**
 * How long, in milliseconds, a closing handshake may go without progress before the stream is reset. Progress is a
 * write that completes, so that what was sent before `close()` has its time, and a peer that says nothing has not.
 */
export const CLOSE_TIMEOUT = 30_000;

/** Most bytes in one write: what a stream carries in a single frame. Smaller writes of one turn are put together. */
export const WRITE_SIZE = 65_536;

/** And how long a server may take to end the connection once both Close frames are there: then the client ends it (section 7.1.1). */
export const LINGER = 2_000;

/** How long, in milliseconds, a client may take to connect, the way to the gateway included. */
export const CONNECT_TIMEOUT = 20_000;

/** Bytes in the largest pong. */
export const MAX_PONG = 131;

/** Pongs that may wait for their turn; from then on the newest takes the place of the one before (section 5.5.3). */
export const MAX_PONGS = 64;
