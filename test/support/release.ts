import type { Digest } from "../../src/bytes/digest.ts";
import { utf8 } from "../../src/bytes/text.ts";
import {
  COFF_HEADER,
  DOS_HEADER,
  OPTIONAL_HEADER,
  PE_SIGNATURE,
  PE32_PLUS_MAGIC,
  SECTION_HEADER,
} from "../../src/formats/pe/layout.ts";
import type { TestKey, TestRegistry } from "./registry.ts";
import { layer, type Member } from "./tar.ts";

const FILE_ALIGNMENT = 512;
const SECTION_ALIGNMENT = 4096;
const NO_RELOCATIONS = {
  pointerToRelocations: 0,
  pointerToLinenumbers: 0,
  numberOfRelocations: 0,
  numberOfLinenumbers: 0,
};

/** The smallest UEFI program a UKI can be made of: one `.sbat` section. */
function tinyStub(): Uint8Array {
  const sbat = utf8("sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n");
  const section = {
    ...NO_RELOCATIONS,
    name: ".sbat",
    virtualSize: sbat.length,
    virtualAddress: SECTION_ALIGNMENT,
    sizeOfRawData: FILE_ALIGNMENT,
    pointerToRawData: FILE_ALIGNMENT,
    characteristics: 0x4000_0040,
  };
  const optional = {
    magic: PE32_PLUS_MAGIC,
    majorLinkerVersion: 0,
    minorLinkerVersion: 0,
    sizeOfCode: 0,
    sizeOfInitializedData: FILE_ALIGNMENT,
    sizeOfUninitializedData: 0,
    addressOfEntryPoint: SECTION_ALIGNMENT,
    baseOfCode: SECTION_ALIGNMENT,
    imageBase: 0n,
    sectionAlignment: SECTION_ALIGNMENT,
    fileAlignment: FILE_ALIGNMENT,
    versions: [0, 0, 0, 0, 0, 0],
    win32VersionValue: 0,
    sizeOfImage: 2 * SECTION_ALIGNMENT,
    sizeOfHeaders: FILE_ALIGNMENT,
    checkSum: 0,
    subsystem: 10,
    dllCharacteristics: 0,
    stackAndHeap: [0n, 0n, 0n, 0n],
    loaderFlags: 0,
    numberOfRvaAndSizes: 16,
    dataDirectories: Array.from({ length: 16 }, () => ({ virtualAddress: 0, size: 0 })),
  };
  const coff = {
    machine: 0x8664,
    numberOfSections: 1,
    timeDateStamp: 0,
    pointerToSymbolTable: 0,
    numberOfSymbols: 0,
    sizeOfOptionalHeader: OPTIONAL_HEADER.size,
    characteristics: 0x0202,
  };
  const file = new Uint8Array(2 * FILE_ALIGNMENT);
  const headers = [
    DOS_HEADER.encode({ magic: "MZ", rest: new Uint8Array(58), peOffset: DOS_HEADER.size }),
    PE_SIGNATURE.encode({}),
    COFF_HEADER.encode(coff),
    OPTIONAL_HEADER.encode(optional),
    SECTION_HEADER.encode(section),
  ];
  let at = 0;
  for (const header of headers) {
    file.set(header, at);
    at += header.length;
  }
  file.set(sbat, FILE_ALIGNMENT);
  return file;
}

/** Boot files that are no real ones, but of their form where the factory looks into them. */
export const BOOT_FILES = {
  vmlinuz: utf8("a kernel that runs nowhere\n".repeat(4000)),
  "initramfs.xz": utf8("a base initramfs that is used unchanged\n".repeat(3000)),
  "systemd-boot.efi": utf8("a boot loader\n".repeat(500)),
  "systemd-stub.efi": tinyStub(),
} as const;

/** Members of an imager image for amd64. */
export function bootFiles(): readonly Member[] {
  return Object.entries(BOOT_FILES).map(([name, body]) => ({ name: `usr/install/amd64/${name}`, body }));
}

/** Members of an extension image with one file in its rootfs. */
export function extensionFiles(name: string, body: string | Uint8Array = `${name} is here\n`): readonly Member[] {
  const manifest = [
    "version: v1alpha1",
    "metadata:",
    `  name: ${name}`,
    "  version: 1.0.0",
    "  author: test",
    `  description: ${name} of the tests`,
    "  compatibility:",
    "    talos:",
    '      version: ">= v1.5.0"',
    "",
  ];
  return [
    { name: "manifest.yaml", body: manifest.join("\n") },
    { name: "rootfs/", type: "directory" },
    { name: `rootfs/usr/local/share/${name}`, body },
  ];
}

/** An extension as a catalogue names it. */
export interface TestExtension {
  readonly name: string;
  readonly digest: Digest;
}

/** Signs and names an extension image `siderolabs/<name>:1.0.0`. */
export async function addExtension(
  registry: TestRegistry,
  name: string,
  members: readonly Member[],
  key?: TestKey,
): Promise<TestExtension> {
  const { digest } = registry.release(`siderolabs/${name}`, "1.0.0", [{ bytes: await layer(members) }], key);
  return { name, digest };
}

/** Signs and names the list of extensions of a version; names that start with `siderolabs/` are made of `name`. */
export async function addCatalogue(
  registry: TestRegistry,
  version: string,
  extensions: readonly TestExtension[],
  key?: TestKey,
): Promise<void> {
  const lines = extensions.map(({ name, digest }) => `ghcr.io/siderolabs/${name}:1.0.0@${digest}`);
  const described = lines.map((line) => `${line}:\n  author: test\n  description: <one> of the tests\n`);
  const members = [
    { name: "image-digests", body: `${lines.join("\n")}\n` },
    { name: "descriptions.yaml", body: described.join("") },
  ];
  registry.release("siderolabs/extensions", version, [{ bytes: await layer(members) }], key);
}

/** The version of the tiny release. */
export const VERSION = "v1.14.0";

/** A whole release of a few hundred KiB: boot files for amd64, extensions `alpha` and `beta`, one overlay. */
export async function addTinyRelease(registry: TestRegistry, key: TestKey, version = VERSION): Promise<void> {
  registry.release("siderolabs/imager", version, [{ bytes: await layer(bootFiles()) }], key);
  const extensions = [
    await addExtension(registry, "alpha", extensionFiles("alpha"), key),
    await addExtension(registry, "beta", extensionFiles("beta"), key),
  ];
  await addCatalogue(registry, version, extensions, key);
  const overlays = `overlays:\n  - name: board\n    image: ghcr.io/siderolabs/sbc-board:v1\n    digest: ${extensions[0]!.digest}\n`;
  const bytes = await layer([{ name: "overlays.yaml", body: overlays }]);
  registry.release("siderolabs/overlays", version, [{ bytes }], key);
}
