import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../../src/bytes/digest.ts";
import {
  type IndexFile,
  type KernelModule,
  KmodError,
  type KmodRelease,
  moduleIndexes,
} from "../../../src/formats/kmod/index.ts";
import { moduleFile } from "./support.ts";
import { listsOf, modulesOf, treeFiles } from "./tree.ts";

/**
 * Made by `depmod --all --basedir … --config …` with `search extras built-in` over the files of `treeFiles`: kmod 30 of
 * Debian 12 and kmod 34.2 of Debian 13. Digests are cut to 32 digits.
 */
const DIGESTS: readonly (readonly [name: string, kmod30: string | undefined, kmod34: string | undefined])[] = [
  ["modules.alias", "e65b22bd07e066c4ffee831a027991b5", "61bf5b783812bd2127bc787ab3c1e17c"],
  ["modules.alias.bin", "08b9c4709b8f8b31a0065a2092886791", "1d0d79dada0aa379058808a05c07d9be"],
  ["modules.builtin.alias.bin", "9d253890aec42570c74436c97ed193de", "5e1f6efb936ec8e7f1f94f8b2addc3ec"],
  ["modules.builtin.bin", "a1d8fd6b1e60832b25983b16e4257599", "005a5b050cd7b7aee1fbafcd90f6f1d0"],
  ["modules.dep", "466fc8329bf862f0e386bc7be476d62a", "57380a627f2916a3b1b36965c18ec67d"],
  ["modules.dep.bin", "062e1b1554388dc4b0cf68a212425dfa", "501640f7f5627af9f6e1a939f5d901e4"],
  ["modules.devname", "9cab1de84d131d0dd5cf842c2bdec466", "9cab1de84d131d0dd5cf842c2bdec466"],
  ["modules.softdep", "986992aed01a16889ef9098b22ba4bdb", "986992aed01a16889ef9098b22ba4bdb"],
  ["modules.symbols", "a5619fb2734eeeb6171a449bfaa5ea4c", "a5619fb2734eeeb6171a449bfaa5ea4c"],
  ["modules.symbols.bin", "62b3344b56e76d0a4681ed3556c24e51", "f0c549fe30195e28eb0987f0b6944940"],
  ["modules.weakdep", undefined, "52ebe7a73ebe302d3d8f1348dd8fd59b"],
];
const DEPENDENCIES = [
  "kernel/drivers/top.ko: kernel/drivers/right.ko kernel/drivers/named.ko kernel/drivers/left.ko kernel/lib/base.ko",
  "kernel/lib/versioned.ko: kernel/lib/base.ko",
  "kernel/drivers/some-driver.ko: kernel/lib/versioned.ko kernel/lib/base.ko",
  "kernel/lib/base.ko:",
  "kernel/drivers/nameless.ko:",
  "kernel/drivers/left.ko: kernel/lib/base.ko",
  "kernel/empty.ko:",
  "kernel/drivers/right.ko: kernel/drivers/named.ko kernel/lib/base.ko",
  "extras/replaced.ko: kernel/lib/versioned.ko kernel/lib/base.ko",
  "top-level.ko:",
  "extras/tables.ko: extras/replaced.ko kernel/lib/versioned.ko kernel/drivers/named.ko kernel/lib/base.ko",
  "kernel/drivers/named.ko:",
  "extras/again.ko: extras/replaced.ko kernel/lib/versioned.ko kernel/lib/base.ko",
  "kernel/drivers/block.ko:",
  "extras/deep/er/user.ko: extras/again.ko extras/replaced.ko kernel/lib/versioned.ko kernel/lib/base.ko",
];
const DEVICES = [
  "# Device nodes to trigger on-demand module loading.",
  "named net/tun c10:200",
  "block loop control b7:3",
];

function made(release: KmodRelease, modules = modulesOf(treeFiles())): readonly IndexFile[] {
  return moduleIndexes({ modules, lists: listsOf(treeFiles()), release });
}

function text(files: readonly IndexFile[], name: string): string {
  return Buffer.from(files.find((file) => file.name === name)!.bytes).toString("latin1");
}

