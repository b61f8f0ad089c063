/** Lines of text out of bytes: in whatever pieces they come, and however long they are. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { byteStream } from "../pageport/index.js";

const encoder = new TextEncoder();

/** @param {Iterable<Uint8Array>} chunks */
const reading = (chunks) => byteStream({ readable: /** @type {ReadableStream<Uint8Array>} */ (ReadableStream.from(chunks)) });

/** @param {Iterable<Uint8Array>} chunks @param {number} [most] */
async function linesOf(chunks, most) {
  const lines = [];
  for await (const line of (await reading(chunks)).lines(most)) lines.push(line);
  return lines;
}

/** What the platform makes of it. @param {Uint8Array} bytes */
const platform = (bytes) => {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
  if (!lines.at(-1)) lines.pop();
  return lines;
};

test("lines of UTF-8 are the same wherever their bytes are split", async () => {
  const bytes = encoder.encode("naïve\r\n日本語 😀\n\n\r\n\u{10FFFF} end\rof line\r\nlast: é");
  const expected = ["naïve", "日本語 😀", "", "", "\u{10FFFF} end\rof line", "last: é"];
  assert.deepEqual(platform(bytes), expected);
  for (let at = 0; at <= bytes.length; at++) {
    assert.deepEqual(await linesOf([bytes.slice(0, at), bytes.slice(at)]), expected, `split at ${at}`);
  }
  for (let first = 0; first < bytes.length; first++) {
    for (let second = first; second < bytes.length; second++) {
      assert.deepEqual(await linesOf([bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)]), expected, `split at ${first} and ${second}`);
    }
  }
  assert.deepEqual(await linesOf(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected, "byte by byte");
});

test("what is not UTF-8 reads as TextDecoderStream has it", async () => {
  for (const hex of ["ff0a41", "c30a28", "e282", "e2820ae282ac0a", "f09f980a80", "efbbbf410aefbbbf42", "c0af0a", "eda0800a", "0d0a0d", "0a", "0d", ""]) {
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    const expected = platform(bytes);
    assert.deepEqual(await linesOf([bytes]), expected, hex);
    assert.deepEqual(await linesOf(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected, `${hex} byte by byte`);
    const streamed = [];
    for await (const text of ReadableStream.from(Array.from(bytes, (byte) => Uint8Array.of(byte))).pipeThrough(/** @type {any} */ (new TextDecoderStream()))) streamed.push(text);
    assert.equal(streamed.join("").replaceAll("\r\n", "\n").replace(/\n$/, ""), expected.join("\n"), `${hex} as a stream`);
  }
});

test("every byte value comes through a line as it would through a decoder", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(await linesOf([bytes]), platform(bytes));
});

test("a line is followed by as many bytes as are asked for, and by lines again", async () => {
  const io = await reading([encoder.encode("* 1 FETCH {5}\r"), encoder.encode("\nab\ncd)\r\nA1 OK\r\nrest")]);
  assert.equal(await io.readLine(), "* 1 FETCH {5}");
  assert.equal(Buffer.from(await io.readExactly(5)).toString(), "ab\ncd");
  for await (const line of io.lines()) {
    assert.equal(line, ")");
    break;
  }
  assert.deepEqual(await Promise.all([io.readLine(), io.read(2), io.readLine(), io.readLine()]), ["A1 OK", encoder.encode("re"), "st", undefined]);
});

test("a line has a longest length, its end included; what is longer is still there", async () => {
  const line = encoder.encode("12345678\r\n");
  assert.deepEqual(await linesOf([line, line], 10), ["12345678", "12345678"]);
  for (const chunks of [[line, line], Array.from(line, (byte) => Uint8Array.of(byte))]) {
    const io = await reading(chunks);
    await assert.rejects(io.readLine(9), { code: "ERR_LINE_TOO_LONG" });
    assert.equal(await io.readLine(10), "12345678");
  }
  const endless = {
    *[Symbol.iterator]() {
      for (let left = 1000; left--; ) yield new Uint8Array(1000).fill(65);
      throw new Error("it was read to its end");
    },
  };
  await assert.rejects((await reading(endless)).readLine(), { code: "ERR_LINE_TOO_LONG" });
});

test("a long line in small pieces is put together again", async () => {
  const text = "ü".repeat(30_000);
  const bytes = encoder.encode(text + "\n");
  const chunks = [];
  for (let at = 0; at < bytes.length; at += 7) chunks.push(bytes.slice(at, at + 7));
  assert.deepEqual(await linesOf(chunks), [text]);
});

test("without a writable there is nothing to write to", async () => {
  const io = await reading([]);
  await assert.rejects(io.write("x"), TypeError);
  await assert.rejects(io.end(), TypeError);
  io.release();
});
