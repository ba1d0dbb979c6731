import assert from "node:assert/strict";
import { test } from "node:test";
import { type EnhanceContext, enhanceProfile, type OverlayOffer } from "../../src/talos/enhance.ts";
import type { ContainerAsset, Profile } from "../../src/talos/profile.ts";
import { CONTAINER_ASSET, SECUREBOOT_ASSETS } from "../../src/talos/profile-model.ts";
import { profileFromPath } from "../../src/talos/profile-names.ts";
import { emitProfile } from "../../src/talos/profile-yaml.ts";
import { quirks } from "../../src/talos/quirks.ts";
import { EMPTY_SCHEMATIC, parseSchematic, type Schematic } from "../../src/talos/schematic.ts";
import { schematicId } from "../../src/talos/schematic-emit.ts";
import { parseVersion, type TalosVersion } from "../../src/talos/version.ts";
import { loadVectors } from "./vectors.ts";

interface Row {
  readonly schematic: string;
  readonly path: string;
  readonly version: string;
  /** False: the factory signs nothing. */
  readonly secureboot?: false;
  /** False: the extensions of the version still have their old names. */
  readonly renamed?: false;
  readonly profile?: string;
  readonly error?: string;
}

const OLD_NAMES = ["gvisor", "i915-ucode", "v4l-uvc", "xe-guest-utilities"];
const NEW_NAMES = [
  ...["gvisor", "amd-ucode", "intel-ucode", "v4l-uvc-drivers", "usb-modem-drivers", "gasket-driver"],
  ...["vmtoolsd-guest-agent", "xen-guest-agent", "nvidia-container-toolkit-lts", "nvidia-open-gpu-kernel-modules-lts"],
  ...["nonfree-kmod-nvidia-lts", "nvidia-fabric-manager-lts", "i915", "amdgpu"],
];

const OVERLAYS: readonly OverlayOffer[] = [
  {
    name: "rpi_generic",
    image: "siderolabs/sbc-raspberrypi",
    profile:
      "{arch: arm64, platform: metal, secureboot: false, output: {kind: image, outFormat: .xz, " +
      "imageOptions: {diskSize: 1306525696, diskFormat: raw, bootloader: grub}}}",
  },
  {
    name: "rock5b",
    image: "siderolabs/sbc-rockchip",
    profile:
      "{arch: arm64, output: {kind: image, outFormat: raw, imageOptions: {diskSize: 1306525696, diskFormat: raw}}}",
  },
  {
    name: "custom_board",
    image: "acme/sbc-custom",
    profile:
      "{arch: arm64, secureboot: true, version: v0.0.1, input: {kernel: {path: /ignored}}, " +
      "customization: {extraKernelArgs: [overlay.arg=1], metaContents: [{key: 12, value: fromoverlay}]}, " +
      "overlay: {name: ignored, image: {imageRef: ignored}}, output: {kind: installer, outFormat: .zst, imageOptions: " +
      "{diskSize: 99, diskFormat: qcow2, diskFormatOptions: x=y, diskSectorSize: 4096, bootloader: sd-boot}}}",
  },
  { name: "bare", image: "acme/bare", profile: "# nothing\n" },
  { name: "lost", image: "acme/lost", profile: undefined },
  { name: "broken", image: "acme/broken", profile: "arch: [" },
];

const KEYS = {
  ...SECUREBOOT_ASSETS.zero,
  secureBootSigner: {
    ...SECUREBOOT_ASSETS.zero.secureBootSigner,
    keyPath: "keys/uki-signing-key.pem",
    certPath: "keys/uki-signing-cert.pem",
  },
  pcrSigner: { ...SECUREBOOT_ASSETS.zero.pcrSigner, keyPath: "keys/pcr-signing-key.pem" },
};

function asset(fields: Partial<ContainerAsset>): ContainerAsset {
  return { ...CONTAINER_ASSET.zero, ...fields };
}

function contextOf(schematic: Schematic, version: TalosVersion, row: Partial<Row> = {}): EnhanceContext {
  const { supportsOverlay, supportsUnifiedInstaller } = quirks(version);
  const installer = supportsUnifiedInstaller ? "installer-base" : "installer";
  return {
    secureboot: row.secureboot === false ? undefined : KEYS,
    extensions: (row.renamed === false ? OLD_NAMES : NEW_NAMES).map((name) => `siderolabs/${name}`),
    overlays: OVERLAYS,
    hostArch: "amd64",
    locations: {
      baseInstaller: (arch) =>
        asset({ imageRef: `siderolabs/${installer}:${version.tag}`, ociPath: `installer/${arch}/${version.tag}` }),
      extension: (name, arch) => asset({ ociPath: `extension/${arch}/${name}` }),
      schematicExtension: () => asset({ tarballPath: `schematics/${schematicId(schematic)}-${supportsOverlay}.tar` }),
      overlay: ({ image }, arch) => asset({ ociPath: `overlay/${arch}/${image}` }),
    },
  };
}

