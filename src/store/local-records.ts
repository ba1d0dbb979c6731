import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, sha256 } from "../bytes/digest.ts";
import { storeFailure } from "./errors.ts";
import { recordFolder, writeAtomic } from "./files.ts";
import type { RecordStore, SchematicStore } from "./ports.ts";
import { touch } from "./recency.ts";

async function readText(path: string, what: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw storeFailure(what, cause);
  });
}

/** A record with the digest of its own text, which tells a whole one from what a failing disk left of it. */
interface Sealed {
  readonly digest: Digest;
  readonly record: unknown;
}

function seal(record: unknown): string {
  return JSON.stringify({ digest: sha256(JSON.stringify(record)), record } satisfies Sealed);
}

/** The record in a sealed text, undefined when it is damaged. */
function unseal(text: string): unknown {
  try {
    const { digest, record } = JSON.parse(text) as Sealed;
    return sha256(JSON.stringify(record)) === digest ? record : undefined;
  } catch {
    return undefined;
  }
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
    const records = recordFolder(folder);
    await mkdir(records, { recursive: true });
    return new LocalRecords(records, join(folder, "tmp"));
  }

  async get(key: Digest): Promise<unknown> {
    const path = join(this.#folder, `${digestHex(key)}.json`);
    const text = await readText(path, "derivation record");
    if (text === undefined) return undefined;
    const info = await stat(path).catch(() => undefined);
    if (info) await touch(path, info.mtimeMs);
    return unseal(text);
  }

  async put(key: Digest, record: unknown): Promise<void> {
    try {
      await writeAtomic(this.#temporary, join(this.#folder, `${digestHex(key)}.json`), seal(record));
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
