import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/bytes/text.ts";
import { installRequest, type OverlayOptions, optionsRequest, parseOverlayOptions } from "../../src/talos/overlay.ts";
import { yaml } from "../../src/talos/yaml-value.ts";

const NOTHING: OverlayOptions = { name: "", kernelArgs: [], partitionOptions: { offset: 0n } };

const ANSWERS: readonly (readonly [string, Partial<OverlayOptions>])[] = [
  ["", {}],
  ["name: mini", { name: "mini" }],
  ["name: a\nkernelArgs:\n  - console=tty0\n  - b c\nlater: [1]", { name: "a", kernelArgs: ["console=tty0", "b c"] }],
  ["partitionOptions: {offset: 20480}", { partitionOptions: { offset: 20480n } }],
  ["partitionOptions: {}\nkernelArgs: null", {}],
];

test("what get-options prints (outputs.md 6.2)", () => {
  for (const [text, expected] of ANSWERS)
    assert.deepEqual(parseOverlayOptions(utf8(text)), { ...NOTHING, ...expected });
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["name: [unclosed\n", /yaml/],
  ["just a text", /cannot construct/],
  ["kernelArgs: {a: b}", /cannot construct/],
  ["partitionOptions: {offset: -1}", /cannot construct/],
  ['kernelArgs: ["a\\0b"]', /kernelArgs: "a\\u0000b" has a NUL character/],
];

test("what is no answer", () => {
  for (const [text, message] of REFUSED) {
    assert.throws(() => parseOverlayOptions(utf8(text)), { code: "overlay_invalid", message }, text);
  }
});

test("what executables are given", () => {
  const options = yaml.map([
    ["board", yaml.string("b1")],
    ["configTxt", yaml.string("a\nb\n")],
  ]);
  const paths = { installDisk: "/w/disk.raw", mountPrefix: "/w/image", artifactsPath: "/w/overlay/artifacts" };
  const written = "installDisk: /w/disk.raw\nmountPrefix: /w/image\nartifactsPath: /w/overlay/artifacts\n";
  assert.equal(optionsRequest(yaml.map([])), "{}\n");
  assert.equal(optionsRequest(options), "board: b1\nconfigTxt: |\n    a\n    b\n");
  assert.equal(installRequest(paths, yaml.map([])), written);
  assert.equal(
    installRequest(paths, options),
    `${written}extraOptions:\n    board: b1\n    configTxt: |\n        a\n        b\n`,
  );
});
