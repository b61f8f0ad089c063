/**
 * The numbers of the wire: types and flags of frames (spec/protocol.md §2), and how far a carrier has come (§5).
 *
 * Must never import anything: then a bundler puts the numbers where the names are.
 */

export const HELLO = 0x00;
export const WELCOME = 0x02;
export const RESUME = 0x04;
export const DATA = 0x06;
export const ACK = 0x08;
export const RESET = 0x0a;
export const STOP = 0x0c;
export const PING = 0x0e;
export const PONG = 0x10;
export const GOAWAY = 0x12;
export const DETACH = 0x14;
export const CLOSE = 0x16;
export const DATAGRAM = 0x19;
/** Stands for an unknown frame that may be skipped. */
export const SKIPPED = 1;

/** Flags of DATA. */
export const FIN = 1;
export const BLOCKED = 2;

/** Phases of a carrier: it waits for WELCOME, then for the end of the peer's RESUME. */
export const GREETING = 0;
export const RESUMING = 1;
export const ATTACHED = 2;
