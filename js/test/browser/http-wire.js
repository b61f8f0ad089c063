// The carrier `http`, spoken by hand (spec/protocol.md §9.1): requests and answers as bytes, in whatever order a test wants. Like
// wire.js it must never refuse to send something wrong.

import { randomBytes } from "node:crypto";
import http from "node:http";
import { Carrier, CLOSE, DETACH, readInt, varint } from "./wire.js";

export const STREAM = 0;
export const POLL = 1;
export const NOW = 2;
export const PREAMBLE = Buffer.from("pageport down v1");

/** @typedef {{ status: number, code: string, headers: http.IncomingHttpHeaders, body: Buffer }} Answer */

/** @param {Buffer} id @param {number} seq @param {Uint8Array} message */
export const upBody = (id, seq, message) => Buffer.concat([id, varint(seq), message]);

/** @param {Buffer} id @param {number} ack @param {number} mode */
export const downBody = (id, ack, mode) => Buffer.concat([id, varint(ack), Buffer.from([mode])]);

/** One side of a carrier: its id, and how its requests look. */
export class Line {
  id = randomBytes(16);
  /** How long each answer to `down` was that has ended. @type {number[]} */
  answers = [];
  /** The newest request. @type {http.ClientRequest | undefined} */
  newest;
  agent = new http.Agent({ keepAlive: true });

  /** @param {string} url of the gateway @param {{ token?: string, origin?: string }} [who] */
  constructor(url, { token, origin } = {}) {
    this.url = url;
    this.headers = { ...(token && { authorization: `Bearer ${token}` }), ...(origin && { origin }) };
  }

  /**
   * A request and its answer; `chunk` gets the body as it comes.
   * @param {"up" | "down"} direction
   * @param {Buffer} body
   * @param {(chunk: Buffer) => void} [chunk]
   * @returns {Promise<Answer>}
   */
  ask(direction, body, chunk) {
    return new Promise((resolve, reject) => {
      const { url, agent, headers } = this;
      const options = { method: "POST", agent, headers: { ...headers, "content-length": body.length } };
      const request = http.request(`${url}/link/${direction}`, options, (answer) => {
        const parts = [];
        answer.on("data", (part) => (parts.push(part), answer.statusCode === 200 && chunk?.(part)));
        answer.on("error", reject);
        answer.on("end", () => {
          if (direction === "down") this.answers.push(parts.reduce((sum, { length }) => sum + length, 0));
          const code = `${answer.headers["pageport-error"] ?? ""}`;
          resolve({ status: answer.statusCode ?? 0, code, headers: answer.headers, body: Buffer.concat(parts) });
        });
      });
      this.newest = request;
      request.on("error", reject);
      request.end(body);
    });
  }

  /** @param {number} seq @param {Uint8Array} message */
  up(seq, message) {
    return this.ask("up", upBody(this.id, seq, message));
  }

  /** @param {number} ack @param {number} mode @param {(chunk: Buffer) => void} [chunk] */
  down(ack, mode, chunk) {
    return this.ask("down", downBody(this.id, ack, mode), chunk);
  }

  drop() {
    this.agent.destroy();
  }
}

/** Status and code, as words. @param {{ status: number, code: string }} answer */
export const words = ({ status, code }) => (code ? `${status} ${code}` : `${status}`);

/** Takes whole messages off the front of an answer, without its preamble. @param {Buffer} bytes @returns {{ messages: Buffer[], rest: Buffer }} */
export function records(bytes) {
  const messages = [];
  for (let at = 0; ; ) {
    const length = readInt(bytes, at);
    if (!length || length[1] + length[0] > bytes.length) return { messages, rest: bytes.subarray(at) };
    messages.push(bytes.subarray(length[1], (at = length[1] + length[0])));
  }
}

/**
 * A carrier of two requests up at most and one down, as a good page has them.
 * @param {string} url of the gateway
 * @param {{ token?: string, origin?: string }} [who]
 * @param {number} [mode]
 * @returns {Promise<Carrier>}
 */
export async function requests(url, who, mode = STREAM) {
  const line = new Line(url, who);
  let [seq, ack, over] = [0, 0, false];
  /** @type {Promise<unknown>[]} */
  const under = [Promise.resolve(), Promise.resolve()];
  const end = () => {
    over = true;
    line.drop();
    carrier.finish();
  };
  const carrier = new Carrier({
    write: (message) => {
      const number = seq++;
      under[number % 2] = under[number % 2]
        .then(() => (over ? undefined : line.up(number, message)))
        .then((answer) => answer && answer.status !== 204 && end(), end);
    },
    end,
    raw: line,
  });
  const read = async () => {
    while (!over) {
      let rest = Buffer.alloc(0);
      let begun = false;
      const { status } = await line.down(ack, mode, (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        if (!begun && rest.length >= PREAMBLE.length) (begun = true), (rest = rest.subarray(PREAMBLE.length));
        if (!begun) return;
        const taken = records(rest);
        rest = taken.rest;
        ack += taken.messages.length;
        for (const message of taken.messages) carrier.take(message);
      });
      if (status !== 200 || carrier.frames.some(({ type }) => type === CLOSE || type === DETACH)) return end();
    }
  };
  read().catch(end);
  return carrier;
}
