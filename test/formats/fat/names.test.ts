import assert from "node:assert/strict";
import { test } from "node:test";
import { storedNames } from "../../../src/formats/fat/names.ts";

/** Names of one directory; short name, case bits, long entry for each (outputs.md 2.8). */
const DIRECTORIES: readonly (readonly (readonly [string, string, number, boolean])[])[] = [
  [["EFI", "EFI     ", 0, false]],
  [["loader", "LOADER  ", 0x08, false]],
  [["BOOTX64.efi", "BOOTX64 EFI", 0x10, false]],
  [["BOOTX64.EFI", "BOOTX64 EFI", 0, false]],
  [["u-boot.bin", "U-BOOT  BIN", 0x18, false]],
  [["Linux", "LINUX   ", 0, true]],
  [["Fixup4.dat", "FIXUP4  DAT", 0, true]],
  [["12345678.9", "123456789", 0, false]],
  [["Talos-v1.14.0.efi", "TALOS-~1EFI", 0, true]],
  [["loader.conf", "LOADER~1CON", 0, true]],
  [["random-seed", "RANDOM~1", 0, true]],
  [
    ["KEK.auth", "KEK~1   AUT", 0, true],
    ["PK.auth", "PK~1    AUT", 0, true],
    ["db.auth", "DB~1    AUT", 0, true],
  ],
  [
    ["config-ab.txt", "CONFIG~1TXT", 0, true],
    ["config-cd.txt", "CONFIG~2TXT", 0, true],
  ],
  [
    ["LONGNA~1.TXT", "LONGNA~1TXT", 0, false],
    ["longname1.txt", "LONGNA~2TXT", 0, true],
  ],
  [[".hidden", "HIDDEN~1", 0, true]],
  [["a b+c.d", "AB_C~1  D  ", 0, true]],
  [["ünïcode.txt", "_N_COD~1TXT", 0, true]],
  [["日本", "__~1    ", 0, true]],
];

test("short names, case bits and long entries", () => {
  for (const rows of DIRECTORIES) {
    const stored = storedNames(
      rows.map(([name]) => name),
      "/",
    );
    for (const [i, [name, short, caseBits, long]] of rows.entries()) {
      assert.equal(stored[i]!.short.trimEnd(), short.trimEnd(), name);
      assert.deepEqual([stored[i]!.caseBits, stored[i]!.long], [caseBits, long], name);
    }
  }
});

test("numbers grow past one digit and shorten the base", () => {
  const names = Array.from({ length: 12 }, (_, i) => `kernel-module-${i}.ko`);
  const shorts = storedNames(names, "/").map((stored) => stored.short);
  assert.equal(shorts[8], "KERNEL~9KO");
  assert.equal(shorts[9], "KERNE~10KO");
  assert.equal(new Set(shorts).size, 12);
});
