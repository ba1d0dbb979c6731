import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { linkKernel } from "../../../src/formats/grub/efikernel.ts";
import { readingKernel } from "../../../src/formats/grub/elf.ts";
import {
  biosCore,
  efiImage,
  eltoritoImage,
  embeddedCore,
  GrubError,
  type GrubErrorCode,
  mbrBootCode,
  moduleOrder,
} from "../../../src/formats/grub/index.ts";
import { ELF_MACHINE, ELF_MAGIC } from "../../../src/formats/grub/layout.ts";
import { BSS, biosKernel, CODE, DATA, diskboot, efiKernel, folder, START, STORED } from "./support.ts";

const CONTENT = { modules: ["alone"], prefix: "/grub" };
const NOTHING = new Uint8Array(0);

function is(code: GrubErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof GrubError && error.code === code && message.test(error.message);
}

test("lists of dependencies", () => {
  const vectors: readonly [string, readonly string[], GrubErrorCode, RegExp][] = [
    ["a: b\nb:\n", ["c"], "module_unknown", /"c"/],
    ["a: b\n", ["a"], "module_unknown", /"b"/],
    ["a: b\nb: c\nc: a\n", ["b"], "module_cycle", /module b/],
    ["a: a\n", ["a"], "module_cycle", /module a/],
    ["a\n", ["a"], "moddep_malformed", /"a"/],
    ["a: b: c\n", ["a"], "moddep_malformed", /"a: b: c"/],
    ["a: ../../etc/passwd\n", ["a"], "moddep_malformed", /passwd/],
    [": a\n", ["a"], "moddep_malformed", /": a"/],
    ["\0\0\0\n", [], "moddep_malformed", /list of dependencies/],
  ];
  for (const [moddep, wanted, code, message] of vectors) {
    assert.throws(() => moduleOrder(moddep, wanted), is(code, message), moddep);
  }
});

test("contents and files of a folder", async () => {
  const vectors: readonly [Record<string, Uint8Array>, Partial<typeof CONTENT>, GrubErrorCode, RegExp][] = [
    [{}, { prefix: "" }, "prefix_invalid", /prefix ""/],
    [{}, { prefix: "/gr\0ub" }, "prefix_invalid", /printable/],
    [{}, { prefix: "/".repeat(1025) }, "prefix_invalid", /1024/],
    [{}, { modules: ["../alone"] }, "module_unknown", /\.\.\/alone/],
    [{ "alone.mod": NOTHING }, {}, "file_size", /alone\.mod: 0 bytes/],
    [{ "kernel.img": new Uint8Array(2 ** 23 + 1) }, {}, "file_size", /kernel\.img/],
    [{ "lzma_decompress.img": new Uint8Array(23) }, {}, "file_size", /lzma_decompress\.img: 23/],
    [{ "lzma_decompress.img": new Uint8Array(0xe01) }, {}, "file_size", /lzma_decompress\.img: 3585/],
    [{ "diskboot.img": new Uint8Array(511) }, {}, "file_size", /diskboot\.img: 511/],
    [{ "diskboot.img": new Uint8Array(512) }, {}, "core_malformed", /segment 0/],
    [{ "alone.mod": new Uint8Array(2 ** 19) }, {}, "core_too_large", /core image ends/],
  ];
  for (const [files, content, code, message] of vectors) {
    await assert.rejects(biosCore(folder(files), { ...CONTENT, ...content }, STORED), is(code, message));
  }
  const short = folder({ "cdboot.img": new Uint8Array(2047) });
  await assert.rejects(eltoritoImage(short, CONTENT, STORED), is("file_size", /cdboot\.img: 2047/));
  await assert.rejects(
    biosCore(folder({ "moddep.lst": Buffer.from("gone:\n") }), { ...CONTENT, modules: ["gone"] }, STORED),
    {
      message: "gone.mod is not there",
    },
  );
});

test("modules that are too large together", async () => {
  const names = Array.from({ length: 9 }, (_, i) => `m${i}`);
  const bytes = new Uint8Array(2 ** 23);
  const modules = Object.fromEntries(names.map((name) => [`${name}.mod`, bytes]));
  const moddep = Buffer.from(names.map((name) => `${name}:\n`).join(""));
  const files = folder({ ...modules, "moddep.lst": moddep, "kernel.img": efiKernel() });
  await assert.rejects(
    efiImage("x86_64-efi", files, { modules: names, prefix: "/" }),
    is("core_too_large", /modules of/),
  );
});

