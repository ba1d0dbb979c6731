/** What an overlay's `install` wrote: files below the mount prefix, and bytes of the disk. */
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { MiB } from "../../bytes/align.ts";
import { sha256 } from "../../bytes/digest.ts";
import { compareText, utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { BlobWriter } from "../../store/ports.ts";
import type { InstallPaths } from "../../talos/overlay.ts";
import type { Installed, StagedFile } from "../protocol.ts";
import type { JobContext } from "./context.ts";

/** Boot loaders of boards have a few megabytes; files go into partitions of at most 2 GiB. */
const MAX_RAW_BYTES = 64 * MiB;
const MAX_FILE_BYTES = 2048 * MiB;
const MAX_ENTRIES = 10_000;
const MAX_DEPTH = 32;
const CHUNK = MiB;
/** Runs of zeros of this many bytes are no part of what was written. */
const PAGE = 4096;
const ZEROS = Buffer.alloc(PAGE);
/** What stands there may have become anything: a link is not followed, a pipe not waited for. */
const AS_IT_IS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function failed(reason: string, cause?: unknown): FactoryError {
  return new FactoryError("overlay_failed", reason, { cause });
}

interface Frame {
  readonly diskRegion: number;
  readonly staged: readonly StagedFile[];
}

/** Gathers both into one blob. Throws `overlay_failed` for anything that is no file and for too much of it. */
export async function installedFiles(
  { installDisk, mountPrefix }: InstallPaths,
  { diskRegion, staged }: Frame,
  context: JobContext,
): Promise<Installed> {
  const gathered = new Gathered(await context.blobs.writer({ maxBytes: MAX_RAW_BYTES + MAX_FILE_BYTES }), context);
  try {
    const known = new Map(staged.map(({ path, content }) => [path, content]));
    await gathered.folder(join(mountPrefix, "boot"), "", (path) => known.get(`boot/${path}`));
    await gathered.disk(installDisk, diskRegion);
    return await gathered.commit();
  } catch (error) {
    await gathered.abort();
    throw error;
  }
}

type AsStaged = (path: string) => StagedFile["content"] | undefined;

class Gathered {
  readonly #writer: BlobWriter;
  readonly #context: JobContext;
  readonly #entries: Installed["entries"][number][] = [];
  readonly #ranges: { at: number; from: number; size: number }[] = [];
  #size = 0;

  constructor(writer: BlobWriter, context: JobContext) {
    this.#writer = writer;
    this.#context = context;
  }

  async commit(): Promise<Installed> {
    const [entries, ranges] = [this.#entries, this.#ranges];
    if (this.#size > 0) return { entries, ranges, content: await this.#writer.commit() };
    await this.#writer.abort();
    return { entries, ranges, content: undefined };
  }

  async abort(): Promise<void> {
    await this.#writer.abort();
  }

  /** Adds what is in a folder, names in order; one that is not there is empty. */
  async folder(folder: string, below: string, asStaged: AsStaged): Promise<void> {
    const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT" && below === "") return [];
      throw failed(`boot/${below}: ${cause.code}`, cause);
    });
    for (const name of names.sort(compareText)) {
      const path = below === "" ? name : `${below}/${name}`;
      if (this.#entries.length >= MAX_ENTRIES) throw failed(`boot: more than ${MAX_ENTRIES} files`);
      if (path.split("/").length > MAX_DEPTH) throw failed(`boot/${path}: deeper than ${MAX_DEPTH} folders`);
      await this.#entry(join(folder, name), path, asStaged);
    }
  }

  async #entry(at: string, path: string, asStaged: AsStaged): Promise<void> {
    this.#context.checkpoint();
    const stats = await lstat(at).catch((cause: NodeJS.ErrnoException) => {
      throw failed(`boot/${path}: ${cause.code}`, cause);
    });
    const mode = stats.mode & 0o777;
    if (stats.isDirectory()) {
      this.#entries.push({ $case: "directory", path, mode });
      await this.folder(at, path, asStaged);
    } else if (stats.isFile()) await this.#file(at, path, mode, asStaged(path));
    else throw failed(`boot/${path} is neither a file nor a folder`);
  }

  async #file(at: string, path: string, mode: number, staged: StagedFile["content"] | undefined): Promise<void> {
    await using file = await opened(at, `boot/${path}`);
    const { size } = file.stats;
    if (staged !== undefined && (await isStill(file.handle, size, staged))) return;
    this.#entries.push({ $case: "file", path, mode, offset: this.#size, size });
    if (this.#size + size > MAX_FILE_BYTES) throw failed(`boot/${path}: more than ${MAX_FILE_BYTES} bytes in all`);
    for (let done = 0; done < size; done += CHUNK) {
      await this.#write(await exactly(file.handle, done, Math.min(CHUNK, size - done), `boot/${path}`));
    }
  }

  /** Adds the bytes of a disk below `region` that are not zero. */
  async disk(path: string, region: number): Promise<void> {
    await using file = await opened(path, "installDisk");
    const end = Math.min(region, file.stats.size);
    let found = 0;
    for (let at = 0; at < end; at += CHUNK) {
      this.#context.checkpoint();
      const chunk = await exactly(file.handle, at, Math.min(CHUNK, end - at), "installDisk");
      for (let i = 0; i < chunk.length; i += PAGE) {
        const page = chunk.subarray(i, i + PAGE);
        if (page.equals(ZEROS.subarray(0, page.length))) continue;
        found += page.length;
        if (found > MAX_RAW_BYTES) throw failed(`installDisk: more than ${MAX_RAW_BYTES} bytes before the partitions`);
        this.#range(at + i, page.length);
        await this.#write(page);
      }
    }
  }

  #range(at: number, size: number): void {
    const last = this.#ranges.at(-1);
    if (last && last.at + last.size === at) last.size += size;
    else this.#ranges.push({ at, from: this.#size, size });
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#context.checkpoint();
    await this.#writer.write(bytes);
    this.#size += bytes.length;
  }
}

interface Opened extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

async function opened(path: string, name: string): Promise<Opened> {
  const handle = await open(path, AS_IT_IS).catch((cause: NodeJS.ErrnoException) => {
    throw failed(`${name}: ${cause.code}`, cause);
  });
  const stats = await handle.stat();
  const close = (): Promise<void> => handle.close();
  if (stats.isFile()) return { handle, stats, [Symbol.asyncDispose]: close };
  await close();
  throw failed(`${name} is no file any more`);
}

async function exactly(handle: FileHandle, offset: number, length: number, name: string): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw failed(`${name}: ends before byte ${offset + length}`);
    done += bytesRead;
  }
  return bytes;
}

/** Whether a file has the content it was staged with. */
async function isStill(handle: FileHandle, size: number, staged: StagedFile["content"]): Promise<boolean> {
  const bytes = typeof staged === "string" ? utf8(staged) : undefined;
  const expected = bytes ? { digest: sha256(bytes), size: bytes.length } : (staged as { digest: string; size: number });
  return size === expected.size && sha256(await exactly(handle, 0, size, "staged file")) === expected.digest;
}
