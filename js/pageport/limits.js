/**
 * Every limit of the session, with its reason (spec/protocol.md has those of the wire). Bytes and milliseconds.
 *
 * Must never hold anything that changes at run time.
 */

/** A frame's payload: 64 KiB of stream bytes and room for what stands before them. */
export const FRAME = 66_560;
/** Stream bytes in one DATA frame. */
export const DATA = 65_536;
/** DATA on a path that takes little at a time, so that streams take turns quickly. */
export const DATA_SLOW = 16_384;
/** A carrier message. */
export const MESSAGE = 262_144;
/** HELLO, WELCOME, and an unknown frame that is skipped. */
export const SMALL = 4_096;
/** Unknown frames skipped in any minute: the protocol may grow, but not into a flood. */
export const SKIPPED = 100;
/** A head or reply. */
export const HEAD = 16_384;
/** How deep objects and lists may be nested in JSON, the outermost counted. */
export const DEPTH = 8;
/** Bytes in a datagram: what fits every network. */
export const DATAGRAM = 1_200;
/** Datagrams that wait in one direction; late ones are worth more than old ones, so the oldest goes. */
export const DATAGRAMS = 64;
/** Entries of one RESUME: all streams of both sides at their most. */
export const RESUME_ENTRIES = 131_072;
/** Of these in one frame: 49 bytes each at most. */
export const FRAME_ENTRIES = 400;
/** Bytes of ACK entries in one frame. */
export const ACK_BYTES = 32_768;

/** A stream's window as soon as it is seen, and at most. */
export const WINDOW = 65_536;
export const WINDOW_MAX = 4 << 20;
/** B: what all windows of a session may hold above `initial`. */
export const BUDGET = 8 << 20;

/** How long progress may stay unacknowledged once traffic stops. */
export const SWEEP = 200;
/** How long a page waits for a byte before it asks for one, and then until it attaches anew. */
export const SILENCE = 40_000;
export const PROBE = 5_000;
/** How long an attempt to attach may go without a byte. */
export const ATTEMPT = 10_000;
/** What a round trip counts as at least: on a loopback every reader would seem slow. */
export const ROUND_TRIP = 10;

/** What a carrier queues at least, and for how long at the measured rate: enough to keep it busy, no more. */
export const QUEUE = 32_768;
export const QUEUE_TIME = 250;
/** How often a full carrier is looked at: browsers do not say when its queue shrinks. */
export const QUEUE_POLL = 5;

/** Reconnecting: the first pause and the longest. */
export const BACKOFF = 250;
export const BACKOFF_MAX = 10_000;
/** A carrier that lived this long was a success: the next attempt comes at once. */
export const SETTLED = 1_000;

/** Where localStorage remembers what carried a page to a gateway. */
export const STORED = "pageport carriers ";
/** How long a carrier may try to open before the next worse one does so too: of WebTransport, which UDP may swallow, and of others. */
export const HEAD_START_WEBTRANSPORT = 250;
export const HEAD_START = 1_500;
/** How long a carrier that failed is not preferred: as long as one stays in most places. */
export const REMEMBERED = 600_000;
/** When a better carrier is tried again, at first and at most. */
export const IMPROVE = 60_000;
export const IMPROVE_MAX = 1_800_000;
/** How long the first bytes of a streaming answer may take before it counts as held back by a proxy. */
export const PREAMBLE = 1_500;
/** A failed request of the `http` carrier is made again after these, and then no more. */
export const REQUEST_RETRIES = [0, 250, 1_000];
/** How often a tab asks that may not have a request hanging, seen and hidden. */
export const POLL = 1_000;
export const POLL_HIDDEN = 5_000;
/** Hanging requests of an origin's tabs together over HTTP/1.1, where browsers open six connections. */
export const HANGING = 3;
/** How long requests under way have to end once their carrier is closed. */
export const LINGER = 1_000;

/** How often a claim is signed anew because its nonce is of no use any more. */
export const CLAIM_RETRIES = 2;
/** How long the page that was here before a reload may take to let go of a name. */
export const LOCK_WAIT = 500;

/** Bytes in a line of text, unless its reader says otherwise: more than any protocol of lines has, and little to hold for a peer that never ends one. */
export const LINE = 65_536;

/** Connections that wait for an iterator of a listener; from then on visitors get 503. */
export const ITERATOR_QUEUE = 256;

/**
 * What HELLO announces: streams of the peer at once, I, and S. A page at these limits holds 8 MiB that the network has
 * not taken and at most 8 MiB, and 4 KiB for each stream, that the application has not read.
 */
export const ANNOUNCED = { streams: 4_096, initial: 4_096, unreceived: 8 << 20 };