function enhanced(row: Row): Profile {
  const schematic = parseSchematic(row.schematic);
  const version = parseVersion(row.version);
  return enhanceProfile(profileFromPath(row.path), schematic, version, contextOf(schematic, version, row));
}

test("schematic, path and version make the reference's profile", () => {
  for (const row of loadVectors<Row>("enhance")) {
    const what = `${row.path} ${row.version} ${row.schematic}`;
    if (row.error !== undefined) assert.throws(() => enhanced(row), { message: row.error }, what);
    else assert.equal(emitProfile(enhanced(row)), row.profile, what);
  }
});

const REFUSED: readonly (readonly [path: string, version: string, customization: string, code: string])[] = [
  ["metal-amd64.iso", "v1.11.5", "embeddedMachineConfiguration: x", "profile_unsupported"],
  ["metal-amd64-secureboot.iso", "v1.12.0", "secureboot: {enrollKeys: maybe}", "profile_invalid"],
  ["metal-amd64.iso", "v1.12.0", "systemExtensions: {officialExtensions: [siderolabs/none]}", "extension_unavailable"],
];

test("refusals are coded", () => {
  for (const [path, version, customization, code] of REFUSED) {
    const schematic = `customization: {${customization}}`;
    assert.throws(() => enhanced({ schematic, path, version }), { code }, customization);
  }
  const overlay = (name: string, path = "metal-arm64.raw", version = "v1.12.0"): Row => {
    return { schematic: `overlay: {name: ${name}}`, path, version };
  };
  assert.throws(() => enhanced(overlay("none")), { code: "overlay_unavailable" });
  assert.throws(() => enhanced(overlay("bare", "kernel-arm64", "v1.6.7")), { code: "profile_unsupported" });
  assert.throws(() => enhanced(overlay("lost")), { code: "overlay_invalid", message: /no such file/ });
  assert.throws(() => enhanced(overlay("broken")), { code: "overlay_invalid", message: /yaml: line \d: / });
  const secureboot: Row = {
    schematic: "{}",
    path: "metal-amd64-secureboot.iso",
    version: "v1.12.0",
    secureboot: false,
  };
  assert.throws(() => enhanced(secureboot), { code: "profile_unsupported", message: "secure boot is disabled" });
});

test("of several faults the reference's first is told", () => {
  const customization = "embeddedMachineConfiguration: x, secureboot: {enrollKeys: maybe}";
  const schematic = `{overlay: {name: none}, customization: {${customization}}}`;
  const fault = (version: string, secureboot?: false): Row => {
    return { schematic, path: "metal-amd64-secureboot.iso", version, ...(secureboot === false ? { secureboot } : {}) };
  };
  assert.throws(() => enhanced(fault("v1.6.7", false)), { message: /^embedding configuration/ });
  assert.throws(() => enhanced(fault("v1.12.0", false)), { message: /^secure boot is disabled/ });
  assert.throws(() => enhanced(fault("v1.12.0")), { message: /^invalid secureboot enrollKeys/ });
});

test("an overlay with an empty profile changes nothing else", () => {
  const { overlay, output } = enhanced({
    schematic: "overlay: {name: bare}",
    path: "metal-arm64.raw",
    version: "v1.12.0",
  });
  assert.equal(overlay?.image.ociPath, "overlay/amd64/acme/bare");
  assert.deepEqual(output, profileFromPath("metal-arm64.raw").output);
});

test("sector sizes keep all 64 bits", () => {
  const diskImage = "diskImage: {sectorSize: 18446744073709551615}";
  const row: Row = { schematic: `customization: {${diskImage}}`, path: "metal-amd64.raw", version: "v1.12.0" };
  assert.match(emitProfile(enhanced(row)), /diskSectorSize: 18446744073709551615\n/);
});

test("the factory's own choice of well-known certificates stands", () => {
  const version = parseVersion("v1.12.0");
  const context = contextOf(EMPTY_SCHEMATIC, version);
  const withCerts = { ...context, secureboot: { ...KEYS, includeWellKnownCerts: true } };
  const profile = enhanceProfile(profileFromPath("metal-amd64-secureboot.iso"), EMPTY_SCHEMATIC, version, withCerts);
  assert.equal(profile.input.secureboot?.includeWellKnownCerts, true);
});