test("kernels for BIOS machines", async () => {
  const code = { name: ".text", header: { ...CODE, address: 0x9000 }, bytes: Buffer.from("code") };
  const vectors: readonly [Uint8Array, GrubErrorCode, RegExp][] = [
    [Buffer.from("\x7fELF"), "kernel_malformed", /needs 16 bytes/],
    [Buffer.alloc(100), "kernel_unsupported", /not a little-endian ELF/],
    [efiKernel(), "kernel_unsupported", /class/],
    [biosKernel([]), "kernel_unsupported", /not one section/],
    [biosKernel([code, code]), "kernel_unsupported", /not one section/],
    [biosKernel([{ ...code, header: { ...CODE, address: 0x8000 } }]), "kernel_unsupported", /not one section/],
    [biosKernel([code, { name: "", header: { ...BSS, address: 0xa000, size: 0x60000 } }]), "core_too_large", /kernel/],
    [biosKernel([code, { name: "", header: { ...DATA, address: 1 }, bytes: NOTHING }]), "kernel_malformed", /below/],
    [biosKernel([{ ...code, header: { ...code.header, size: 2 ** 31 } }]), "kernel_malformed", /section 1/],
    [biosKernel([code]).subarray(0, -1), "kernel_malformed", /section table/],
  ];
  for (const [kernel, error, message] of vectors) {
    await assert.rejects(biosCore(folder({ "kernel.img": kernel }), CONTENT, STORED), is(error, message));
  }
});

test("kernels for UEFI", async () => {
  const identification = { magic: ELF_MAGIC, class: 2, data: 1, version: 1 };
  const one = { type: 1, offset: 0, symbol: 1, addend: 0n };
  const vectors: readonly [Parameters<typeof efiKernel>[0], GrubErrorCode, RegExp][] = [
    [{ machine: ELF_MACHINE.arm64 }, "kernel_unsupported", /machine 183, expected 62/],
    [{ change: { identification: { ...identification, data: 2 } } }, "kernel_unsupported", /little-endian/],
    [{ change: { sectionHeaderSize: 40 } }, "kernel_malformed", /40 bytes/],
    [{ change: { sectionHeaderCount: 3 } }, "kernel_malformed", /no symbol table/],
    [{ change: { sectionHeaders: 2 ** 52 } }, "kernel_malformed", /section table/],
    [{ symbols: [{ ...START, name: "main" }] }, "kernel_malformed", /_start is not defined/],
    [{ symbols: [START, { ...START, name: "missing", section: 0 }] }, "kernel_malformed", /missing is not defined/],
    [{ symbols: [{ ...START, section: 9 }] }, "kernel_malformed", /section 9/],
    [{ relocations: [{ ...one, symbol: 2 }] }, "kernel_malformed", /symbol 2/],
    [{ relocations: [{ ...one, offset: 57 }] }, "kernel_malformed", /bounds/],
    [{ relocations: [{ ...one, type: 10 }] }, "kernel_unsupported", /type 10 is not supported on x86_64-efi/],
    [{ relocations: [one], relocationHeader: { info: 99 } }, "kernel_malformed", /section 99/],
    [{ relocations: [one], relocationHeader: { size: 25 } }, "kernel_malformed", /elf relocation/],
    [{ code: Buffer.alloc(8 * 2 ** 20 - 4096) }, "core_too_large", /of memory/],
  ];
  for (const [plan, code, message] of vectors) {
    const files = folder({ "kernel.img": efiKernel(plan) });
    await assert.rejects(
      efiImage("x86_64-efi", files, CONTENT),
      is(code, message),
      JSON.stringify(Object.keys(plan ?? {})),
    );
  }
});

test("branches and pages that are too far away", () => {
  const vectors: readonly [number, bigint][] = [
    [283, 2n ** 27n],
    [283, -(2n ** 27n) - 0x1005n],
    [275, 2n ** 31n],
    [275, -(2n ** 31n) - 0x1000n],
  ];
  for (const [type, addend] of vectors) {
    const relocations = [{ type, offset: 0, symbol: 1, addend }];
    const kernel = efiKernel({ machine: ELF_MACHINE.arm64, relocations });
    assert.throws(() => linkKernel("arm64-efi", kernel), is("kernel_unsupported", /reaches over/), `${addend}`);
  }
});

test("boot sectors and core images to be placed", () => {
  assert.throws(() => mbrBootCode(new Uint8Array(446), 34), is("file_size", /boot\.img: 446/));
  for (const lba of [0, -1, 1.5, 2 ** 53, Number.NaN]) {
    assert.throws(() => mbrBootCode(new Uint8Array(512), lba), is("lba_invalid", /no LBA/));
  }
  assert.throws(() => embeddedCore(diskboot(), 34, 511), is("core_too_large", /beyond 511/));
  assert.throws(() => embeddedCore(diskboot().subarray(1), 34, 4096), is("core_malformed", /no disk boot sector/));
  assert.throws(() => embeddedCore(new Uint8Array(512), 34, 4096), is("core_malformed", /segment/));
  assert.throws(() => embeddedCore(diskboot(), Number.MAX_SAFE_INTEGER, 4096), is("lba_invalid", /no LBA/));
});

test("kernels with bytes changed or cut off give an image or a coded error, nothing else", () => {
  const relocations = [{ type: 1, offset: 8, symbol: 1, addend: 4n }];
  const kernel = efiKernel({ relocations });
  const position = fc.nat(kernel.length - 1);
  const edits = fc.array(fc.tuple(position, fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(edits, position, fc.boolean(), (changes, end, cut) => {
      const copy = Buffer.from(kernel);
      for (const [at, value] of changes) copy[at] = value;
      try {
        readingKernel(() => linkKernel("x86_64-efi", cut ? copy.subarray(0, end) : copy));
      } catch (error) {
        assert.ok(error instanceof GrubError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
