// A dump of an X screen (X11/XWDFile.h, version 7), as far as screens of 24 bits a pixel need it.

import assert from "node:assert/strict";

const LSB_FIRST = 0;
const Z_PIXMAP = 2;
const TRUE_COLOR = 4;
/** Fields of the header, each 32 bits with the most significant byte first. */
const FIELDS = ["header", "version", "format", "depth", "width", "height", "xoffset", "byteOrder", "unit", "bitOrder", "pad", "bitsPerPixel", "bytesPerLine", "visual", "red", "green", "blue", "bitsPerRgb", "entries", "colors"];
const COLOR_BYTES = 12;

/** As a canvas has them: red, green, blue and 255, from left to right and from top to bottom. @param {Buffer} dump */
export function pixels(dump) {
  const head = Object.fromEntries(FIELDS.map((name, i) => [name, dump.readUInt32BE(4 * i)]));
  const { version, format, depth, visual, byteOrder, bitsPerPixel, red, green, blue, width, height } = head;
  const expected = [7, Z_PIXMAP, 24, TRUE_COLOR, LSB_FIRST, 32, 0xff0000, 0xff00, 0xff];
  assert.deepEqual([version, format, depth, visual, byteOrder, bitsPerPixel, red, green, blue], expected, "another kind of dump");
  const data = Buffer.alloc(4 * width * height, 255);
  const start = head.header + COLOR_BYTES * head.colors;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = start + y * head.bytesPerLine + 4 * x;
      const to = 4 * (y * width + x);
      [data[to], data[to + 1], data[to + 2]] = [dump[from + 2], dump[from + 1], dump[from]];
    }
  }
  return { width, height, data };
}
