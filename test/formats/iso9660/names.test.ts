import assert from "node:assert/strict";
import { test } from "node:test";
import { isoIdentifiers } from "../../../src/formats/iso9660/names.ts";

/** Files of one directory and their identifiers; the first rows are what xorriso 1.5.4 makes of them at level 3. */
const FILES: readonly (readonly (readonly [string, string])[])[] = [
  [["Talos-v1.14.0.efi", "TALOS_V1_14_0.EFI;1"]],
  [["boot.catalog", "BOOT.CATALOG;1"]],
  [["random-seed", "RANDOM_SEED.;1"]],
  [[".hidden", ".HIDDEN;1"]],
  [["a.b.c", "A_B.C;1"]],
  [["n".repeat(250), `${"N".repeat(30)}.;1`]],
  [["x.verylongextensionverylongextensionverylong", "X.VERYLONGEXTENSIONVERYLONGEXTE;1"]],
  [
    ["A-very-long-file-name-that-exceeds-thirty-one-chars.config", "A_VERY_LONG_FILE_NAME_THAT0.CON;1"],
    ["a-very-long-file-name-that-exceeds-thirty-one-chars.config", "A_VERY_LONG_FILE_NAME_THAT1.CON;1"],
  ],
  [
    ["Foo.txt", "FOO0.TXT;1"],
    ["foo.txt", "FOO1.TXT;1"],
  ],
  [
    ["FOO0.txt", "FOO0.TXT;1"],
    ["Foo.txt", "FOO1.TXT;1"],
    ["foo.txt", "FOO2.TXT;1"],
  ],
  [["日本.é", "__._;1"]],
];

test("file identifiers", () => {
  for (const rows of FILES) {
    const found = isoIdentifiers(rows.map(([name]) => ({ name, isDirectory: false })));
    assert.deepEqual(
      found,
      rows.map(([, identifier]) => identifier),
    );
  }
});

test("directory identifiers have no version and 31 characters", () => {
  const names = ["EFI", "x.d", "sha256-0123456789abcdef0123456789abcdef", "sha256-0123456789abcdef0123456789abcdeF"];
  assert.deepEqual(isoIdentifiers(names.map((name) => ({ name, isDirectory: true }))), [
    "EFI",
    "X_D",
    "SHA256_0123456789ABCDEF0123456780".slice(0, 30).concat("0"),
    "SHA256_0123456789ABCDEF0123456780".slice(0, 30).concat("1"),
  ]);
});

test("many names that become one stay distinct", () => {
  const names = Array.from({ length: 1200 }, (_, i) => ({ name: `${"k".repeat(40)}${i}.conf`, isDirectory: false }));
  const found = isoIdentifiers(names);
  assert.equal(new Set(found).size, 1200);
  assert.ok(found.every((identifier) => identifier.length <= 33));
});
