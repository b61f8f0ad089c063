// A session with twenty busy streams is moved through every carrier while a relay outside cuts it. Many more bytes are a proof of their own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CarriedPage } from "./carriers.js";
import { launchChromium } from "./driver.js";
import { startGateway } from "./gateway.js";
import { startImpairmentRelay } from "./impairment-relay.js";
import { move, WAYS } from "./moves.js";
import { startSite } from "./site.js";

const BYTES = 60 << 20;
const STREAMS = 20;

const { IMPAIRMENT_RELAY = "" } = process.env;

test("60 MiB both ways arrive byte for byte while they move through five carriers, and cuts", async (t) => {
  if (!IMPAIRMENT_RELAY) throw new Error("run this through `cargo xtask test --only browser`");
  const [gateway, site, browser] = await Promise.all([startGateway(), startSite(), launchChromium()]);
  const relay = await startImpairmentRelay(IMPAIRMENT_RELAY, gateway.port, 1);
  t.after(async () => {
    await relay.stop();
    await browser.close();
    site.close();
    await gateway.stop();
  });
  const page = await CarriedPage.carried(browser, site, { ...gateway, url: relay.url }, { name: "moving", carriers: [WAYS[0][0]], carrier: WAYS[0][1] });
  let turn = 0;
  const seen = await move(page, {
    bytes: BYTES,
    streams: STREAMS,
    ways: WAYS,
    random: () => [0.2, 0.9, 0.5][turn++ % 3],
    calm: 400,
    cut: (way) => void relay.say(way === "webtransport" ? "rebind" : "cut reset"),
  });
  console.log(`moved: ${JSON.stringify(seen.carried)}, ${seen.cuts} cuts, longest stall ${seen.slowest} ms`);
  assert.deepEqual(seen.failures, []);
  assert.equal(seen.came, BYTES);
  assert.ok(seen.carried.every(({ bytes }) => bytes > 0));
});
