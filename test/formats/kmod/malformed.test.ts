import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KmodError, type KmodErrorCode, readModule } from "../../../src/formats/kmod/index.ts";
import { ELF_MAGIC, sectionHeader, symbolEntry } from "../../../src/formats/kmod/layout.ts";
import { elfFile, moduleFile, moduleSections, type Section } from "./support.ts";

const PLAN = { info: ["alias=a"], exports: ["a"], versioned: true, needs: ["b"], versions: ["module_layout"] };

function refused(file: Uint8Array, code: KmodErrorCode, message: RegExp): void {
  assert.throws(
    () => readModule(file, "extras/x.ko"),
    (error: unknown) =>
      error instanceof KmodError &&
      error.code === code &&
      error.message.startsWith("module extras/x.ko: ") &&
      message.test(error.message),
  );
}

/** The sections of a module with the bytes of one of them changed. */
function changed(name: string, change: (bytes: Buffer) => Uint8Array): Section[] {
  return moduleSections(PLAN).map((section) =>
    section.name === name ? { name, bytes: change(Buffer.from(section.bytes)) } : section,
  );
}

test("files that are no modules of ours", () => {
  for (const file of [Buffer.alloc(0), Buffer.from("\x7fELF"), Buffer.alloc(4096), Buffer.from("MZ".repeat(100))]) {
    refused(file, "module_unsupported", /not an ELF file/);
  }
  const sections = moduleSections(PLAN);
  const changedIdentity = (change: { class?: number; data?: number }): Buffer => {
    const identification = { magic: ELF_MAGIC, class: 2, data: 1, version: 1, ...change };
    return elfFile(sections, { identification });
  };
  refused(changedIdentity({ class: 1 }), "module_unsupported", /64-bit/);
  refused(changedIdentity({ data: 2 }), "module_unsupported", /little-endian/);
  refused(elfFile(sections, { machine: 40 }), "module_unsupported", /machine 40/);
});

test("section tables that point anywhere", () => {
  const sections = moduleSections(PLAN);
  const vectors = [
    [{ sectionHeaders: 2 ** 40 }, /section table/],
    [{ sectionHeaders: Number.MAX_SAFE_INTEGER }, /section table/],
    [{ sectionHeaderCount: 0xffff }, /section table/],
    [{ sectionHeaderCount: 0 }, /names of sections/],
    [{ sectionHeaderSize: 40 }, /40 bytes/],
    [{ sectionNames: 0 }, /names of sections/],
    [{ sectionNames: 200 }, /names of sections/],
    [{ sectionNames: 1 }, /outside of its strings/],
  ] as const;
  for (const [change, message] of vectors) refused(elfFile(sections, change), "module_malformed", message);
});

test("sections with a name or a body outside of the file", () => {
  const file = moduleFile(PLAN);
  const table = Number(file.readBigUInt64LE(40));
  const patched = (field: keyof typeof sectionHeader.offsets, value: number): Buffer => {
    const copy = Buffer.from(file);
    copy.writeUInt32LE(value, table + sectionHeader.size + sectionHeader.offsets[field]);
    return copy;
  };
  refused(patched("name", 0xffff), "module_malformed", /outside of its strings/);
  refused(patched("offset", 0xffffffff), "module_malformed", /\.modinfo ends behind the file/);
  refused(patched("size", 0xffffffff), "module_malformed", /\.modinfo ends behind the file/);
});

test("tables whose records do not fit", () => {
  const cut = (bytes: Buffer): Buffer => bytes.subarray(0, -1);
  refused(elfFile(changed(".symtab", cut)), "module_malformed", /\.symtab of \d+ bytes/);
  refused(elfFile(changed("__versions", cut)), "module_malformed", /__versions of 63 bytes/);
  const { name } = symbolEntry.offsets;
  const away = (bytes: Buffer): Buffer => {
    bytes.writeUInt32LE(0xfffffff0, symbolEntry.size + name);
    return bytes;
  };
  refused(elfFile(changed(".symtab", away)), "module_malformed", /outside of its strings/);
  refused(elfFile(changed(".strtab", (bytes) => bytes.fill("x"))), "module_malformed", /outside of its strings/);
  refused(elfFile(changed("__versions", (bytes) => bytes.fill("x"))), "module_malformed", /outside of its strings/);
  const unended = [{ name: "__ksymtab_strings", bytes: Buffer.from("abc") }];
  refused(elfFile(unended), "module_malformed", /ends within a name/);
});

test("files cut off or with bytes changed give facts or a coded error, nothing else", () => {
  const file = moduleFile(PLAN);
  const position = fc.nat(file.length - 1);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(position, fc.nat(255)), { maxLength: 6 }),
      position,
      fc.boolean(),
      (edits, end, cut) => {
        const copy = Buffer.from(file);
        for (const [at, value] of edits) copy[at] = value;
        try {
          readModule(cut ? copy.subarray(0, end) : copy, "x.ko");
        } catch (error) {
          assert.ok(error instanceof KmodError, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
