import assert from "node:assert/strict";
import { test } from "node:test";
import { linkKernel } from "../../../src/formats/grub/efikernel.ts";
import { baseRelocations } from "../../../src/formats/grub/fixups.ts";
import { efiImage, type GrubEfiTarget } from "../../../src/formats/grub/index.ts";
import { ELF_MACHINE } from "../../../src/formats/grub/layout.ts";
import { parsePe } from "../../../src/formats/pe/index.ts";
import { efiKernel, folder, type KernelRelocation, type KernelSymbol, START } from "./support.ts";

const MACHINE = { "x86_64-efi": ELF_MACHINE.x86_64, "arm64-efi": ELF_MACHINE.arm64 } as const;
/** Code stands at 0x1000, data at 0x2000, BSS at 0x2010; the symbol is 8 bytes into data. */
const SYMBOLS: readonly KernelSymbol[] = [START, { name: "message", section: 2, value: 8 }];

interface Vector {
  readonly name: string;
  readonly target: GrubEfiTarget;
  readonly relocation: Omit<KernelRelocation, "symbol">;
  /** The code's first 16 bytes before, at offset 0, and after, in hex. */
  readonly before: string;
  readonly after: string;
  readonly fixups?: readonly number[];
}

/** Instructions are as assemblers write them; results worked out from the instruction formats. */
const VECTORS: readonly Vector[] = [
  {
    name: "R_X86_64_64",
    target: "x86_64-efi",
    relocation: { type: 1, offset: 2, addend: 16n },
    before: "48b80000000000000000",
    after: "48b81820000000000000",
    fixups: [0x1002],
  },
  {
    name: "R_X86_64_64 with a negative addend",
    target: "x86_64-efi",
    relocation: { type: 1, offset: 0, addend: -0x2009n },
    before: "0000000000000000",
    after: "ffffffffffffffff",
    fixups: [0x1000],
  },
  {
    name: "R_X86_64_PC32",
    target: "x86_64-efi",
    relocation: { type: 2, offset: 1, addend: -4n },
    before: "e800000000",
    after: "e803100000",
  },
  {
    name: "R_X86_64_PLT32 backwards",
    target: "x86_64-efi",
    relocation: { type: 4, offset: 1, addend: -0x1008n },
    before: "e900000000",
    after: "e9ffffffff",
  },
  {
    name: "R_AARCH64_ABS64",
    target: "arm64-efi",
    relocation: { type: 257, offset: 8, addend: 0n },
    before: "00000000000000000000000000000000",
    after: "00000000000000000820000000000000",
    fixups: [0x1008],
  },
  {
    name: "R_AARCH64_PREL32",
    target: "arm64-efi",
    relocation: { type: 261, offset: 4, addend: 0n },
    before: "0000000000000000",
    after: "0000000004100000",
  },
  {
    name: "R_AARCH64_ADR_PREL_PG_HI21 one page on",
    target: "arm64-efi",
    relocation: { type: 275, offset: 0, addend: 0n },
    before: "00000090",
    after: "000000b0",
  },
  {
    name: "R_AARCH64_ADR_PREL_PG_HI21 two pages back",
    target: "arm64-efi",
    relocation: { type: 275, offset: 0, addend: -0x3000n },
    before: "00000090",
    after: "e0ffffd0",
  },
  {
    name: "R_AARCH64_ADD_ABS_LO12_NC",
    target: "arm64-efi",
    relocation: { type: 277, offset: 0, addend: 0xff0n },
    before: "00000091",
    after: "00e03f91",
  },
  {
    name: "R_AARCH64_LDST64_ABS_LO12_NC",
    target: "arm64-efi",
    relocation: { type: 286, offset: 0, addend: 0n },
    before: "000040f9",
    after: "000440f9",
  },
  {
    name: "R_AARCH64_JUMP26",
    target: "arm64-efi",
    relocation: { type: 282, offset: 4, addend: 0n },
    before: "0000000000000014",
    after: "0000000001040014",
  },
  {
    name: "R_AARCH64_CALL26 backwards",
    target: "arm64-efi",
    relocation: { type: 283, offset: 0, addend: -0x100cn },
    before: "00000094",
    after: "ffffff97",
  },
];

