import assert from "node:assert/strict";
import { test } from "node:test";
import { difference, Refusal, same } from "./diff.ts";

test("what counts as the same", () => {
  assert.ok(same({ a: 1, b: undefined }, { a: 1 }));
  assert.ok(same([{ a: [1, "x", null] }], [{ a: [1, "x", null] }]));
  assert.ok(same(new Uint8Array([1, 2]), Buffer.from([1, 2])));
  assert.ok(same(new Refusal("one"), new Refusal("another")));
  assert.ok(same(new Refusal("one", "4xx"), new Refusal("another")));
  const unlike: readonly (readonly [unknown, unknown])[] = [
    [new Refusal("x", "4xx"), new Refusal("x", "5xx")],
    [new Refusal("x"), "x"],
    [null, {}],
    [[], {}],
    [[1], [1, 2]],
    [0, "0"],
    [{ a: null }, {}],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), [1]],
  ];
  for (const [a, b] of unlike) assert.ok(!same(a, b) && !same(b, a));
});

test("texts are compared line by line, long ones without lines word by word", () => {
  assert.equal(difference("a\n", "a\n"), undefined);
  assert.deepEqual(difference({ text: "one\ntwo\nthree\n" }, { text: "one\n2\nthree\n" }), [
    "  text: |",
    "    one\\n",
    "-   two\\n",
    "+   2\\n",
    "    three\\n",
  ]);
  const words = Array.from({ length: 40 }, (_, i) => `word=${i}`);
  const changed = words.with(20, "other");
  assert.deepEqual(difference(words.join(" "), changed.join(" ")), [
    "    word=18 ",
    "    word=19 ",
    "-   word=20 ",
    "+   other ",
    "    word=21 ",
    "    word=22 ",
  ]);
});

test("bytes are compared as a hex dump, and only where they differ", () => {
  const bytes = new Uint8Array(1024 * 1024);
  assert.deepEqual(difference({ bytes }, { bytes: bytes.with(0x8_0001, 0xff) }), [
    "    0007ffe0  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    "    0007fff0  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    "-   00080000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    "+   00080000  00 ff 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    "    00080010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    "    00080020  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
  ]);
});

test("a long difference is cut", () => {
  const lines = difference(
    Array.from({ length: 5000 }, (_, i) => i),
    Array.from({ length: 5000 }, (_, i) => -1 - i),
  )!;
  assert.ok(lines.length < 30);
  assert.match(lines.at(-1)!, /more lines/);
});

test("an empty value against none is still a difference that shows", () => {
  assert.deepEqual(difference("", undefined), ['- ""', "+ undefined"]);
  assert.deepEqual(difference({ a: [] }, { a: {} }), ["- a: []", "+ a: {}"]);
});
