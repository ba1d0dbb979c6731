/**
 * A schematic: what a user wants changed in an image. Decoding is strict and its refusals are worded as clients know them
 * (factory.md 2.1, 2.2); the id is the digest of the canonical text (`schematic-emit.ts`).
 */
import { BOOTLOADERS, type BootloaderKind } from "./bootloader.ts";
import { TalosError } from "./errors.ts";
import type { MetaValue } from "./meta.ts";
import { decodeAs, FieldDecoder } from "./yaml-decode.ts";
import { readYaml, type YamlNode } from "./yaml-read.ts";
import type { YamlMap } from "./yaml-value.ts";

/** Empty strings, lists and false mean "not set" everywhere. */
export interface Schematic {
  readonly owner: string;
  readonly overlay: {
    readonly image: string;
    readonly name: string;
    /** Keys are strings, in canonical order. */
    readonly options: YamlMap;
  };
  readonly customization: {
    readonly embeddedMachineConfiguration: string;
    readonly extraKernelArgs: readonly string[];
    readonly meta: readonly MetaValue[];
    readonly systemExtensions: { readonly officialExtensions: readonly string[] };
    readonly bootloader: BootloaderKind;
    readonly secureboot: {
      /** Checked only when a SecureBoot asset is built. */
      readonly enrollKeys: string;
      readonly includeWellKnownCertificates: boolean;
    };
    readonly diskImage: {
      /** Bytes, any unsigned 64-bit number; 0 when not set. */
      readonly sectorSize: bigint;
    };
  };
}

/** The schematic that changes nothing. */
export const EMPTY_SCHEMATIC: Schematic = {
  owner: "",
  overlay: { image: "", name: "", options: { $case: "map", entries: [] } },
  customization: {
    embeddedMachineConfiguration: "",
    extraKernelArgs: [],
    meta: [],
    systemExtensions: { officialExtensions: [] },
    bootloader: "none",
    secureboot: { enrollKeys: "", includeWellKnownCertificates: false },
    diskImage: { sectorSize: 0n },
  },
};

/**
 * Reads a schematic from YAML or JSON. The caller bounds its size. Throws `schematic_invalid`: `EOF` for an empty text,
 * otherwise `yaml: ` and the reason, with all faults of structure in one message.
 */
export function parseSchematic(input: Uint8Array | string): Schematic {
  return decodeAs("schematic_invalid", () => {
    const root = readYaml(input);
    if (!root) throw new TalosError("schematic_invalid", "EOF");
    const decoder = new FieldDecoder(true);
    const schematic = decodeSchematic(decoder, root);
    decoder.finish();
    return schematic;
  });
}

const MAX_UINT64 = 2n ** 64n - 1n;

function decodeSchematic(decoder: FieldDecoder, node: YamlNode): Schematic {
  const top = decoder.fields(node, "schematic.Schematic", ["owner", "overlay", "customization"]);
  const overlay = decoder.fields(top.overlay, "schematic.Overlay", ["image", "name", "options"]);
  return {
    owner: decoder.string(top.owner),
    overlay: {
      image: decoder.string(overlay.image),
      name: decoder.string(overlay.name),
      options: decoder.options(overlay.options),
    },
    customization: decodeCustomization(decoder, top.customization),
  };
}

function decodeCustomization(decoder: FieldDecoder, node: YamlNode | undefined): Schematic["customization"] {
  const fields = decoder.fields(node, "schematic.Customization", [
    "embeddedMachineConfiguration",
    "extraKernelArgs",
    "meta",
    "systemExtensions",
    "bootloader",
    "secureboot",
    "diskImage",
  ]);
  const extensions = decoder.fields(fields.systemExtensions, "schematic.SystemExtensions", ["officialExtensions"]);
  const secureboot = decoder.fields(fields.secureboot, "schematic.SecureBootCustomization", [
    "enrollKeys",
    "includeWellKnownCertificates",
  ]);
  const diskImage = decoder.fields(fields.diskImage, "schematic.DiskImageCustomization", ["sectorSize"]);
  return {
    embeddedMachineConfiguration: decoder.string(fields.embeddedMachineConfiguration),
    extraKernelArgs: decoder.strings(fields.extraKernelArgs),
    meta: decoder.list(fields.meta, "[]schematic.MetaValue").map((item) => decodeMetaValue(decoder, item)),
    systemExtensions: { officialExtensions: decoder.strings(extensions.officialExtensions) },
    bootloader: decoder.enumeration(fields.bootloader, "imageropts.BootloaderKind", BOOTLOADERS),
    secureboot: {
      enrollKeys: decoder.string(secureboot.enrollKeys),
      includeWellKnownCertificates: decoder.bool(secureboot.includeWellKnownCertificates),
    },
    diskImage: { sectorSize: decoder.uint(diskImage.sectorSize, "uint", MAX_UINT64) },
  };
}

function decodeMetaValue(decoder: FieldDecoder, node: YamlNode): MetaValue {
  const fields = decoder.fields(node, "schematic.MetaValue", ["key", "value"]);
  return { key: Number(decoder.uint(fields.key, "uint8", 255n)), value: decoder.string(fields.value) };
}
