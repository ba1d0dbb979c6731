import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { FactoryError } from "../../src/errors.ts";
import { httpFailure } from "../../src/server/errors.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const HIDDEN = "internal server error";

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

const SOURCES = globSync("src/**/*.ts", { cwd: ROOT }).map((file) => ({ file, text: textOf(file) }));

interface Union {
  readonly name: string;
  readonly file: string;
  readonly declaration: string;
  readonly codes: readonly string[];
}

/** Every closed union of codes, read from its declaration. */
function unions(): readonly Union[] {
  return SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(/type (\w*ErrorCode|StructError) =([^;]+);/g)].map(([declaration, name, body]) => ({
      name: name!,
      file,
      declaration,
      codes: [...body!.matchAll(/"([a-z0-9_]+)"/g)].map(([, code]) => code!),
    })),
  );
}

/** Codes of errors that have no class of their own. */
function plainCodes(): readonly string[] {
  return SOURCES.flatMap(({ text }) =>
    [
      ...text.matchAll(/FactoryError(?:<[^>]*>)?\(\s*"([a-z0-9_]+)"/g),
      ...text.matchAll(/FactoryError<"([a-z_]+)">/g),
    ].map(([, code]) => code!),
  );
}

/** The codes that get a status of their own, or whose message is shown with status 500. */
function mapped(): readonly string[] {
  const text = textOf("src/server/errors.ts");
  return [...text.matchAll(/^ {2}(?:([a-z_]+): \d{3}|"([a-z_]+)"),$/gm)].map(([, key, shown]) => (key ?? shown)!);
}

/**
 * Failures nobody outside can do anything about: bugs of ours, foreign files that passed verification and are none of
 * what they should be, the data folder. They are logged, and the client learns no more than that.
 */
const INTERNAL = new Set([
  // bytes, extents
  ...["digest_invalid", "guid_invalid", "field_range", "struct_short"],
  ...["extent_invalid", "range_invalid", "overlap", "blob_short"],
  // formats
  ...["cluster_size_invalid", "vmdk_grains"],
  ...["zstd_malformed", "zstd_truncated", "xz_checks"],
  ...["volume_id_invalid", "time_range", "name_invalid", "name_duplicate", "mode_invalid", "too_deep"],
  ...["too_many_directories", "boot_entry_invalid", "image_too_large"],
  ...["entry_invalid", "entry_duplicate", "archive_malformed", "archive_truncated", "limit_exceeded"],
  ...["oci_malformed", "oci_too_large", "oci_unsupported"],
  ...["pe_short", "pe_magic", "pe_unsupported", "pe_section_range"],
  ...["uki_stub", "uki_section", "uki_too_large"],
  ...["boot_code_size", "partition_invalid", "disk_size", "no_space", "content_too_large", "meta_damaged"],
  ...["module_malformed", "module_unsupported", "index_unsupported", "dependency_cycle"],
  ...["option_invalid", "writer_state", "image_malformed", "entry_missing"],
  ...["volume_size", "label_invalid", "file_too_large", "directory_too_large"],
  ...["target_invalid", "too_fragmented", "too_many_entries", "lba_invalid"],
  ...["moddep_malformed", "module_unknown", "module_cycle", "file_size", "kernel_malformed", "kernel_unsupported"],
  ...["prefix_invalid", "core_malformed", "core_too_large"],
  ...["gzip_name", "tar_name"],
  // talos: rewritten into the code of the document before it leaves the room
  ...["yaml_invalid"],
  // sources: references of our own making
  ...["reference_invalid"],
  // store, workers, start-up
  ...["blob_missing", "blob_too_large", "blob_mismatch", "store_failed", "store_damaged"],
  ...["codec_options", "codec_damaged", "codec_truncated", "codec_limit", "codec_memory", "codec_failed"],
  ...["worker_died", "config_invalid"],
  // the command line: never behind HTTP
  ...["usage_invalid", "epoch_invalid", "file_unreadable", "output_failed", "format_unsupported"],
]);

test("every code has a status of its own, shows its message, or is internal on purpose", () => {
  const all = new Set([...unions().flatMap(({ codes }) => codes), ...plainCodes()]);
  assert.ok(all.size > 80, "the declarations are not found");
  const known = new Set([...mapped(), ...INTERNAL]);
  assert.deepEqual([...all].filter((code) => !known.has(code)).sort(), [], "codes nobody decided about");
  assert.deepEqual([...known].filter((code) => !all.has(code)).sort(), [], "decisions about codes there are not");
  assert.deepEqual(
    mapped().filter((code) => INTERNAL.has(code)),
    [],
  );
});

test("internal failures tell nothing", () => {
  for (const code of INTERNAL) {
    assert.deepEqual(httpFailure(new FactoryError(code, "/secret/path")), { status: 500, message: HIDDEN }, code);
  }
  for (const thrown of [new Error("/secret/path"), new TypeError("x"), "text", undefined, null, { code: 5 }]) {
    assert.deepEqual(httpFailure(thrown), { status: 500, message: HIDDEN });
  }
});

test("mapped codes give the status of their class (factory.md 1.2)", () => {
  const vectors: readonly (readonly [string, number, string | undefined])[] = [
    ["schematic_invalid", 400, "text"],
    ["path_invalid", 400, "text"],
    ["arch_invalid", 400, "text"],
    ["platform_unknown", 400, "text"],
    ["version_invalid", 400, "text"],
    ["extension_unavailable", 400, "text"],
    ["unsupported_version", 400, "text"],
    ["tag_invalid", 400, "text"],
    ["schematic_not_found", 404, "text"],
    ["version_unavailable", 404, "text"],
    ["asset_missing", 404, "text"],
    ["cancelled", 499, undefined],
    ["verification_failed", 500, "text"],
    ["digest_mismatch", 500, "text"],
    ["not_built", 501, "text"],
    ["overloaded", 503, "text"],
    ["store_full", 507, "the server's data folder is full"],
  ];
  for (const [code, status, message] of vectors) {
    assert.deepEqual(httpFailure(new FactoryError(code, "text")), { status, message }, code);
  }
});

test("a code that blames the client belongs to one room", () => {
  const owners = Map.groupBy(
    unions().flatMap(({ name, codes }) => codes.map((code) => ({ name, code }))),
    ({ code }) => code,
  );
  for (const [code, rooms] of owners) {
    const { status } = httpFailure(new FactoryError(code, ""));
    if (status < 500 && status !== 499) assert.equal(rooms.length, 1, `${code}: ${rooms.map(({ name }) => name)}`);
  }
});

/** No test can make these happen without breaking the process; `yaml_invalid` never leaves its room. */
const UNPROVOKED = new Set(["codec_memory", "codec_failed", "worker_died", "yaml_invalid"]);

test("no code is dead: each is thrown somewhere and provoked by a test", () => {
  const tests = globSync("test/**/*.ts", { cwd: ROOT })
    .filter((file) => !file.endsWith("server/errors.test.ts"))
    .map(textOf)
    .join("\n");
  const unthrown: string[] = [];
  const untested: string[] = [];
  for (const { name, declaration, codes } of unions()) {
    for (const code of codes) {
      const quoted = `"${code}"`;
      const uses = SOURCES.some(({ text, file }) => {
        return file !== "src/server/errors.ts" && text.replace(declaration, "").includes(quoted);
      });
      if (!uses) unthrown.push(`${name} ${code}`);
      if (!UNPROVOKED.has(code) && !tests.includes(quoted)) untested.push(`${name} ${code}`);
    }
  }
  assert.deepEqual(unthrown, []);
  assert.deepEqual(untested, []);
});

test("refusals of the HTTP framework keep their status, not its form", () => {
  const refusal = (code: string, statusCode: number) => Object.assign(new Error("body is short"), { code, statusCode });
  const vectors = [
    [refusal("FST_ERR_CTP_BODY_TOO_LARGE", 413), 400, "schematic: the body is too large"],
    [refusal("FST_ERR_CTP_INVALID_CONTENT_LENGTH", 400), 400, "body is short"],
    [refusal("FST_ERR_BAD_STATUS_CODE", 500), 500, HIDDEN],
    [refusal("ENOENT", 404), 500, HIDDEN],
  ] as const;
  for (const [thrown, status, message] of vectors) assert.deepEqual(httpFailure(thrown), { status, message });
});
