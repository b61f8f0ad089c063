// Bytes that say where they belong: blocks of 64 KiB that differ in their first four bytes only. In pages and in Node. A byte that
// is missing, doubled or moved cannot go unnoticed.

export const BLOCK = 65_536;

const template = Uint8Array.from({ length: BLOCK }, (_, i) => (Math.imul(i, 2_654_435_761) >>> 24) ^ (i & 0xff));

/** @param {number} index */
export function block(index) {
  const bytes = template.slice();
  new DataView(bytes.buffer).setUint32(0, index);
  return bytes;
}

/** @param {number} size in bytes @returns {Generator<Uint8Array<ArrayBuffer>>} */
export function* blocks(size) {
  for (let at = 0; at < size; at += BLOCK) yield block(at / BLOCK).subarray(0, Math.min(BLOCK, size - at));
}

/** As they are asked for, one at a time. @param {number} size in bytes */
export function streamOf(size) {
  const source = blocks(size);
  return new ReadableStream(
    {
      pull(controller) {
        const { done, value } = source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

/** What came, compared while it comes: how much, and where it first differs (-1: nowhere). */
export class Checked {
  bytes = 0;
  wrong = -1;

  /** @param {Uint8Array} chunk */
  push(chunk) {
    for (let i = 0; i < chunk.length && this.wrong < 0; ) {
      const at = (this.bytes + i) % BLOCK;
      const index = Math.floor((this.bytes + i) / BLOCK);
      if (at < 4) {
        if (chunk[i] !== ((index >>> (8 * (3 - at))) & 0xff)) this.wrong = this.bytes + i;
        i++;
        continue;
      }
      const end = Math.min(chunk.length, i + BLOCK - at);
      for (let j = at; i < end; i++, j++) {
        if (chunk[i] !== template[j]) {
          this.wrong = this.bytes + i;
          break;
        }
      }
    }
    this.bytes += chunk.length;
  }

  /** @param {ReadableStream<Uint8Array> | null} stream */
  async all(stream) {
    const reader = stream?.getReader();
    for (let read; reader && !(read = await reader.read()).done; ) this.push(read.value);
    return this.seen();
  }

  seen() {
    return { bytes: this.bytes, wrong: this.wrong };
  }
}
