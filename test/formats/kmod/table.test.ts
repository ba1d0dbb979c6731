import assert from "node:assert/strict";
import { test } from "node:test";
import { superFastHash, tableOrder } from "../../../src/formats/kmod/table.ts";

// The order kmod 30 wrote the symbols of one module in: `depmod` on a module that exports all of them, modules.symbols.
const SYMBOLS = "abcd abc ab abcde a".split(" ");

test("the hash of every length of rest, bytes above 127 signed", () => {
  const vectors: readonly (readonly [string, number])[] = [
    ["", 0x00000000],
    ["a", 0x115ea782],
    ["ab", 0x516b8b44],
    ["abc", 0xd2be198a],
    ["abcd", 0xdad8b8db],
    ["abcde", 0x51ed072e],
    ["__this_module", 0xe5771e51],
    ["nf_conntrack_register_notifier", 0x87210d87],
    ["\u00e9", 0x69ea06c0],
    ["ab\u00ff", 0xc25f0954],
    ["abcdef\u00e9", 0xc550091b],
  ];
  for (const [name, hash] of vectors) assert.equal(superFastHash(name), hash, JSON.stringify(name));
});

test("names stand in table order however they come", () => {
  assert.deepEqual(tableOrder(SYMBOLS.toSorted(), 2048), SYMBOLS);
  assert.deepEqual(tableOrder(SYMBOLS.toReversed(), 2048), SYMBOLS);
});

test("names in one bucket are sorted", () => {
  assert.deepEqual(tableOrder(["b", "c", "a"], 1), ["a", "b", "c"]);
});
