/** The rooms a build needs, set up in a cache folder: the same ones the server has. */
import { constants, existsSync, mkdtempSync, rmSync } from "node:fs";
import { access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { Deriver, type DeriverDeps } from "../imager/derive.ts";
import { GrubImages } from "../imager/grub.ts";
import { GrubFolder } from "../sources/index.ts";
import { LocalBlobStore } from "../store/local-blobs.ts";
import { LocalRecords } from "../store/local-records.ts";
import { loadCodec } from "../workers/codec.ts";
import { type Isolation, isolation } from "../workers/isolation.ts";
import { WorkerPool } from "../workers/pool.ts";
import { CliError } from "./errors.ts";
import type { Settings } from "./settings.ts";

/** Where distributions install GRUB's module files. */
const SYSTEM_GRUB = "/usr/lib/grub";

export interface Workshop extends AsyncDisposable {
  readonly blobs: LocalBlobStore;
  readonly deriver: Deriver;
  readonly grub: GrubImages | undefined;
  /** How foreign executables are kept apart. */
  readonly isolation: () => Promise<Isolation>;
}

interface Store {
  readonly folder: string;
  readonly blobs: LocalBlobStore;
  readonly records: LocalRecords;
  /** Removes the folder if it was only for this run. */
  readonly close: () => void;
}

/** Throws `usage_invalid` for a cache or a folder of GRUB modules that was asked for and cannot be used. */
export async function openWorkshop(
  settings: Settings,
  { onDerived, warn }: { readonly onDerived: DeriverDeps["onDerived"]; readonly warn: (line: string) => void },
): Promise<Workshop> {
  const { mtime } = settings;
  const store = await openStore(settings, warn);
  try {
    const grub = await openGrub(settings.grubFolder);
    const { codec, native } = loadCodec();
    const pool = new WorkerPool({ dataFolder: store.folder, forceFallbackCodec: !native, mtime });
    const deriver = new Deriver({
      blobs: store.blobs,
      records: store.records,
      run: (kind, input, signal) => pool.run(kind, input, signal),
      codecs: `${codec.zstdId}, ${codec.xzId}`,
      mtime,
      onDerived,
    });
    return {
      blobs: store.blobs,
      deriver,
      grub: grub && new GrubImages(grub, deriver),
      isolation: () => isolation(join(store.folder, "tmp")),
      async [Symbol.asyncDispose]() {
        await pool.close();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

async function openStore({ cacheFolder, cacheAsked }: Settings, warn: (line: string) => void): Promise<Store> {
  try {
    return await storeIn(cacheFolder, () => undefined);
  } catch (cause) {
    const reason = `${cacheFolder}: ${messageOf(cause)}`;
    if (cacheAsked) throw new CliError("usage_invalid", `IMAGER_CACHE: ${reason}`, { cause });
    warn(`warning: ${reason}; what is made now is made again the next time`);
  }
  const folder = mkdtempSync(join(tmpdir(), "imager-"));
  // Also when the process is told to end at once.
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  return await storeIn(folder, () => {
    process.off("exit", remove);
    remove();
  });
}

async function storeIn(folder: string, close: () => void): Promise<Store> {
  const blobs = await LocalBlobStore.open(folder, Date.now());
  const records = await LocalRecords.open(folder);
  // Opening writes nothing into a folder that was used before.
  await access(join(folder, "tmp"), constants.W_OK);
  return {
    folder,
    blobs,
    records,
    close: () => {
      blobs.close();
      close();
    },
  };
}

/** GRUB's folder if it is fit for use. One that nobody named may be missing: most outputs need none. */
async function openGrub(asked: string | undefined): Promise<GrubFolder | undefined> {
  if (asked === undefined && !existsSync(SYSTEM_GRUB)) return undefined;
  const folder = new GrubFolder(asked ?? SYSTEM_GRUB);
  try {
    await folder.check();
    return folder;
  } catch (cause) {
    if (asked === undefined) return undefined;
    throw new CliError("usage_invalid", `IMAGER_GRUB: ${messageOf(cause)}`, { cause });
  }
}
