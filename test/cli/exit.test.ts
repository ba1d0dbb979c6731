import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { exitCode } from "../../src/cli/exit.ts";
import { FactoryError } from "../../src/errors.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Every code a closed union declares, but those of the server's own room. */
function codes(): ReadonlySet<string> {
  const texts = globSync("src/**/*.ts", { cwd: ROOT })
    .filter((file) => !file.startsWith("src/server/"))
    .map((file) => readFileSync(join(ROOT, file), "utf8"));
  const unions = texts.flatMap((text) => [...text.matchAll(/type (?:\w*ErrorCode|StructError) =([^;]+);/g)]);
  return new Set(unions.flatMap(([, body]) => [...body!.matchAll(/"([a-z0-9_]+)"/g)].map(([, code]) => code!)));
}

const EXPECTED: Readonly<Record<number, readonly string[]>> = {
  1: ["usage_invalid", "cancelled"],
  2: ["profile_invalid", "profile_unsupported", "platform_unknown", "arch_invalid", "epoch_invalid"],
  3: ["not_built", "format_unsupported", "unsupported_version"],
  6: [
    ...["file_unreadable", "output_failed"],
    ...["store_failed", "store_full", "store_busy", "store_damaged", "blob_missing"],
  ],
  7: [
    ...["bootloader_invalid", "sector_size_invalid", "disk_size_invalid", "disk_too_small"],
    ...["tag_invalid", "values_too_large"],
  ],
};

test("codes have the exit code of their class (imager.md 2.4), all others that of a broken part", () => {
  const all = codes();
  assert.ok(all.size > 80, "the declarations are not found");
  const special = new Map(Object.entries(EXPECTED).flatMap(([exit, list]) => list.map((code) => [code, Number(exit)])));
  for (const code of special.keys()) assert.ok(all.has(code as string), `${code} is no code`);
  for (const code of all) assert.equal(exitCode(new FactoryError(code, "")), special.get(code) ?? 5, code);
});

test("faults of the program are none of the classes", () => {
  for (const thrown of [new Error("x"), new TypeError("x"), "text", undefined]) assert.equal(exitCode(thrown), 1);
});
