import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MiB } from "../../src/bytes/align.ts";
import { BASE_PROFILES, baseProfile } from "../../src/talos/base-profiles.ts";
import type { BootloaderKind } from "../../src/talos/bootloader.ts";
import { PLATFORMS } from "../../src/talos/platform.ts";
import { type Profile, validateProfile } from "../../src/talos/profile.ts";
import { fillDefaults, resolveProfile } from "../../src/talos/profile-defaults.ts";
import { CONTAINER_ASSET, EMPTY_PROFILE, IMAGE_OPTIONS } from "../../src/talos/profile-model.ts";
import { assetPath, outputPath, profileFromPath } from "../../src/talos/profile-names.ts";
import { emitProfile, parseProfile } from "../../src/talos/profile-yaml.ts";
import { loadVectors } from "./vectors.ts";

const OWN_VERSION = "v1.14.0-beta.1";
const NO_FILES = { exists: () => false };
/** An overlay's own profiles; `metal` hides the built-in one. */
const OVERLAY_PROFILES = new Map([
  ["metal", parseProfile("{arch: amd64, platform: metal, secureboot: false, output: {kind: cmdline, outFormat: raw}}")],
]);

/** From the user's text to the profile that is built, in the reference's order (imager.md 0). */
function ready(text: string): Profile {
  const user = parseProfile(text);
  const context = { ownVersion: OWN_VERSION, ...(user.overlay ? { overlayProfiles: OVERLAY_PROFILES } : {}) };
  const profile = fillDefaults(resolveProfile(user, context), NO_FILES);
  validateProfile(profile);
  return profile;
}

interface Row {
  readonly profile: string;
  readonly resolved?: string;
  readonly error?: string;
}

test("profiles are resolved as the reference does it", () => {
  for (const { profile, resolved, error } of loadVectors<Row>("profiles")) {
    if (error !== undefined) assert.throws(() => ready(profile), { message: error }, profile);
    else assert.equal(emitProfile(ready(profile)), resolved, profile);
  }
});

test("each built-in profile is found by its name and cites its section", () => {
  assert.equal(BASE_PROFILES.length, 32);
  for (const { name, profile, source } of BASE_PROFILES) {
    assert.equal(baseProfile(name), profile);
    assert.ok(PLATFORMS.includes(profile.platform), name);
    assert.equal(profile.secureboot, name.startsWith("secureboot-"), name);
    assert.equal(source, "imager.md 1.7");
    const { output } = profile;
    assert.equal(output.imageOptions !== undefined, output.kind === "image", name);
    for (const arch of ["amd64", "arm64"]) {
      const text = `{baseProfileName: ${name}, arch: ${arch}, version: v1.12.0}`;
      assert.doesNotThrow(() => ready(text), text);
    }
  }
  assert.throws(() => ready("{baseProfileName: Metal, arch: amd64}"), {
    code: "profile_invalid",
    message: "unknown base profile: Metal",
  });
  assert.equal(baseProfile("constructor"), undefined);
});

test("a base's own base and a base's unnamed overlay stay as they are", () => {
  const base = parseProfile("{baseProfileName: metal, platform: aws, overlay: {}}");
  const context = { ownVersion: OWN_VERSION, overlayProfiles: new Map([["x", base]]) };
  const resolved = resolveProfile(parseProfile("baseProfileName: x"), context);
  assert.deepEqual([resolved.baseProfileName, resolved.platform, resolved.overlay?.name], ["", "aws", ""]);
  assert.equal(resolved.output.imageOptions, undefined);
});

/** Base size, version, bootloader asked for, architecture, SecureBoot, then the result in MiB (imager.md 1.5). */
const DISKS: readonly (readonly [number, string, BootloaderKind, string, boolean, BootloaderKind, number])[] = [
  [1246, "v1.9.0", "none", "amd64", false, "grub", 1246],
  [1246, "v1.9.0", "none", "amd64", true, "sd-boot", 1246],
  [1246, "v1.9.0", "dual-boot", "amd64", false, "dual-boot", 2247],
  [1246, "v1.10.0", "none", "amd64", false, "dual-boot", 2247],
  [1246, "v1.10.0", "none", "arm64", false, "sd-boot", 1246],
  [1246, "v1.11.0", "none", "amd64", false, "dual-boot", 4247],
  [1246, "1.11", "grub", "amd64", false, "grub", 2246],
  [1246, "v1.11.0", "grub", "amd64", true, "sd-boot", 2246],
  [8192, "v1.12.0", "none", "amd64", false, "dual-boot", 11193],
  [8192, "latest", "none", "amd64", false, "grub", 9192],
  [8192, "latest", "none", "arm64", false, "grub", 9192],
  [0, "v1.11.0", "none", "amd64", false, "dual-boot", 3001],
  [0, "v1.9.0", "none", "amd64", false, "grub", 0],
];

