/**
 * What a gateway in memory does with names and ports (spec/protocol.md §7.1, §7.2), for tests of what pages send.
 *
 * Verifies with Node's own cryptography. Must never take a claim that a gateway would refuse.
 */

import { createHash, createPublicKey, verify } from "node:crypto";
import { reply } from "../pageport/core.js";
import { finish } from "../pageport/send.js";
import { SESSION } from "./session-gateway.js";

/** What stands before the 32 bytes of a public key in its SubjectPublicKeyInfo (RFC 8410). */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** @typedef {{ listen: string, name?: string, port?: number, claim?: { key: string, signature: string, slot?: string } }} Head */

export class Names {
  /** Heads, as they came. @type {Head[]} */
  heads = [];
  /** Keys by what they hold; outlives a restart. @type {Map<string, string>} */
  owners = new Map();
  /** Ports that somebody else has. @type {Set<number>} */
  taken = new Set();
  /** What the next requests are refused with. @type {string[]} */
  refusals = [];
  #core;
  #proven = new Set();
  #used = new Set();

  /** @param {import("./session-network.js").Network} network @param {string} origin */
  constructor(network, origin) {
    this.origin = origin;
    this.#core = network.core;
    network.onstream = (stream) => {
      if (this.#core !== network.core) {
        this.#core = network.core;
        this.#proven.clear();
        this.#used.clear();
      }
      const head = /** @type {any} */ (stream.head);
      stream.notify = () => {};
      this.heads.push(head);
      const answer = this.#answer(head);
      reply(network.core, stream, typeof answer === "string" ? { error: answer, message: "" } : { ok: true, ...answer });
      if (typeof answer === "string") finish(network.core, stream);
    };
  }

  /** @param {Head} head */
  #answer({ listen, name, port, claim }) {
    const refusal = this.refusals.shift();
    if (refusal) return refusal;
    const isPort = listen === "tcp" || port !== undefined;
    const subject = isPort ? `:${port}` : (name ?? "random7");
    if (claim) {
      const fault = this.#fault(subject, claim);
      if (fault) return fault;
      this.#proven.add(subject);
    } else if (name && !this.#proven.has(subject)) return "ERR_CLAIM_REQUIRED";
    if (isPort) {
      if (this.taken.has(port ?? 0)) return "ERR_PORT_UNAVAILABLE";
      const got = port || 7100 + this.heads.length;
      return { host: "gw.test", port: got, url: `${listen === "tcp" ? "tcp" : "ws"}://gw.test:${got}${listen === "tcp" ? "" : "/"}` };
    }
    return { name: subject, url: `ws://${subject}.gw.test/`, path_url: `ws://gw.test/@${subject}/` };
  }

  /** @param {string} subject @param {NonNullable<Head["claim"]>} claim */
  #fault(subject, { key, signature, slot }) {
    const [origin, name] = [this.origin, subject].map((text) => Buffer.from(text));
    const [session, nonce, raw] = [SESSION, this.#core.nonce, key].map((text) => Buffer.from(text, "base64url"));
    const parts = [origin, session, nonce, name, raw].flatMap((part) => [Buffer.from([part.length >> 8, part.length & 255]), part]);
    const message = Buffer.concat([Buffer.from("pageport name v1\0"), ...parts]);
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
    if (!verify(null, message, publicKey, Buffer.from(signature, "base64url"))) return "ERR_CLAIM_INVALID";
    if (slot && subject !== randomName(raw, Buffer.from(slot, "base64url"))) return "ERR_CLAIM_INVALID";
    const use = `${this.#core.nonce} ${subject}`;
    if (this.#used.has(use)) return "ERR_CLAIM_STALE";
    this.#used.add(use);
    if (!subject.startsWith(":") && (this.owners.get(subject) ?? key) !== key) return "ERR_NAME_TAKEN";
    this.owners.set(subject, key);
  }
}

/** @param {Buffer} key @param {Buffer} slot */
function randomName(key, slot) {
  const hash = createHash("sha256").update("pageport random name v1\0").update(key).update(slot).digest();
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return Array.from({ length: 13 }, (_, i) => LETTERS[parseInt(bits.slice(5 * i, 5 * i + 5), 2)]).join("");
}
