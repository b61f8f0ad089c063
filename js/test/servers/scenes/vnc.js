// noVNC in a page shows the screen of an X server to the pixel, and its keys and its pointer arrive at an X client.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ClientPage } from "../client-page.js";

const WITHIN_MS = 20_000;
const TYPED = "Hello Pageport, 0123456789 [{<~@#$%^&*>}] \\|/ it's \"here\"";

/** Paints in so few colours that TigerVNC takes no JPEG for them, which would be another picture; and keeps the line that is typed. */
const PAINTER = `import os, sys
for y in range(18):
    print("".join(f"\\x1b[48;2;{y * 14};{200 - y * 9};{(x // 40) * 90}m{chr(33 + (x * 7 + y) % 94)}" for x in range(80)) + "\\x1b[0m")
sys.stdout.flush()
open(sys.argv[1] + "/painted", "w").close()
line = sys.stdin.readline()
open(sys.argv[1] + "/typed.new", "w").write(line)
os.rename(sys.argv[1] + "/typed.new", sys.argv[1] + "/typed")
sys.stdin.readline()
`;

/** @param {any} world @param {Awaited<ReturnType<typeof import("../vnc.js").startVnc>>} server */
export async function vnc(world, server) {
  const { host, port, width, height, dir } = server;
  const page = await ClientPage.open(world, "vnc-client");
  const opened = await page.ask("open", { host, port });
  assert.deepEqual([opened.width, opened.height], [width, height]);
  // The server paints a pointer that no client has moved into the picture. Without a window manager keys go to where the pointer is.
  const { mouse, keyboard } = page.page.raw;
  const [x, y] = [opened.left + 200, opened.top + 150];
  await mouse.move(x, y);
  const empty = await same(page, server);

  writeFileSync(join(dir, "painter.py"), PAINTER);
  server.client("xterm", "-geometry", "80x24+0+0", "-e", "python3", join(dir, "painter.py"), dir);
  await there(join(dir, "painted"));
  const painted = await same(page, server, empty.colors + 20);
  assert.notEqual(painted.hash, empty.hash);

  await mouse.click(x, y);
  await keyboard.type(TYPED);
  await keyboard.press("Enter");
  await there(join(dir, "typed"));
  assert.equal(readFileSync(join(dir, "typed"), "utf8"), `${TYPED}\n`);
  const typed = await same(page, server);
  assert.notEqual(typed.hash, painted.hash);
  assert.equal(await page.ask("close"), true);
  await page.close();
  return { desktop: opened.name, screen: `${width}x${height}`, colors: painted.colors, canvas: typed.hash, xwd: typed.own, keys_arrived: TYPED.length, waited_ms: painted.ms };
}

/**
 * Waits until the canvas is what the server says that its screen is: updates are on their way for a moment.
 * @param {ClientPage} page @param {{ dump: () => { data: Buffer } }} server @param {number} [colors] at least so many
 */
async function same(page, server, colors = 0) {
  const begin = performance.now();
  for (;;) {
    const canvas = Buffer.from(await page.ask("pixels"), "base64");
    const { data } = server.dump();
    const ms = Math.round(performance.now() - begin);
    if (canvas.equals(data) && count(data) >= colors) return { hash: sha256(canvas), own: sha256(data), colors: count(data), ms };
    if (ms > WITHIN_MS) throw new Error(`${differing(canvas, data)} of ${data.length / 4} pixels differ; ${count(data)} colours`);
    await pause(100);
  }
}

/** @param {string} file */
async function there(file) {
  for (const begin = performance.now(); !existsSync(file); await pause(50)) if (performance.now() - begin > WITHIN_MS) throw new Error(`${file} does not come`);
}

/** @param {Buffer} pixels */
const count = (pixels) => new Set(new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4)).size;

/** @param {Buffer} one @param {Buffer} other */
const differing = (one, other) => Array.from({ length: other.length / 4 }, (_, i) => one.compare(other, 4 * i, 4 * i + 4, 4 * i, 4 * i + 4)).filter(Boolean).length;

/** @param {Buffer} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
