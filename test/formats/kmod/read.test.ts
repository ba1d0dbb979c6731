import assert from "node:assert/strict";
import { test } from "node:test";
import { readModule } from "../../../src/formats/kmod/index.ts";
import { elfFile, type ModulePlan, moduleFile, moduleSections } from "./support.ts";

const NOTHING = { info: [], exports: [], needs: [] };

test("what depmod looks for in a module", () => {
  const vectors: readonly (readonly [ModulePlan, Partial<ReturnType<typeof readModule>>])[] = [
    [{}, {}],
    [{ exports: ["b", "a"] }, { exports: ["b", "a"] }],
    [{ exports: ["b", "a"], versioned: true }, { exports: ["b", "a"] }],
    [{ needs: ["y", "x", "y"] }, { needs: ["y", "x"] }],
    [{ needs: ["y"], versions: ["module_layout", "y"] }, { needs: ["y", "module_layout"] }],
    [
      { info: ["license=GPL", "alias=a=b", "softdep=pre: x", "alias", "weakdep=w", "aliased=no"] },
      {
        info: [
          { key: "alias", value: "a=b" },
          { key: "softdep", value: "pre: x" },
          { key: "alias", value: "" },
          { key: "weakdep", value: "w" },
        ],
      },
    ],
    [{ info: ["alias=gr\u00fcn"] }, { info: [{ key: "alias", value: "gr\u00fcn" }] }],
  ];
  for (const [plan, facts] of vectors) assert.deepEqual(readModule(moduleFile(plan), "x.ko"), { ...NOTHING, ...facts });
});

test("a signature behind the module and a view into a larger buffer make no difference", () => {
  const plan = { exports: ["a"], needs: ["b"] };
  const file = moduleFile(plan);
  const larger = Buffer.concat([Buffer.alloc(13), file, Buffer.from("~Module signature appended~\n")]);
  assert.deepEqual(readModule(larger.subarray(13), "x.ko"), readModule(file, "x.ko"));
});

test("modules for ARM are read, and of two sections with one name the first", () => {
  const file = moduleFile({ exports: ["a"] });
  const sections = moduleSections({ exports: ["a"] });
  assert.deepEqual(readModule(elfFile(sections, { machine: 183 }), "x.ko"), readModule(file, "x.ko"));
  const twice = [...sections, { name: "__ksymtab_strings", bytes: Buffer.from("b\0") }];
  assert.deepEqual(readModule(elfFile(twice), "x.ko").exports, ["a"]);
});
