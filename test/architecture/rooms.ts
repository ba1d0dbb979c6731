import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** Where a source file stands: its room, and below `formats` its folder. */
export interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const IMPORT = /^(?:import|export)\b[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gms;

/** `src/formats/uki/write.ts` is in room `formats/uki`, `src/errors.ts` in room `errors`. */
export function roomOf(path: string): string {
  const [, first = "", second = ""] = path.split("/");
  if (first === "formats" && !second.endsWith(".ts")) return `formats/${second}`;
  return first.replace(/\.(ts|mjs)$/, "");
}

/** Every source file with its imports; relative ones as paths from the project's root. */
export function sources(): readonly SourceFile[] {
  return globSync("src/**/*.ts", { cwd: ROOT })
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      const imports = [...text.matchAll(IMPORT)].map((match) => {
        const target = (match[1] ?? match[2] ?? match[3])!;
        return target.startsWith(".") ? normalize(join(dirname(path), target)) : target;
      });
      return { path, room: roomOf(path), text, imports };
    });
}
