/**
 * A schematic: what a user wants changed in an image. Decoding is strict and its refusals are worded as clients know them
 * (factory.md 2.1, 2.2); the id is the digest of the canonical text (`schematic-emit.ts`).
 */
import { digestHex, sha256 } from "../bytes/digest.ts";
import { BOOTLOADERS, type BootloaderKind } from "./bootloader.ts";
import { TalosError } from "./errors.ts";
import type { MetaValue } from "./meta.ts";
import { emitSchematic } from "./schematic-emit.ts";
import {
  duplicateKeys,
  mergedEntries,
  readYaml,
  type YamlMapNode,
  type YamlNode,
  type YamlScalarNode,
  yamlError,
} from "./yaml-read.ts";
import { resolveBool } from "./yaml-scalar.ts";
import { binaryText, sortedMap, type YamlMap, type YamlValue, yamlValue } from "./yaml-value.ts";

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

/** 64 lower-case hex digits. */
export type SchematicId = string & { readonly __brand: "SchematicId" };

/** True when `text` is spelled like an id. */
export function isSchematicId(text: string): text is SchematicId {
  return /^[0-9a-f]{64}$/.test(text);
}

/** SHA-256 of the canonical text. */
export function schematicId(schematic: Schematic): SchematicId {
  return digestHex(sha256(emitSchematic(schematic))) as SchematicId;
}

/**
 * Reads a schematic from YAML or JSON. The caller bounds its size. Throws `schematic_invalid`: `EOF` for an empty text,
 * otherwise `yaml: ` and the reason, with all faults of structure in one message.
 */
export function parseSchematic(input: Uint8Array | string): Schematic {
  const root = readYaml(input);
  if (!root) throw new TalosError("schematic_invalid", "EOF");
  const decoder = new Decoder();
  const schematic = decoder.schematic(root);
  decoder.finish();
  return schematic;
}

/** Faults listed in one message. */
const MAX_FAULTS = 100;
const MAX_UINT64 = 2n ** 64n - 1n;

interface Fault {
  readonly line: number;
  readonly text: string;
}

/** Reads nodes into fields and gathers what is wrong; alive for one document. */
class Decoder {
  readonly #faults: Fault[] = [];

