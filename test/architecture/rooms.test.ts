import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, roomOf, sources } from "./rooms.ts";

const GROUND = ["bytes", "errors"];
const ALGEBRA = [...GROUND, "extents"];

/** What each room may import of ours; itself always. Lower rooms never see higher ones. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  bytes: ["errors"],
  extents: GROUND,
  formats: [...ALGEBRA],
  talos: GROUND,
  recipes: [...ALGEBRA, "formats", "talos"],
  store: ALGEBRA,
  sources: [...GROUND, "extents", "formats", "talos"],
  // Jobs stream layers from sources into the store; `native` is loaded by the codec files alone.
  workers: [...ALGEBRA, "formats", "talos", "sources", "store"],
  imager: [...ALGEBRA, "formats", "talos", "recipes", "workers", "sources", "store"],
  server: [...ALGEBRA, "formats", "talos", "imager", "sources", "store", "workers"],
  cli: [...ALGEBRA, "formats", "talos", "imager", "sources", "store", "workers"],
};

/** Formats built on other formats. */
const FORMAT_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  "formats/uki": ["formats/pe"],
  "formats/gpt": ["formats/mbr"],
  "formats/iso9660": ["formats/mbr", "formats/gpt"],
  "formats/grub": ["formats/pe"],
};

/** Node modules and packages by room; rooms that are not listed may import none. */
const MAY_USE: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  bytes: ["node:crypto", "node:zlib"],
  talos: ["node:zlib"],
  store: [/^node:/],
  sources: [/^node:/, "tar-stream"],
  workers: [/^node:/, "piscina", "lzma-native"],
  server: [/^node:/, "fastify", "pino"],
  cli: [/^node:/, "tar-stream"],
};

/** Files that wire all rooms together. */
const SHELLS = new Set(["src/server/serve.ts", "src/server/main.ts"]);

const files = sources();

function mayImport(from: string, to: string): boolean {
  if (from === to || to === "errors") return true;
  if (from.startsWith("formats/") && to.startsWith("formats/")) return (FORMAT_IMPORTS[from] ?? []).includes(to);
  const allowed = MAY_IMPORT[from.split("/")[0]!];
  assert.ok(allowed, `room ${from} is not in the table`);
  return allowed.includes(to.split("/")[0]!);
}

test("there are source files to judge, and every room in the table exists", () => {
  assert.ok(files.length > 50);
  for (const room of Object.keys(MAY_IMPORT)) {
    assert.ok(
      files.some((file) => file.room.split("/")[0] === room),
      `no file in room ${room}`,
    );
  }
});

test("rooms import only what the table allows", () => {
  const broken: string[] = [];
  for (const { path, room, imports } of files) {
    for (const target of imports) {
      if (!target.startsWith("src/")) continue;
      assert.ok(existsSync(join(ROOT, target)), `${path} imports ${target}, which is not there`);
      // The codec port is a type that every room above formats may name.
      if (!SHELLS.has(path) && !mayImport(room, roomOf(target)) && target !== "src/formats/codec.ts") {
        broken.push(`${path} → ${target}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test("server routes never import a format", () => {
  const broken = files.filter(
    ({ path, imports }) =>
      path.startsWith("src/server/routes/") && imports.some((one) => one.startsWith("src/formats/")),
  );
  assert.deepEqual(
    broken.map(({ path }) => path),
    [],
  );
});

test("packages and Node modules are used only where the table allows", () => {
  const broken: string[] = [];
  for (const { path, room, imports } of files) {
    const allowed = MAY_USE[room.split("/")[0]!] ?? [];
    for (const target of imports) {
      if (target.startsWith("src/")) continue;
      const fits = allowed.some((one) => (typeof one === "string" ? one === target : one.test(target)));
      if (!fits) broken.push(`${path} → ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("the pure rooms read no clock, randomness or environment", () => {
  const impure = /\b(?:Date\.now|new Date\(\)|Math\.random|randomUUID|randomBytes|process\.|performance\.|fetch\()/;
  const pure = new Set(["bytes", "errors", "extents", "formats", "talos", "recipes"]);
  const broken = files.filter(({ room, text }) => pure.has(room.split("/")[0]!) && impure.test(text));
  assert.deepEqual(
    broken.map(({ path }) => path),
    [],
  );
});

test("no file is longer than 500 lines", () => {
  const long = files.filter(({ text }) => text.split("\n").length > 500);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});

test("the import graph has no cycles between files", () => {
  const graph = new Map(files.map(({ path, imports }) => [path, imports.filter((one) => one.startsWith("src/"))]));
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    state.set(path, "open");
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, "done");
  };
  for (const path of graph.keys()) visit(path, []);
  assert.deepEqual(cycles, []);
});
