import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { TalosError } from "../../src/talos/errors.ts";
import { parseManifest } from "../../src/talos/extensions.ts";
import { decodeMeta, parseMeta } from "../../src/talos/meta.ts";
import { parseSchematic } from "../../src/talos/schematic.ts";
import { parseTolerant, parseVersion } from "../../src/talos/version.ts";

/** Each row of anchors stands for ten times the one before it. */
const BOMB = [
  "overlay:",
  "  options:",
  "    a0: &a0 [x,x,x,x,x,x,x,x,x,x]",
  ...Array.from({ length: 8 }, (_, i) => `    a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(",")}]`),
].join("\n");
/** Each anchor hangs the one before it a level deeper, so a flat text means a deep tree. */
const LADDER = [
  "overlay:",
  "  options:",
  "    a0: &a0 [x]",
  ...Array.from({ length: 500 }, (_, i) => `    a${i + 1}: &a${i + 1} [*a${i}]`),
].join("\n");

const HOSTILE: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ["aliases that multiply", BOMB, /excessive aliasing/],
  ["aliases that stack", LADDER, /max depth/],
  ["an anchor below itself", "overlay:\n  options: &o\n    self: *o\n", /contains itself/],
  ["deep flow", `owner: ${"[".repeat(50_000)}`, /max depth/],
  ["deep block", "- ".repeat(50_000), /max depth/],
  ["deep maps", "{a: ".repeat(50_000), /max depth/],
  ["no UTF-8", Uint8Array.of(0x6f, 0xff, 0xfe), /invalid UTF-8/],
  ["NUL", "owner: a\0", /control characters/],
  ["halves of a rune", '{"owner": "\\ud83d\\ude00"}', /invalid Unicode character escape code/],
  ["half a rune", 'owner: "\\U0000D800"', /invalid Unicode character escape code/],
  ["merge of a scalar", "<<: 1\n", /map merge requires/],
  ["a list as key", "[a]: x\n", /cannot construct !!seq into string/],
  ["bytes as text", "owner: !!binary /w==\n", /not UTF-8/],
  ["bad base64", "owner: !!binary '*'\n", /invalid base64/],
  ["a tag that does not fit", "owner: !!int x\n", /as a !!int/],
  ["an unclosed quote", 'owner: "x', /line 1/],
  ["a directive nobody knows", "%FOO bar\n---\n{}\n", /unknown directive/],
];

test("hostile schematics are refused with a reason", () => {
  for (const [name, input, reason] of HOSTILE) {
    assert.throws(() => parseSchematic(input), { code: "schematic_invalid", message: reason }, name);
  }
});

test("names of object members are names like others", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.throws(() => parseSchematic(`${name}: {}`), { message: new RegExp(`field ${name} not found`) });
  }
  const { options } = parseSchematic('{"overlay":{"options":{"__proto__":{"a":1}}}}').overlay;
  assert.equal(options.entries.length, 1);
});

test("faults are listed up to a limit", () => {
  const many = Array.from({ length: 5000 }, (_, i) => `f${i}: 1`).join("\n");
  assert.throws(
    () => parseSchematic(many),
    (error: Error) => error.message.split("; ").length === 100,
  );
  assert.throws(
    () => parseSchematic("a: 1\n".repeat(5000)),
    (error: Error) => error.message.split("; ").length === 100,
  );
});

test("whatever comes in, what comes out is a value or a coded refusal", () => {
  const input = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom("a", ":", " ", "\n", "-", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", '"', "#"),
    }),
  );
  for (const read of [parseSchematic, parseManifest, parseVersion, parseTolerant, parseMeta, decodeMeta]) {
    fc.assert(
      fc.property(input, (text) => {
        try {
          read(text);
        } catch (error) {
          assert.ok(error instanceof TalosError, String(error));
        }
      }),
      { numRuns: 300 },
    );
  }
});

test("META flags that are none", () => {
  for (const text of ["", "10", "=x", "256=x", "-1=x", " 10=x", "0x=x", "0x1g=x", "1__0=x", "08=x", "_1=x"]) {
    assert.throws(() => parseMeta(text), { code: "meta_invalid" }, text);
  }
  assert.deepEqual(parseMeta("010=a=b"), { key: 8, value: "a=b" });
  assert.deepEqual(parseMeta("0b1_1="), { key: 3, value: "" });
});

test("META lists do not unpack without bound", () => {
  const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024, "0xa=x;")).toString("base64");
  assert.throws(() => decodeMeta(bomb), { code: "meta_invalid" });
});
