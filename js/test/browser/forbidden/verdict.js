// What is to be seen of forbidden targets, line by line; and how often each was.

/** @typedef {Record<string, any>} Seen */

/** No packet for any of it, but what the asker itself had to connect. @param {Seen} left @param {number} [own] */
const none = (left, own = 0) => left.syn === 0 && left.udp === 0 && left.publicSyn === 0 && left.publicUdp === 0 && left.own === own;
/** All of one answer. @param {Seen} answers @param {string} code @param {number} times */
const all = (answers, code, times) => Object.keys(answers).length === 1 && answers[code] === times;
/** How many ways a page has to ask, and how many a path. */
const HEADS = 4;
const PATHS = 2;
/** What may come of a harmful name: nothing, or the good address, which refuses. */
const HARMLESS = ["ERR_TARGET_FORBIDDEN", "ERR_TARGET_CONNECTION_REFUSED", "ERR_TARGET_UNREACHABLE", "connected"];

/** Whether each line is as it must be. @type {Record<string, (seen: Seen) => boolean>} */
const EXPECTED = {
  heads: ({ set, hosts, answers: { ERR_HEAD_INVALID: invalid = 0, ERR_TARGET_FORBIDDEN: forbidden = 0, ...others }, left }) =>
    // `ws://127.0.0.1//` is a URL of that address.
    none(left) && !Object.keys(others).length && (set === "tricks" ? invalid === hosts * HEADS - 1 && forbidden === 1 : forbidden === hosts * HEADS),
  paths: ({ set, hosts, answers, left, own }) => none(left, own) && all(answers, set === "tricks" ? "ERR_TARGET_INVALID" : "ERR_TARGET_FORBIDDEN", hosts * PATHS),
  allowed: ({ way, left }) => left.syn === 0 && left.udp === 0 && (way === "udp" ? left.publicUdp === 1 : left.publicSyn >= 1),
  counted: ({ packets }) => packets >= 1,
  // To the good address there may be packets, and a datagram is connected to it without one.
  name: ({ name, tries, answers, left, accepted }) =>
    left.syn === 0 && left.udp === 0 && accepted === 0 && Object.keys(answers).every((answer) => HARMLESS.includes(answer)) && (name !== "alias.test" || all(answers, "ERR_TARGET_FORBIDDEN", tries)),
  redirect: ({ answer, left, accepted }) => answer === "ERR_TARGET_REFUSED" && left.syn === 1 && accepted === 0,
  followed: ({ accepted }) => accepted === 0,
  reachable: ({ accepted }) => accepted === 1,
};

/** Lines of each case that a whole run has, and tries by name. @param {Seen[]} lines */
export function summary(lines) {
  const wrong = lines.filter((line) => !EXPECTED[line.case]?.(line));
  const of = (/** @type {string} */ name) => lines.filter((line) => line.case === name);
  const sum = (/** @type {Seen[]} */ list, /** @type {(line: Seen) => number} */ number) => list.reduce((total, line) => total + number(line), 0);
  const refused = [...of("heads"), ...of("paths")];
  const vectors = new Set(of("heads").map(({ set }) => set)).size;
  return {
    wrong,
    sets: vectors,
    hosts: sum(of("heads"), ({ hosts }) => hosts),
    asked: sum(refused, ({ answers }) => Object.values(answers).reduce((/** @type {number} */ a, b) => a + Number(b), 0)),
    packets: sum(refused, ({ left }) => left.syn + left.udp + left.publicSyn + left.publicUdp),
    allowed: of("allowed").length,
    counted: of("counted").length,
    tries: sum(of("name"), ({ tries }) => tries),
    toOwnNetwork: sum(of("name"), ({ left }) => left.syn + left.udp),
    toGoodAddress: sum(of("name"), ({ left }) => left.publicSyn + left.publicUdp),
    redirects: of("redirect").length,
    whole: vectors === 4 && of("allowed").length === 18 && of("counted").length === 6 && of("redirect").length === 4 && of("reachable").length === 1,
  };
}

/** Whether the same lines are found wrong once each of them was spoilt: how many were not. @param {Seen[]} lines */
export function overlooked(lines) {
  const spoilt = lines.map((line) =>
    line.left ? { ...line, left: { ...line.left, [line.case === "allowed" ? "publicSyn" : "syn"]: line.case === "allowed" ? 0 : 2, ...(line.case === "allowed" && { publicUdp: 0 }) } } : { ...line, accepted: 7, packets: 0 },
  );
  return spoilt.filter((line) => EXPECTED[line.case](line)).length;
}
