import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_PROFILE, mergeProfiles } from "../../src/talos/profile-model.ts";
import { parseProfile } from "../../src/talos/profile-yaml.ts";

/** Left, right and what becomes of them (imager.md 1.9); all three are fields of a profile. */
const MERGED: readonly (readonly [left: string, right: string, merged: string])[] = [
  ["arch: a, name: n", "arch: b, name: ''", "arch: b, name: n"],
  ["secureboot: true", "secureboot: false", "secureboot: false"],
  ["secureboot: true", "secureboot: null", "secureboot: true"],
  [
    "input: {baseInstaller: {imageRef: x, forceInsecure: true}}",
    "arch: b",
    "input: {baseInstaller: {imageRef: x}}, arch: b",
  ],
  [
    "input: {secureboot: {includeWellKnownCerts: true, pcrSigner: {keyPath: a, awsRegion: r}}}",
    "input: {secureboot: {pcrSigner: {keyPath: b}}}",
    "input: {secureboot: {pcrSigner: {keyPath: b, awsRegion: r}}}",
  ],
  ["input: {secureboot: {includeWellKnownCerts: true}}", "", "input: {secureboot: {includeWellKnownCerts: true}}"],
  ["", "input: {secureboot: {includeWellKnownCerts: true}}", "input: {secureboot: {includeWellKnownCerts: true}}"],
  [
    "output: {kind: iso, isoOptions: {sdBootEnrollKeys: force, bootloader: grub}}",
    "output: {kind: unknown, isoOptions: {sdBootEnrollKeys: if-safe, bootloader: none}}",
    "output: {kind: iso, isoOptions: {sdBootEnrollKeys: force, bootloader: grub}}",
  ],
  [
    "output: {imageOptions: {diskSize: 5, diskFormat: raw, diskSectorSize: 512}}",
    "output: {imageOptions: {diskSize: 0, diskFormat: ova, diskSectorSize: 4096}}",
    "output: {imageOptions: {diskSize: 5, diskFormat: ova, diskSectorSize: 4096}}",
  ],
  [
    "customization: {extraKernelArgs: [a, b], metaContents: [{key: 1, value: x}]}",
    "customization: {extraKernelArgs: [b], metaContents: [{key: 1, value: y}]}",
    "customization: {extraKernelArgs: [a, b, b], metaContents: [{key: 1, value: x}, {key: 1, value: y}]}",
  ],
  [
    "overlay: {name: a, options: {x: 1}}",
    "overlay: {image: {imageRef: i}}",
    "overlay: {name: a, image: {imageRef: i}, options: {x: 1}}",
  ],
  [
    "overlay: {options: {a: 1, b: x, c: true}}",
    "overlay: {options: {a: 0, b: '', c: false}}",
    "overlay: {options: {a: 1, b: x, c: false}}",
  ],
  [
    "overlay: {options: {a: [1], b: {x: [1], y: 2.5}}}",
    "overlay: {options: {a: [y], b: {x: [2], y: 0.0, z: ~}}}",
    "overlay: {options: {a: [1, y], b: {x: [1, 2], y: 2.5, z: ~}}}",
  ],
  [
    "overlay: {options: {a: ~, c10: 1}}",
    "overlay: {options: {a: {}, c2: 2}}",
    "overlay: {options: {a: {}, c2: 2, c10: 1}}",
  ],
  ["overlay: {options: {a: {1: x}}}", "overlay: {options: {a: {1: y, 2: z}}}", "overlay: {options: {a: {1: y, 2: z}}}"],
  [
    "overlay: {options: {a: {b: {1: x}}}}",
    "overlay: {options: {a: {c: 1}}}",
    "overlay: {options: {a: {b: {1: x}, c: 1}}}",
  ],
];

test("what the right profile says goes over the left one", () => {
  for (const [left, right, merged] of MERGED) {
    const [base, over, expected] = [left, right, merged].map((fields) => parseProfile(`{${fields}}`));
    assert.deepEqual(mergeProfiles(base!, over!), expected, `${left} + ${right}`);
    assert.deepEqual(mergeProfiles(EMPTY_PROFILE, base!), base, left);
  }
});

/** Options that are set on both sides and do not go together. */
const CONFLICTS: readonly (readonly [left: string, right: string])[] = [
  ["1", "x"],
  ["1", "1.5"],
  ["1", "18446744073709551615"],
  ["[1]", "1"],
  ["{a: 1}", "{1: 1}"],
  ["{}", "{1: 1}"],
  ["{a: {b: 1}}", "{a: {b: x}}"],
  ["x", "null"],
  ["2020-01-01", "2020-01-02"],
];

test("options of different types do not merge", () => {
  for (const [left, right] of CONFLICTS) {
    const [base, over] = [left, right].map((value) => parseProfile(`overlay: {options: {key: ${value}}}`));
    const refused = { code: "profile_invalid", message: /^overlay\.options: merge map key "(key|a|b)": / };
    assert.throws(() => mergeProfiles(base!, over!), refused, `${left} + ${right}`);
  }
});