function short(files: readonly IndexFile[]): readonly (readonly [string, string])[] {
  return files.map(({ name, bytes }) => [name, sha256(bytes).slice("sha256:".length).slice(0, 32)]);
}

test("all files are those of depmod", () => {
  const of = (column: 1 | 2) => DIGESTS.flatMap((row) => (row[column] ? [[row[0], row[column]]] : []));
  assert.deepEqual(short(made(30)), of(1));
  assert.deepEqual(short(made(34)), of(2));
});

test("dependencies and device nodes read as depmod writes them", () => {
  const files = made(34);
  assert.deepEqual(text(files, "modules.dep").trimEnd().split("\n"), DEPENDENCIES);
  assert.deepEqual(text(files, "modules.devname").trimEnd().split("\n"), DEVICES);
});

test("release 33 has the weak dependencies of later ones and the indexes of earlier ones", () => {
  const [old, middle, young] = [new Map(short(made(30))), new Map(short(made(33))), new Map(short(made(34)))];
  assert.equal(middle.get("modules.weakdep"), young.get("modules.weakdep"));
  assert.equal(middle.get("modules.alias.bin"), old.get("modules.alias.bin"));
});

test("the order modules are given in does not matter", () => {
  assert.deepEqual(short(made(34, modulesOf(treeFiles()).toReversed())), short(made(34)));
});

test("a path listed twice counts first from release 34 on, last before", () => {
  const first = (release: KmodRelease) => text(made(release), "modules.dep").split(":")[0];
  assert.equal(first(34), "kernel/drivers/top.ko");
  assert.equal(first(33), "kernel/lib/versioned.ko");
});

test("an order that is cut off or holds what no path can is done without", () => {
  const modules = modulesOf(treeFiles());
  const dependencies = (order: Uint8Array | undefined): string =>
    text(moduleIndexes({ modules, lists: { order }, release: 34 }), "modules.dep");
  const plain = dependencies(undefined);
  assert.notEqual(dependencies(Buffer.from("kernel/lib/base.ko\n")), plain);
  for (const damaged of [
    "kernel/lib/base.ko",
    `kernel/lib/base.ko\n${"x".repeat(5000)}\n`,
    "kernel/lib/base.ko\n\0\n",
  ]) {
    assert.equal(dependencies(Buffer.from(damaged)), plain);
  }
});

test("without lists and modules the files are there all the same, those of the lists empty", () => {
  const files = moduleIndexes({ modules: [], lists: {}, release: 30 });
  const sizes = new Map(files.map(({ name, bytes }) => [name, bytes.length]));
  assert.equal(sizes.size, 10);
  assert.equal(sizes.get("modules.builtin.bin"), 0);
  assert.equal(sizes.get("modules.builtin.alias.bin"), 0);
  assert.equal(sizes.get("modules.dep"), 0);
  assert.equal(sizes.get("modules.dep.bin"), 12);
});

function refused(modules: readonly KernelModule[], code: string, message: RegExp): void {
  assert.throws(
    () => moduleIndexes({ modules, lists: {}, release: 34 }),
    (error: unknown) => error instanceof KmodError && error.code === code && message.test(error.message),
  );
}

test("modules that need each other are refused", () => {
  const files = new Map([
    ["a.ko", moduleFile({ exports: ["a"], needs: ["b"] })],
    ["b.ko", moduleFile({ exports: ["b"], needs: ["c"] })],
    ["c.ko", moduleFile({ exports: ["c"], needs: ["a"] })],
    ["user.ko", moduleFile({ needs: ["a"] })],
  ]);
  refused(modulesOf(files), "dependency_cycle", /among: (a|b|c), (a|b|c), (a|b|c)$/);
});

test("what an index cannot hold is refused", () => {
  const named = (path: string, alias: string): KernelModule => ({
    path,
    facts: { info: [{ key: "alias", value: alias }], exports: [], needs: [] },
  });
  refused([named("a.ko", "grün")], "index_unsupported", /is not ASCII/);
  refused([named("a.ko", "x".repeat(5000))], "index_unsupported", /5000 bytes/);
  refused([named("a.ko", ""), named("b/a.ko.xz", "")], "index_unsupported", /one name/);
});
