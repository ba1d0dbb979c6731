import { randomUUID } from "node:crypto";
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { storeFailure } from "../store/errors.ts";

/** Folders for one run of a foreign executable; they are gone, with all in them, once it is disposed of. */
export interface PrivateFolder extends AsyncDisposable {
  /** The one folder it may write to. */
  readonly work: string;
  /** An empty folder beside it, a place to build another root in. */
  readonly root: string;
}

/** Makes folders of its own below `temporary`; their paths are absolute. Throws `store_failed`, `store_full`. */
export async function privateFolder(temporary: string): Promise<PrivateFolder> {
  const path = resolve(temporary, `${process.pid}-${randomUUID()}`);
  const [work, root] = [join(path, "work"), join(path, "root")];
  try {
    for (const folder of [path, work, root]) await mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    throw storeFailure("private folder", cause);
  }
  return { work, root, [Symbol.asyncDispose]: () => remove(path) };
}

/** Removes a folder, also one whose own folders were closed to us. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(async () => {
    await open(path);
    await rm(path, { recursive: true, force: true });
  });
}

async function open(folder: string): Promise<void> {
  await chmod(folder, 0o700).catch(() => undefined);
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await open(join(folder, entry.name));
  }
}