for (const { name, target, relocation, before, after, fixups = [] } of VECTORS) {
  test(name, () => {
    const code = Buffer.from(before, "hex");
    const relocations = [{ ...relocation, symbol: 2 }];
    const kernel = linkKernel(target, efiKernel({ machine: MACHINE[target], code, symbols: SYMBOLS, relocations }));
    assert.equal(Buffer.from(kernel.image.subarray(0, code.length)).toString("hex"), after);
    assert.deepEqual(kernel.fixups, fixups);
  });
}

test("sections stand by kind, each kind from a new page, BSS as zeros behind data", () => {
  const { image, codeBytes, entry } = linkKernel("x86_64-efi", efiKernel());
  assert.equal(entry, 0x1004);
  assert.equal(codeBytes, 0x1000);
  assert.equal(image.length, 0x3000);
  assert.equal(Buffer.from(image.subarray(0x1000, 0x1010)).toString(), "sixteen bytes...");
  assert.ok(image.subarray(0x1010).every((byte) => byte === 0));
});

test("relocations of sections that are left out count for nothing", () => {
  const relocations = [{ type: 99, offset: 1000, symbol: 1, addend: 0n }];
  const kernel = linkKernel("x86_64-efi", efiKernel({ relocations, relocationHeader: { info: 5 } }));
  assert.deepEqual(kernel.fixups, []);
});

test("base relocations: a block per page, the last one up to a whole page", () => {
  const bytes = Buffer.from(baseRelocations([0x1008, 0x1010, 0x1ff8, 0x3000, 0x3008]));
  assert.equal(bytes.length, 0x1000);
  assert.equal(bytes.subarray(0, 16).toString("hex"), "001000001000000008a010a0f8af0000");
  assert.equal(bytes.subarray(16, 32).toString("hex"), "00300000f00f000000a008a000000000");
  assert.ok(bytes.subarray(32).every((byte) => byte === 0));
  assert.equal(baseRelocations([]).length, 0);
});

for (const target of ["x86_64-efi", "arm64-efi"] as const) {
  test(`an image for ${target}`, async () => {
    const relocations = [{ type: target === "x86_64-efi" ? 1 : 257, offset: 0, symbol: 1, addend: 0n }];
    const kernel = efiKernel({ machine: MACHINE[target], relocations });
    const image = await efiImage(target, folder({ "kernel.img": kernel }), { modules: ["alone"], prefix: "/grub" });
    const { coff, optional, sections } = parsePe(image, image.length);
    assert.equal(coff.machine, target === "x86_64-efi" ? 0x8664 : 0xaa64);
    assert.equal(optional.addressOfEntryPoint, 0x1004);
    assert.equal(optional.sizeOfImage, image.length);
    assert.deepEqual(
      sections.map((section) => [section.name, section.virtualAddress, section.pointerToRawData, section.virtualSize]),
      [
        [".text", 0x1000, 0x1000, 0x1000],
        [".data", 0x2000, 0x2000, 0x2000],
        ["mods", 0x4000, 0x4000, 0x1000],
        [".reloc", 0x5000, 0x5000, 0x1000],
      ],
    );
    assert.deepEqual(optional.dataDirectories[5], { virtualAddress: 0x5000, size: 0x1000 });
    const area = Buffer.from(image.subarray(0x4000, 0x4000 + 56));
    assert.equal(area.toString("hex", 0, 24), "6d696d670000000018000000000000003800000000000000");
    assert.equal(area.toString("latin1", 24), "\0\0\0\0\x10\0\0\0alone\0\0\0\x03\0\0\0\x10\0\0\0/grub\0\0\0");
  });
}
