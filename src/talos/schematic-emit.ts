import { digestHex, sha256 } from "../bytes/digest.ts";
import type { Schematic } from "./schematic.ts";
import { emitYaml } from "./yaml-emit.ts";
import { type YamlValue, yaml } from "./yaml-value.ts";

type Field = readonly [name: string, value: YamlValue, present: boolean];

/** A map of the fields that are present; the order is part of every id. */
function fields(...list: readonly Field[]) {
  return yaml.map(list.filter(([, , present]) => present).map(([name, value]): [string, YamlValue] => [name, value]));
}

function text(name: string, value: string): Field {
  return [name, yaml.string(value), value !== ""];
}

function texts(name: string, values: readonly string[]): Field {
  return [name, yaml.seq(values.map(yaml.string)), values.length > 0];
}

function group(name: string, ...list: readonly Field[]): Field {
  return [name, fields(...list), list.some(([, , present]) => present)];
}

function overlayField({ image, name, options }: Schematic["overlay"]): Field {
  const present = image !== "" || name !== "" || options.entries.length > 0;
  const map = fields(
    ["image", yaml.string(image), true],
    ["name", yaml.string(name), true],
    ["options", options, options.entries.length > 0],
  );
  return ["overlay", map, present];
}

/** The canonical text of a schematic, ended by LF: fields in the order of factory.md 2.1, defaults left out. */
export function emitSchematic({ owner, overlay, customization: c }: Schematic): string {
  const meta = c.meta.map(({ key, value }) =>
    yaml.map([
      ["key", yaml.int(key)],
      ["value", yaml.string(value)],
    ]),
  );
  const { enrollKeys, includeWellKnownCertificates } = c.secureboot;
  const customization = fields(
    text("embeddedMachineConfiguration", c.embeddedMachineConfiguration),
    texts("extraKernelArgs", c.extraKernelArgs),
    ["meta", yaml.seq(meta), meta.length > 0],
    group("systemExtensions", texts("officialExtensions", c.systemExtensions.officialExtensions)),
    ["bootloader", yaml.string(c.bootloader), c.bootloader !== "none"],
    group("secureboot", text("enrollKeys", enrollKeys), [
      "includeWellKnownCertificates",
      yaml.bool(true),
      includeWellKnownCertificates,
    ]),
    group("diskImage", ["sectorSize", yaml.int(c.diskImage.sectorSize), c.diskImage.sectorSize !== 0n]),
  );
  return emitYaml(fields(text("owner", owner), overlayField(overlay), ["customization", customization, true]));
}

/** 64 lower-case hex digits. */
export type SchematicId = string & { readonly __brand: "SchematicId" };

/** SHA-256 of the canonical text. */
export function schematicId(schematic: Schematic): SchematicId {
  return digestHex(sha256(emitSchematic(schematic))) as SchematicId;
}
