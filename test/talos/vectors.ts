import { readFileSync } from "node:fs";

/** Rows of a file in `vectors/`: values the reference program gave for these inputs. */
export function loadVectors<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), "utf8")) as T[];
}
