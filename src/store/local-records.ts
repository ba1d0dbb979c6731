import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, sha256 } from "../bytes/digest.ts";
import { storeFailure } from "./errors.ts";
import { writeAtomic } from "./files.ts";
import type { RecordStore, SchematicStore } from "./ports.ts";

async function readText(path: string, what: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw storeFailure(what, cause);
  });
}

/** Derivation records as JSON files in `<folder>/derivations`. A damaged record reads as absent and is made anew. */
export class LocalRecords implements RecordStore {
  readonly #folder: string;
  readonly #temporary: string;

  private constructor(folder: string, temporary: string) {
    this.#folder = folder;
    this.#temporary = temporary;
  }

  static async open(folder: string): Promise<LocalRecords> {
    const records = join(folder, "derivations");
    await mkdir(records, { recursive: true });
    return new LocalRecords(records, join(folder, "tmp"));
  }

  async get(key: Digest): Promise<unknown> {
    const text = await readText(join(this.#folder, `${digestHex(key)}.json`), "derivation record");
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  async put(key: Digest, record: unknown): Promise<void> {
    try {
      await writeAtomic(this.#temporary, join(this.#folder, `${digestHex(key)}.json`), JSON.stringify(record));
    } catch (cause) {
      throw storeFailure("derivation record", cause);
    }
  }
}

/** Schematics as files in `<folder>/schematics`, one canonical YAML text each, named by its SHA-256. */
export class LocalSchematics implements SchematicStore {
  readonly #folder: string;
  readonly #temporary: string;

  private constructor(folder: string, temporary: string) {
    this.#folder = folder;
    this.#temporary = temporary;
  }

  static async open(folder: string): Promise<LocalSchematics> {
    const schematics = join(folder, "schematics");
    await mkdir(schematics, { recursive: true });
    return new LocalSchematics(schematics, join(folder, "tmp"));
  }

  /** The text of a schematic; undefined for an unknown or malformed id, and for a file that does not hash to its name. */
  async get(id: string): Promise<string | undefined> {
    if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
    const text = await readText(join(this.#folder, `${id}.yaml`), "schematic");
    return text !== undefined && digestHex(sha256(text)) === id ? text : undefined;
  }

  async put(id: string, canonical: string): Promise<void> {
    if ((await this.get(id)) !== undefined) return;
    try {
      await writeAtomic(this.#temporary, join(this.#folder, `${id}.yaml`), canonical);
    } catch (cause) {
      throw storeFailure("schematic", cause);
    }
  }
}
