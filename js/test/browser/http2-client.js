// Node's own HTTP/2 as a visitor, with the surface of `http-clients.js`: every request is a stream of one connection.

import { once } from "node:events";
import { connect } from "node:http2";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { blocks, Checked } from "./pages/blocks.js";

/** @typedef {import("./http-clients.js").Seen} Seen */

/** @returns {import("./http-clients.js").Client & { end: () => void }} */
export function http2Client() {
  /** @type {Map<string, import("node:http2").ClientHttp2Session>} */
  const sessions = new Map();

  /** @param {string} url @param {string} [method] */
  const open = async (url, method = "GET") => {
    const { origin, pathname, search } = new URL(url);
    let session = sessions.get(origin);
    if (!session || session.closed || session.destroyed) {
      session = connect(origin, { rejectUnauthorized: false });
      session.on("error", () => {});
      sessions.set(origin, session);
    }
    const stream = session.request({ ":method": method, ":path": pathname + search }, { endStream: method === "GET" });
    return stream;
  };
  /** @param {import("node:http2").ClientHttp2Stream} stream @param {(stream: any) => Promise<object>} read @returns {Promise<Seen>} */
  const seen = async (stream, read) => {
    const failed = once(stream, "error").then(([error]) => Promise.reject(error));
    failed.catch(() => {});
    try {
      const [head] = await Promise.race([once(stream, "response"), failed]);
      return { status: head[":status"], ...(await Promise.race([read(stream), failed])) };
    } catch (error) {
      return { status: 0, failed: String(error.code ?? error) };
    }
  };
  const words = async (stream) => ({ text: await text(stream) });
  const whole = async (stream) => {
    const checked = new Checked();
    for await (const chunk of stream) checked.push(chunk);
    return { bytes: checked.bytes, right: checked.wrong < 0 };
  };
  return {
    name: "node:http2",
    version: process.version,
    get: async (url) => seen(await open(url), words),
    download: async (url) => seen(await open(url), whole),
    async upload(url, size) {
      const stream = await open(url, "POST");
      Readable.from(blocks(size)).on("error", () => {}).pipe(stream);
      return seen(stream, words);
    },
    leave: async (url) =>
      seen(await open(url), async (stream) => {
        const [first] = await once(stream, "data");
        stream.close(8);
        return { bytes: first.length };
      }),
    interrupted: async (url, meanwhile) =>
      seen(await open(url), async (stream) => {
        await meanwhile();
        return whole(stream);
      }),
    async crowd(url, count) {
      const right = async (/** @type {number} */ i) => (await seen(await open(`${url}?to=${i}`), words)).text === `hello ${i}`;
      return (await Promise.all(Array.from({ length: count }, (_, i) => right(i)))).filter(Boolean).length;
    },
    end: () => sessions.forEach((session) => session.destroy()),
  };
}
