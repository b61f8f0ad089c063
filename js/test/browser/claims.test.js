// Claims and tokens over real sockets, made by Node's own cryptography: each has its documented code, and a name outlives the gateway
// that acknowledged it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Claimant } from "./claimant.js";
import { attach, claimCases, listen, tokenCases } from "./names-cases.js";
import { Rig } from "./names-rig.js";

/** More may be added, none may get lost. */
const LEAST_CASES = 58;

let kept;
let forgetful;

before(async () => {
  const origins = ["https://app.example"];
  [kept, forgetful] = await Promise.all([Rig.start({ data: true, origins }), Rig.start({ data: false, origins })]);
});
after(() => Promise.all([kept?.stop(), forgetful?.stop()]));

test("every claim and every token has its documented code", async () => {
  const results = [...(await claimCases(kept.world, forgetful.world)), ...(await tokenCases(kept.world, kept.issuer))];
  assert.deepEqual(
    results.filter(({ expected, got }) => expected !== got),
    [],
  );
  assert.ok(results.length >= LEAST_CASES, `${results.length} cases`);
  assert.doesNotMatch(kept.gateway.log(), /panicked/);
});

test("a gateway that is killed keeps its names where it has a directory, and only there", async () => {
  for (const [rig, expected] of [
    [kept, "ERR_NAME_TAKEN"],
    [forgetful, "ok"],
  ]) {
    const owner = await attach(rig.world);
    assert.equal(await listen(owner, "killed", new Claimant().of(owner, "killed")), "ok");
    assert.equal((await rig.gateway.kill()).signal, "SIGKILL");
    await rig.begin();
    const stranger = await attach(rig.world);
    assert.equal(await listen(stranger, "killed", new Claimant().of(stranger, "killed")), expected);
    owner.drop();
    stranger.drop();
  }
});
