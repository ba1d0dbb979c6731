import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../src/bytes/digest.ts";

export interface FolderCheck {
  readonly blobs: number;
  readonly records: number;
  /** Files left over from writes that were cut off. */
  readonly temporary: number;
  /** Everything that is not what its name says; must be empty. */
  readonly wrong: readonly string[];
}

/** Reads a file that others may remove meanwhile. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  return await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw cause;
  });
}

/** A record's own claim about its text. */
function isWhole(text: string): boolean {
  try {
    const { digest, record } = JSON.parse(text) as { digest: unknown; record: unknown };
    return sha256(JSON.stringify(record)) === digest;
  } catch {
    return false;
  }
}

/** Looks at every blob and record of a data folder, also while others work in it. */
export async function checkDataFolder(folder: string): Promise<FolderCheck> {
  const wrong: string[] = [];
  const count = async (path: string, right: (name: string, bytes: Buffer) => boolean): Promise<number> => {
    let seen = 0;
    for (const name of await readdir(join(folder, path))) {
      const bytes = await readIfThere(join(folder, path, name));
      if (bytes === undefined) continue;
      seen++;
      if (!right(name, bytes)) wrong.push(`${path}/${name}: ${bytes.length} bytes`);
    }
    return seen;
  };
  return {
    blobs: await count("oci/blobs/sha256", (name, bytes) => sha256(bytes) === `sha256:${name}`),
    records: await count("derivations", (_name, bytes) => isWhole(bytes.toString())),
    temporary: (await readdir(join(folder, "tmp"))).length,
    wrong,
  };
}