test("disk images grow with what their layout needs", () => {
  for (const [size, version, bootloader, arch, secureboot, ...expected] of DISKS) {
    const imageOptions = { ...IMAGE_OPTIONS.zero, diskSize: BigInt(size * MiB), bootloader };
    const output = { ...EMPTY_PROFILE.output, kind: "image", imageOptions } as const;
    const filled = fillDefaults({ ...EMPTY_PROFILE, version, arch, secureboot, output }, NO_FILES);
    const { bootloader: chosen, diskSize } = filled.output.imageOptions!;
    assert.deepEqual([chosen, Number(diskSize) / MiB], expected, `${size} ${version} ${bootloader} ${arch}`);
    const again = fillDefaults(filled, NO_FILES).output.imageOptions!;
    assert.equal(again.diskSize - diskSize, diskSize - imageOptions.diskSize, "each filling adds the same");
  }
});

test("disk sizes wrap around like 64-bit numbers", () => {
  const { output } = ready(
    "{arch: amd64, platform: metal, version: v1.12.0, output: {kind: image, imageOptions: {diskSize: 0x7fffffffffffffff}}}",
  );
  assert.equal(output.imageOptions?.diskSize, BigInt.asIntN(64, 2n ** 63n - 1n + BigInt(3001 * MiB)));
});

test("an asset with anything set gets no default", () => {
  const given = parseProfile(
    "{arch: arm64, version: '1.9', input: {baseInstaller: {forceInsecure: true}, sdBoot: {path: x}}}",
  );
  const { input } = fillDefaults(given, NO_FILES);
  assert.deepEqual(input.baseInstaller, { ...CONTAINER_ASSET.zero, forceInsecure: true });
  assert.deepEqual([input.sdBoot.path, input.sdStub.path], ["x", "/usr/install/arm64/systemd-stub.efi"]);
  const fresh = fillDefaults({ ...given, input: EMPTY_PROFILE.input }, NO_FILES).input;
  assert.equal(fresh.baseInstaller.imageRef, "ghcr.io/siderolabs/installer:1.9");
  assert.equal(fresh.secureboot, undefined);
});

test("SecureBoot databases are taken where they exist", () => {
  const given = parseProfile(
    "{secureboot: true, input: {secureboot: {keyExchangeKeyPath: mine, pcrSigner: {awsRegion: x}}}}",
  );
  const asked: string[] = [];
  const exists = (path: string): boolean => asked.push(path) > 0 && path !== "/secureboot/db.auth";
  const keys = fillDefaults(given, { exists }).input.secureboot!;
  assert.deepEqual(
    [keys.platformKeyPath, keys.keyExchangeKeyPath, keys.signatureKeyPath],
    ["/secureboot/PK.auth", "mine", ""],
  );
  assert.deepEqual(asked, ["/secureboot/PK.auth", "/secureboot/db.auth"]);
  assert.equal(keys.pcrSigner.keyPath, "");
  assert.equal(keys.secureBootSigner.certPath, "/secureboot/uki-signing-cert.pem");
});

const UNSUPPORTED = "profile_unsupported";
const INVALID = "profile_invalid";
/** What is wrong with an otherwise valid profile, and how it is refused (imager.md 1.6). */
const FAULTS: readonly (readonly [fields: string, code: string, message: RegExp])[] = [
  ["arch: x86_64", INVALID, /^invalid arch "x86_64"$/],
  ["platform: ''", INVALID, /^platform is required$/],
  ["secureboot: true, version: v1.4.8", UNSUPPORTED, /^secureboot is not supported for Talos version "v1.4.8"$/],
  ["output: {outFormat: raw}", INVALID, /^unknown output kind$/],
  ["output: {kind: iso, isoOptions: {}}", INVALID, /'none' for ISO output$/],
  ["output: {kind: image}", INVALID, /^image options are required/],
  ["output: {kind: image, imageOptions: {bootloader: grub}}", INVALID, /^disk size is required/],
  ["output: {kind: image, imageOptions: {diskSize: 1}}", INVALID, /'none' for disk image output$/],
  [
    "output: {kind: installer}, customization: {metaContents: [{key: 1}]}",
    UNSUPPORTED,
    /partition .* for installer output$/,
  ],
  ["output: {kind: kernel}, secureboot: true", UNSUPPORTED, /^secureboot is not supported for kernel output$/],
  [
    "output: {kind: initramfs}, customization: {extraKernelArgs: [a]}",
    UNSUPPORTED,
    /kernel args .* for initramfs output$/,
  ],
  [
    "output: {kind: kernel}, customization: {metaContents: [{key: 1}]}",
    UNSUPPORTED,
    /meta partition .* kernel output$/,
  ],
];

