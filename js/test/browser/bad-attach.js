// Bad input before and while attaching: it costs the carrier, and the session only where it was this session's own
// page that broke the rules.

import { connect, ending, HandPage, helloJson, LIMITS, said } from "./by-hand.js";
import {
  CLOSE,
  data,
  DETACH,
  END,
  farewell,
  frame,
  header,
  hello,
  HELLO,
  PING,
  prefix,
  resume,
  websocket,
  WELCOME,
} from "./wire.js";

/**
 * @typedef {import("./bad-frames.js").Case} Case
 * @typedef {import("./by-hand.js").Kind} Kind
 * @typedef {import("./by-hand.js").World} World
 */

const ALL = /** @type {Kind[]} */ (["websocket", "bytes", "http"]);
const ONLY_WEBSOCKET = /** @type {Kind[]} */ (["websocket"]);

/**
 * The first thing that is said on a carrier.
 * @param {string} name
 * @param {string} expected
 * @param {(world: World) => Buffer | string} first
 * @param {Kind[]} [kinds]
 * @returns {Case}
 */
function first(name, expected, first, kinds = ALL) {
  return {
    name,
    kinds,
    expected,
    async run(world, kind) {
      const carrier = await connect(world, kind);
      try {
        const message = first(world);
        if (typeof message === "string") carrier.out.raw.send(message);
        else carrier.send(message);
        return await ending(carrier, ({ type }) => type === WELCOME);
      } finally {
        carrier.drop();
      }
    },
  };
}

const invalid = (name, json) => first(`HELLO ${name}`, "CLOSE ERR_HELLO_INVALID", () => hello(json));
const text = (changes) => JSON.stringify(helloJson(changes));
const TWICE = (key) => text().replace(`"${key}"`, `"${key}":1,"${key}"`);

/**
 * What is said between WELCOME and the end of RESUME.
 * @param {string} name
 * @param {string} expected
 * @param {(page: HandPage) => void} act
 * @returns {Case}
 */
function candidate(name, expected, act) {
  return {
    name,
    kinds: ALL,
    expected,
    async run(world, kind) {
      const page = await HandPage.candidate(world, kind);
      act(page);
      const got = await page.verdict();
      page.drop();
      return got;
    },
  };
}

/**
 * Another carrier tries to join a session that is well; afterwards its page must still be attached, and must still be able
 * to attach anew.
 * @param {string} name @param {string} expected
 * @param {(page: HandPage, kind: Kind) => Promise<import("./wire.js").Carrier> | import("./wire.js").Carrier} join
 * @param {Kind[]} [kinds] @returns {Case}
 */
function join(name, expected, join, kinds = ALL) {
  return {
    name,
    kinds,
    expected: `${expected}; the page lives, session lives`,
    async run(world, kind) {
      const page = await HandPage.attached(world, kind, 5);
      const other = await join(page, kind);
      try {
        const got = await ending(other, ({ type }) => type === WELCOME);
        return `${got}; the page ${await page.answer()}, session ${await page.fate()}`;
      } finally {
        page.drop();
        other.drop();
      }
    },
  };
}

/** @param {HandPage} page @param {object} changes @param {Kind} [kind] @param {string} [origin] */
async function attempt(page, changes, kind = page.kind, origin = undefined) {
  const carrier = await connect(page.world, kind, origin);
  const { session, secret } = page.identity;
  carrier.send(hello(helloJson({ session, secret, n: 6, ...changes })));
  return carrier;
}

/** A value of the same length that is another one. @param {string} text */
const changed = (text) => (text.startsWith("A") ? "B" : "A") + text.slice(1);
const ORDER = "CLOSE ERR_ATTACH_ORDER";
const MALFORMED = "CLOSE ERR_FRAME_MALFORMED";