  /** Throws all faults at once, in the order of their lines. */
  finish(): void {
    if (this.#faults.length === 0) return;
    const sorted = this.#faults.toSorted((a, b) => a.line - b.line).slice(0, MAX_FAULTS);
    throw yamlError(`construct errors: ${sorted.map(({ text }) => text).join("; ")}`);
  }

  schematic(node: YamlNode): Schematic {
    const top = this.#fields(node, "schematic.Schematic", ["owner", "overlay", "customization"]);
    const overlay = this.#fields(top.overlay, "schematic.Overlay", ["image", "name", "options"]);
    return {
      owner: this.#string(top.owner),
      overlay: {
        image: this.#string(overlay.image),
        name: this.#string(overlay.name),
        options: this.#options(overlay.options),
      },
      customization: this.#customization(top.customization),
    };
  }

  #customization(node: YamlNode | undefined): Schematic["customization"] {
    const fields = this.#fields(node, "schematic.Customization", [
      "embeddedMachineConfiguration",
      "extraKernelArgs",
      "meta",
      "systemExtensions",
      "bootloader",
      "secureboot",
      "diskImage",
    ]);
    const extensions = this.#fields(fields.systemExtensions, "schematic.SystemExtensions", ["officialExtensions"]);
    const secureboot = this.#fields(fields.secureboot, "schematic.SecureBootCustomization", [
      "enrollKeys",
      "includeWellKnownCertificates",
    ]);
    const diskImage = this.#fields(fields.diskImage, "schematic.DiskImageCustomization", ["sectorSize"]);
    return {
      embeddedMachineConfiguration: this.#string(fields.embeddedMachineConfiguration),
      extraKernelArgs: this.#strings(fields.extraKernelArgs),
      meta: this.#list(fields.meta, "[]schematic.MetaValue").map((item) => this.#meta(item)),
      systemExtensions: { officialExtensions: this.#strings(extensions.officialExtensions) },
      bootloader: this.#bootloader(fields.bootloader),
      secureboot: {
        enrollKeys: this.#string(secureboot.enrollKeys),
        includeWellKnownCertificates: this.#bool(secureboot.includeWellKnownCertificates),
      },
      diskImage: { sectorSize: this.#uint(diskImage.sectorSize, "uint", MAX_UINT64) },
    };
  }

  #meta(node: YamlNode): MetaValue {
    const fields = this.#fields(node, "schematic.MetaValue", ["key", "value"]);
    return { key: Number(this.#uint(fields.key, "uint8", 255n)), value: this.#string(fields.value) };
  }

  #fault(node: YamlNode, text: string): void {
    this.#faults.push({ line: node.line, text: `line ${node.line}: ${text}` });
  }

  /** `cannot construct !!int `256` into uint8`; long values are cut. */
  #mismatch(node: YamlNode, type: string): void {
    const shown = node.$case !== "scalar" ? "" : node.text.length > 10 ? `${node.text.slice(0, 7)}...` : node.text;
    const what = node.$case === "scalar" ? `${node.tag} \`${shown}\`` : `!!${node.$case}`;
    this.#fault(node, `cannot construct ${what} into ${type}`);
  }

  /** The known fields of a mapping; a null key is passed over, as is a null mapping. */
  #fields<K extends string>(
    node: YamlNode | undefined,
    type: string,
    names: readonly K[],
  ): { readonly [name in K]?: YamlNode } {
    const found: { [name in K]?: YamlNode } = {};
    if (node?.$case !== "map") {
      if (node && !isNull(node)) this.#mismatch(node, type);
      return found;
    }
    if (this.#duplicates(node)) return found;
    for (const [key, value] of mergedEntries(node)) {
      const name = key.$case === "scalar" && !isNull(key) ? names.find((known) => known === key.text) : undefined;
      if (name !== undefined) found[name] = value;
      else if (key.$case !== "scalar") this.#mismatch(key, "string");
      else if (!isNull(key)) this.#fault(key, `field ${key.text} not found in type ${type}`);
    }
    return found;
  }

  #duplicates(node: YamlMapNode): boolean {
    const duplicates = duplicateKeys(node);
    for (const { line, text } of duplicates) this.#faults.push({ line, text });
    return duplicates.length > 0;
  }

  #string(node: YamlNode | undefined): string {
    if (!node || isNull(node)) return "";
    if (node.$case !== "scalar") {
      this.#mismatch(node, "string");
      return "";
    }
    if (node.tag !== "!!binary") return node.text;
    const text = binaryText(node);
    if (text === undefined) this.#fault(node, "!!binary value is not UTF-8 text");
    return text ?? "";
  }

  /** The items of a list but for nulls, which vanish. */
  #list(node: YamlNode | undefined, type: string): readonly YamlNode[] {
    if (node?.$case === "seq") return node.items.filter((item) => !isNull(item));
    if (node && !isNull(node)) this.#mismatch(node, type);
    return [];
  }

  #strings(node: YamlNode | undefined): readonly string[] {
    return this.#list(node, "[]string").map((item) => this.#string(item));
  }

  #bool(node: YamlNode | undefined): boolean {
    if (!node || isNull(node)) return false;
    if (node.$case === "scalar") {
      if (node.value.$case === "bool") return node.value.value;
      // Only a plain word is one of the YAML 1.1 bools; a quoted or tagged one is a string.
      const word = node.plain ? resolveBool(node.text) : undefined;
      if (word !== undefined) return word;
    }
    this.#mismatch(node, "bool");
    return false;
  }

  #uint(node: YamlNode | undefined, type: string, max: bigint): bigint {
    if (!node || isNull(node)) return 0n;
    const value = node.$case === "scalar" ? integral(node) : undefined;
    if (value !== undefined && value >= 0n && value <= max) return value;
    this.#mismatch(node, type);
    return 0n;
  }

  #bootloader(node: YamlNode | undefined): BootloaderKind {
    if (!node || isNull(node)) return "none";
    if (node.$case !== "scalar") {
      this.#mismatch(node, "imageropts.BootloaderKind (TextUnmarshaler)");
      return "none";
    }
    const kind = BOOTLOADERS.find((name) => name === node.text.toLowerCase());
    if (kind === undefined) this.#fault(node, `${node.text} does not belong to BootloaderKind values`);
    return kind ?? "none";
  }

  #options(node: YamlNode | undefined): YamlMap {
    if (node?.$case !== "map") {
      if (node && !isNull(node)) this.#mismatch(node, "map[string]interface {}");
      return EMPTY_SCHEMATIC.overlay.options;
    }
    if (this.#duplicates(node)) return EMPTY_SCHEMATIC.overlay.options;
    const byKey = new Map<string, YamlValue>();
    for (const [key, value] of mergedEntries(node)) {
      if (!isNull(key)) byKey.set(this.#string(key), yamlValue(value));
    }
    return sortedMap(Array.from(byKey, ([value, option]) => [{ $case: "string", value }, option]));
  }
}

function isNull(node: YamlNode): boolean {
  return node.$case === "scalar" && node.value.$case === "null";
}

function integral(node: YamlScalarNode): bigint | undefined {
  const { value } = node;
  if (value.$case === "int") return value.value;
  return value.$case === "float" && Number.isInteger(value.value) ? BigInt(value.value) : undefined;
}
