import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TalosError } from "../../src/talos/errors.ts";
import { parseProfile } from "../../src/talos/profile-yaml.ts";

const HOSTILE: readonly (readonly [text: string | Uint8Array, reason: RegExp])[] = [
  ["", /^EOF$/],
  ["# nothing\n", /^EOF$/],
  ["[]", /cannot construct !!seq into profile\.Profile/],
  ["arch: [", /^yaml: line \d: /],
  ["arch: a\narch: b\n", /mapping key "arch" already defined at line 1/],
  ["arch: {a: 1}", /cannot construct !!map into string/],
  ["secureboot: 'true'", /into bool/],
  ["secureboot: 1", /into bool/],
  ["overlay: x", /into profile\.OverlayOptions/],
  ["overlay: {options: [1]}", /into map\[string\]interface \{\}/],
  ["customization: {extraKernelArgs: a}", /into \[\]string/],
  ["customization: {metaContents: [10=x]}", /`10=x` into meta\.Value/],
  ["customization: {metaContents: [{key: 256}]}", /into uint8/],
  ["customization: {metaContents: [{key: '10'}]}", /into uint8/],
  ["output: {kind: ''}", / does not belong to OutputKind values/],
  ["output: {kind: 1}", /1 does not belong to OutputKind values/],
  ["output: {kind: [iso]}", /cannot construct !!seq into profile\.OutputKind \(TextUnmarshaler\)/],
  ["output: {outFormat: zst}", /zst does not belong to OutFormat values/],
  ["output: {imageOptions: {bootloader: auto}}", /auto does not belong to BootloaderKind values/],
  ["output: {imageOptions: {diskSize: 1GiB}}", /into int64/],
  ["output: {imageOptions: {diskSize: 1.5}}", /into int64/],
  ["output: {imageOptions: {diskSize: 9223372036854775808}}", /into int64/],
  ["output: {imageOptions: {diskSectorSize: -1}}", /into uint/],
  ["output: {imageOptions: {diskSectorSize: 18446744073709551616}}", /into uint/],
  [Uint8Array.of(0x61, 0x3a, 0x20, 0xff), /UTF-8/],
  [`overlay: {options: ${"[".repeat(5000)}`, /max depth/],
];

test("hostile profiles are refused with a reason", () => {
  for (const [text, message] of HOSTILE) {
    assert.throws(() => parseProfile(text), { code: "profile_invalid", message }, String(text).slice(0, 80));
  }
});

test("all faults of structure are told at once", () => {
  const text = "secureboot: 1\noutput:\n  kind: x\n  imageOptions: {diskSize: a}\n";
  assert.throws(() => parseProfile(text), { message: /line 1: .*; line 3: .*; line 4: / });
});

test("any text is a profile or refused as one", () => {
  const value = fc.oneof({ depthSize: "small" }, fc.jsonValue(), fc.string());
  const names = fc.constantFrom("arch", "secureboot", "overlay", "input", "output", "customization");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.dictionary(names, value).map((made) => JSON.stringify(made)),
      ),
      (text) => {
        try {
          parseProfile(text);
        } catch (error) {
          assert.ok(error instanceof TalosError && error.code === "profile_invalid", String(error));
        }
      },
    ),
  );
});
