/** The module's error codes are those of spec/errors.md. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as codes from "../pageport/codes.js";

/** Scopes of codes that a page can meet: on the wire, or made by the module itself. */
const MET = ["session", "carrier", "stream", "page"];
/** What a visitor is told, and the page with RESET and STOP. */
const TRAVELS = /ends the page's stream/;

const list = readFileSync(new URL("../../spec/errors.md", import.meta.url), "utf8");
/** Codes for visitors that a page meets too. */
const travelling = list.match(/are for visitors; ([^]*?)travel too/)?.[1].match(/\d+/g)?.map(Number) ?? [];
const rows = list
  .split("\n")
  .map((line) => line.match(/^\| (\d+) \| (\w+) \| (\w+) \|/))
  .filter(Boolean)
  .map(([, number, name, scope]) => ({ number: Number(number), name, scope }));

test("names and numbers are those of the list", () => {
  assert.ok(rows.length > 50 && travelling.length > 5, "the list was not read whole");
  for (const { number, name, scope } of rows) {
    if (MET.includes(scope) || travelling.includes(number)) {
      assert.equal(codes.nameOf(number), name);
      assert.equal(codes.numberOf(name), number);
    } else {
      assert.ok([name, `ERR_${number}`].includes(codes.nameOf(number)), codes.nameOf(number));
      assert.ok([number, -1].includes(codes.numberOf(name)), name);
    }
  }
});

test("there is no name that the list does not have", () => {
  const listed = new Set(rows.map(({ name }) => name));
  for (let number = 0; number < 70_000; number++) {
    const name = codes.nameOf(number);
    assert.ok(listed.has(name) || name === `ERR_${number}`, name);
  }
  let constants = 0;
  for (const [name, number] of Object.entries(codes)) {
    if (typeof number !== "number") continue;
    constants++;
    assert.equal(rows.find((row) => row.name === `ERR_${name}` || row.name === name)?.number, number, name);
  }
  console.log(`codes ${rows.length} constants ${constants}`);
  assert.ok(constants > 10);
});

test("a number that is not listed keeps its number", () => {
  assert.equal(codes.nameOf(70_000), "ERR_70000");
  assert.equal(codes.nameOf(2), "ERR_2");
  assert.equal(codes.numberOf("ERR_NEVER_HEARD_OF"), -1);
});