/** @type {Case[]} */
export const attaching = [
  first("a good HELLO, for comparison", "lives", () => hello(helloJson())),
  invalid("with a key twice", TWICE("n")),
  invalid("with a limit twice", TWICE("streams")),
  invalid("with an unknown key twice", text({ x: 1 }).replace('"x"', '"x":1,"x"')),
  invalid("with a key twice, once escaped", text().replace('"n"', '"n":1,"\\u006e"')),
  invalid("with invalid UTF-8", Buffer.from(text({ x: "\u00ff" }), "latin1")),
  invalid("with a lone surrogate", text({ x: 1 }).replace('"x":1', '"x":"\\ud800"')),
  invalid("that is a list", "[]"),
  invalid("without JSON", ""),
  invalid("with bytes behind its JSON", `${text()}x`),
  invalid("nested deeper than 8", text({ x: 1 }).replace('"x":1', `"x":${"[".repeat(9)}${"]".repeat(9)}`)),
  invalid("with n 0", text({ n: 0 })),
  invalid("with n 1.0", text().replace('"n":1', '"n":1.0')),
  invalid("with a session but no secret", text({ session: "A".repeat(22) })),
  invalid("with a secret but no session", text({ secret: "A".repeat(43) })),
  invalid("with 65,537 streams", text({ limits: { ...LIMITS, streams: 65_537 } })),
  invalid("with 17 features", text({ features: Array(17).fill("x") })),
  first("HELLO of version 2", "CLOSE ERR_VERSION", () => hello(helloJson({ version: 2 }))),
  first("HELLO of 4,097 bytes", MALFORMED, () => hello(text().padEnd(4097))),
  // Over plain requests such a body is refused by its length.
  first("HELLO of 60,000 bytes", MALFORMED, () => hello(text().padEnd(60_000)), ["websocket", "bytes"]),
  first("HELLO whose header announces 66,561 bytes", "CLOSE ERR_FRAME_TOO_LARGE", () => header(HELLO, 66_561)),
  first("HELLO with a PING behind it in its message", ORDER, () =>
    Buffer.concat([hello(helloJson()), frame(PING, "12345678")]),
  ),
  first("a PING before HELLO", ORDER, () => frame(PING, "12345678")),
  first("RESUME before HELLO", ORDER, () => resume()),
  first("an unknown frame before HELLO", ORDER, () => frame(0x1b, "x")),
  first("an empty message before HELLO", MALFORMED, () => Buffer.alloc(0), ONLY_WEBSOCKET),
  first("a text message before HELLO", MALFORMED, () => "text", ONLY_WEBSOCKET),
  first("HELLO for a session that does not exist", "CLOSE ERR_SESSION_LOST", () =>
    hello(text({ session: `${"A".repeat(21)}A`, secret: `${"A".repeat(42)}A` })),
  ),
  first("HELLO with a wrong credential", "CLOSE ERR_CREDENTIAL_INVALID", () => hello(text({ credential: "wrong" }))),
  {
    name: "HELLO without an origin or a credential",
    kinds: ["websocket"],
    expected: "CLOSE ERR_CREDENTIAL_REQUIRED",
    async run(world) {
      const carrier = await websocket(world.url);
      carrier.send(hello(helloJson()));
      return ending(carrier, ({ type }) => type === WELCOME);
    },
  },
  {
    name: "HELLO that never comes",
    kinds: ALL,
    expected: "DETACH ERR_ATTACH_TIMEOUT after its time",
    ms: 10_000,
    run: (world, kind) => late(world, kind, () => {}),
  },
  {
    name: "half a HELLO",
    kinds: ["bytes"],
    expected: "DETACH ERR_ATTACH_TIMEOUT after its time",
    ms: 10_000,
    run: (world, kind) => late(world, kind, (carrier) => carrier.send(hello(helloJson()).subarray(0, 30))),
  },
  {
    name: "RESUME that never comes",
    kinds: ALL,
    expected: "DETACH ERR_ATTACH_TIMEOUT, session over",
    ms: 10_000,
    async run(world, kind) {
      const page = await HandPage.candidate(world, kind);
      const got = await ending(page.carrier, undefined, 15_000);
      // A session whose first RESUME has not ended 10 s after its HELLO ends, so that it is over by then.
      await new Promise((resolve) => setTimeout(resolve, 7_000));
      return `${got}, session ${await page.fate()}`;
    },
  },

  candidate("a second HELLO instead of RESUME", `${ORDER}, session over`, (page) =>
    page.send(hello(helloJson({ n: 2 }))),
  ),
  candidate("DATA before the end of RESUME", `${ORDER}, session over`, (page) =>
    page.send(resume({ flags: 0 }), data(1, 0, prefix({ listen: "websocket" }))),
  ),
  candidate("RESUME whose entries do not increase", `${MALFORMED}, session over`, (page) =>
    page.send(
      resume({
        entries: [
          [3, 0, 4096],
          [1, 0, 4096],
        ],
      }),
    ),
  ),
  candidate("RESUME whose entries do not increase from frame to frame", `${MALFORMED}, session over`, (page) => {
    page.send(resume({ entries: [[3, 0, 4096]], flags: 0 }), resume({ entries: [[3, 0, 4096]], flags: END }));
  }),
  candidate("RESUME whose highest id changes", `${MALFORMED}, session over`, (page) =>
    page.send(resume({ flags: 0 }), resume({ highest: 2 })),
  ),
  candidate("RESUME with an unknown flag", `${MALFORMED}, session over`, (page) => page.send(resume({ flags: 2 }))),
  candidate("RESUME of a stream that the gateway never opened", "CLOSE ERR_STREAM_ID, session over", (page) =>
    page.send(resume({ entries: [[2, 0, 4096]] })),
  ),
  candidate(
    "RESUME that has seen a stream that the gateway never opened",
    "CLOSE ERR_STREAM_ID, session over",
    (page) => page.send(resume({ highest: 2 })),
  ),
  candidate("RESUME of 8,193 streams", "CLOSE ERR_STREAM_LIMIT, session over", (page) => {
    const entries = Array.from({ length: 8_193 }, (_, i) => [2 * i + 1, 0, 4096]);
    page.send(
      resume({ entries: entries.slice(0, 4_000), flags: 0 }),
      resume({ entries: entries.slice(4_000, 8_000), flags: 0 }),
    );
    page.send(resume({ entries: entries.slice(8_000) }));
  }),

  join("a stale generation: the same n again", "DETACH ERR_ATTACH_STALE", (page) => attempt(page, { n: 5 })),
  join("a stale generation: a smaller n", "DETACH ERR_ATTACH_STALE", (page) => attempt(page, { n: 4 })),
  join("a wrong secret", "CLOSE ERR_ATTACH_FORBIDDEN", (page) =>
    attempt(page, { secret: changed(page.identity.secret), n: 2 ** 53 - 1 }),
  ),
  join("other limits than before", "CLOSE ERR_HELLO_INVALID", (page) =>
    attempt(page, { limits: { ...LIMITS, streams: 100 } }),
  ),
  join(
    "another allowed origin",
    "CLOSE ERR_ATTACH_ORIGIN",
    (page) => attempt(page, { n: 2 ** 53 - 1 }, "websocket", page.world.origin.replace("localhost", "127.0.0.1")),
    ONLY_WEBSOCKET,
  ),
  join(
    "the same host at another port",
    "CLOSE ERR_ATTACH_ORIGIN",
    (page) => attempt(page, { n: 2 ** 53 - 1 }, "websocket", "http://localhost:1"),
    ONLY_WEBSOCKET,
  ),
  join(
    "a credential instead of the origin",
    "CLOSE ERR_ATTACH_ORIGIN",
    (page) => attempt(page, { n: 2 ** 53 - 1 }, "bytes"),
    ONLY_WEBSOCKET,
  ),
  join(
    "an origin instead of the credential",
    "CLOSE ERR_ATTACH_ORIGIN",
    (page) => attempt(page, { n: 2 ** 53 - 1 }, "websocket"),
    ["bytes"],
  ),
  {
    name: "CLOSE on a carrier that is only a candidate",
    kinds: ALL,
    expected: "connection ended without a word; the page lives, session lives",
    async run(world, kind) {
      const page = await HandPage.attached(world, kind);
      const other = await attempt(page, { n: 2 });
      const welcome = await other.next([WELCOME, CLOSE, DETACH]);
      if (welcome?.type !== WELCOME) return said(welcome);
      other.send(farewell(0));
      const got = await ending(other);
      const words = `${got}; the page ${await page.answer()}, session ${await page.fate()}`;
      page.drop();
      return words;
    },
  },
];

/**
 * Waits for the gateway to lose its patience, and checks that it had some.
 * @param {World} world
 * @param {Kind} kind
 * @param {(carrier: import("./wire.js").Carrier) => void} act
 */
async function late(world, kind, act) {
  const carrier = await connect(world, kind);
  const start = performance.now();
  act(carrier);
  const got = await ending(carrier, undefined, world.helloTimeout + 8_000);
  const elapsed = performance.now() - start;
  const inTime = elapsed > world.helloTimeout - 100 && elapsed < world.helloTimeout + 5_000;
  return `${got} ${inTime ? "after its time" : `after ${Math.round(elapsed)} ms`}`;
}
