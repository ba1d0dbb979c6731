import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type CmdlineInput, kernelCmdline } from "../../src/talos/cmdline.ts";
import { checkConstraint } from "../../src/talos/constraint.ts";
import { TalosError } from "../../src/talos/errors.ts";
import { parseManifest } from "../../src/talos/extensions.ts";
import { decodeMeta, parseMeta } from "../../src/talos/meta.ts";
import { profileFromPath } from "../../src/talos/profile-names.ts";
import { emitProfile, parseProfile } from "../../src/talos/profile-yaml.ts";
import { parseSchematic } from "../../src/talos/schematic.ts";
import { emitSchematic } from "../../src/talos/schematic-emit.ts";
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
  ["no UTF-8", Uint8Array.of(0x6f, 0x0a, 0xff, 0xfe), /line 2: invalid UTF-8/],
  ["half a UTF-16 unit", Uint8Array.of(0xff, 0xfe, 0x61), /invalid UTF-16LE/],
  ["deep flow beyond what is queued", "[".repeat(20_000), /max depth of 10000/],
  ["a list beyond what is queued", `[${"x,".repeat(400_000)}]: y`, /more than 600000 tokens/],
  ["a list of too many nodes", `owner: [${"x,".repeat(200_000)}]`, /more than 200000 nodes/],
  ["a long key that is none", `${"[x, ".repeat(90)}${"y".repeat(50_000)}`, /line \d+: did not find expected/],
  ["duplicates in what is merged", "<<: {owner: a, owner: b}\n", /"owner" already defined/],
  ["control character", "owner: \u001b[0m\n", /control characters are not allowed \(value: 27\)/],
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

/** What YAML is made of, in any order. */
const PIECES = [
  ...["a", "k: ", "- ", "? ", ": ", ",", "[", "]", "{", "}", "&a ", "*a", "!!int ", "!!binary ", "!x ", "! ", "<<: "],
  ...["|\n", ">2-\n", "'", '"', "\\", "\\u00", "#", " # c\n", "\n", "\n  ", "\t", " ", "---\n", "...\n", "%TAG ! x\n"],
  ...["1", "0x", "~", "2001-01-01", ".", "é", "😀", "\u2028", "\ufeff", "\0"],
];
const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join(""));
const hostileText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  soup,
  // So far in that the value of a field is read.
  fc
    .constantFrom(
      "overlay: {options: {k: ",
      "overlay:\n  options:\n    k: ",
      "customization:\n  extraKernelArgs:\n  - ",
    )
    .chain((head) => soup.map((rest) => head + rest)),
);
const METAL: CmdlineInput = {
  platform: "metal",
  arch: "amd64",
  version: undefined,
  kind: "iso",
  secureboot: false,
  extraKernelArgs: [],
  meta: [],
};
const READERS: readonly ((text: string) => unknown)[] = [
  (text) => emitSchematic(parseSchematic(text)),
  (text) => emitProfile(parseProfile(text)),
  parseManifest,
  parseVersion,
  parseTolerant,
  parseMeta,
  decodeMeta,
  profileFromPath,
  (text) => checkConstraint(text, undefined),
  (text) => kernelCmdline({ ...METAL, extraKernelArgs: [text] }),
];

test("whatever comes in, what comes out is a value or a coded refusal", () => {
  for (const read of READERS) {
    fc.assert(
      fc.property(hostileText, (text) => {
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

test("kernel arguments: white space of any kind separates, NUL is refused", () => {
  const line = (...extraKernelArgs: readonly string[]) => kernelCmdline({ ...METAL, extraKernelArgs });
  assert.ok(line("a\nb\tc", " d\u00a0e\r\n").endsWith(" a b c d e"));
  assert.throws(() => line("x", "a=b\0c"), {
    code: "profile_invalid",
    message: /^extraKernelArgs: "a=b\\u0000c" has a NUL/,
  });
});

test("many keys cost no more than their number", () => {
  const words = Array.from({ length: 50_000 }, (_, i) => `k${i}=v`);
  const all = [...words, "-k7", "-k8=v", ...words.map((word) => `x${word}`)].join(" ");
  assert.equal(kernelCmdline({ ...METAL, extraKernelArgs: [all] }).split(" ").length > 99_998, true);
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