test("validation finds the first fault", () => {
  const defaults = { arch: "amd64", platform: "metal", version: "v1.12.0" };
  const given = (fields: string): Profile => {
    const profile = parseProfile(`{${fields}}`);
    const or = (value: string, name: keyof typeof defaults) => (fields.includes(`${name}:`) ? value : defaults[name]);
    const { arch, platform, version } = profile;
    const named = { arch: or(arch, "arch"), platform: or(platform, "platform"), version: or(version, "version") };
    return { ...profile, ...named };
  };
  for (const [fields, code, message] of FAULTS) {
    assert.throws(() => validateProfile(given(fields)), { code, message }, fields);
  }
  const fine = [
    "output: {kind: iso}",
    "output: {kind: iso, isoOptions: {}}, version: v1.11.0",
    "output: {kind: image, imageOptions: {diskSize: -1, bootloader: grub}}",
    "output: {kind: installer}, customization: {extraKernelArgs: [a]}",
    "output: {kind: uki}, secureboot: true, platform: toaster",
    "output: {kind: cmdline, outFormat: unknown}, version: latest",
  ];
  for (const fields of fine) assert.doesNotThrow(() => validateProfile(given(fields)), fields);
});

test("output names", () => {
  const named = (fields: string): string => outputPath(parseProfile(`{arch: arm64, platform: p, ${fields}}`));
  const names: readonly (readonly [string, string])[] = [
    ["output: {kind: iso}", "p-arm64.iso"],
    [
      "output: {kind: image, imageOptions: {diskFormat: VHD}, outFormat: .xz}, secureboot: true",
      "p-arm64-secureboot.vhd",
    ],
    ["output: {kind: image, imageOptions: {}}", "p-arm64.unknown"],
    ["output: {kind: installer}, secureboot: true", "installer-arm64-secureboot.tar"],
    ["output: {kind: kernel}, secureboot: true", "kernel-arm64"],
    ["output: {kind: initramfs}, secureboot: false", "initramfs-p-arm64.xz"],
    ["output: {kind: uki}", "p-arm64-uki.efi"],
    ["output: {kind: cmdline}, secureboot: true", "cmdline-p-arm64-secureboot"],
  ];
  for (const [fields, name] of names) assert.equal(named(fields), name);
  for (const kind of ["unknown", "image"]) {
    assert.throws(() => named(`output: {kind: ${kind}}`), { code: "profile_invalid" }, kind);
  }
});

test("download paths and profiles lead to each other", () => {
  const suffix = fc.constantFrom(".iso", "-uki.efi", ".raw", ".raw.xz", ".raw.tar.gz", ".qcow2.zst", ".vhd.gz", ".ova");
  const target = fc.record({ platform: fc.constantFrom(...PLATFORMS), arch: fc.constantFrom("amd64", "arm64") });
  const exact = fc.record({ target, secureboot: fc.constantFrom("", "-secureboot"), suffix });
  fc.assert(
    fc.property(exact, ({ target: { platform, arch }, secureboot, suffix }) => {
      const paths = [`${platform}-${arch}${secureboot}${suffix}`, `cmdline-${platform}-${arch}${secureboot}`];
      for (const path of [...paths, `kernel-${arch}`, `initramfs-${arch}.xz`, `installer-${arch}${secureboot}.tar`]) {
        assert.equal(assetPath(profileFromPath(path)), path);
      }
      const installer = `${platform}-installer-${arch}${secureboot}.tar`;
      const profile = profileFromPath(installer);
      assert.deepEqual(profileFromPath(assetPath(profile)), profile);
    }),
  );
});
