/** An overlay's executable is run in a private folder, and what it says and writes becomes a result (outputs.md 6). */
import { chmod, mkdir, open, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MiB } from "../../bytes/align.ts";
import { FactoryError } from "../../errors.ts";
import { blob, stream } from "../../extents/index.ts";
import { storeFailure } from "../../store/errors.ts";
import { type InstallPaths, installRequest, optionsRequest, parseOverlayOptions } from "../../talos/overlay.ts";
import { type RunLimits, runExecutable } from "../executable.ts";
import { isolation } from "../isolation.ts";
import { privateFolder } from "../privatefolder.ts";
import type { Jobs, OverlayCall, StagedFile, UnpackedTree } from "../protocol.ts";
import type { JobContext } from "./context.ts";
import { installedFiles } from "./installed.ts";

const OPTIONS_MS = 30_000;
const INSTALL_MS = 120_000;
/** What a run may add to the private folder. */
const WRITTEN_BYTES = 512 * MiB;
const WRITTEN_FILES = 10_000;
const EXECUTABLE = 0o111;

/** Throws `overlay_failed`, `overlay_invalid` for options that are none. */
export async function askOverlay(
  call: Jobs["overlayOptions"]["input"],
  context: JobContext,
): Promise<Jobs["overlayOptions"]["output"]> {
  const output = await run(call, context, {
    command: "get-options",
    wallMs: OPTIONS_MS,
    prepare: async () => optionsRequest(call.options),
    finish: async (_, stdout) => stdout,
  });
  const { name, kernelArgs, partitionOptions } = await explained(call, "get-options", () =>
    parseOverlayOptions(output),
  );
  // More sectors than can be counted exactly are more than any disk has.
  return { name, kernelArgs, offset: Number(partitionOptions.offset) };
}

/** Throws `overlay_failed`. */
export async function installOverlay(
  call: Jobs["overlayInstall"]["input"],
  context: JobContext,
): Promise<Jobs["overlayInstall"]["output"]> {
  const { diskSize, diskRegion, staged } = call;
  const pathsIn = (work: string): InstallPaths => ({
    installDisk: join(work, "disk.raw"),
    mountPrefix: join(work, "image"),
    artifactsPath: join(overlayFolder(work), "artifacts"),
  });
  return await run(call, context, {
    command: "install",
    wallMs: INSTALL_MS,
    async prepare(work) {
      const paths = pathsIn(work);
      await mkdir(paths.mountPrefix);
      for (const file of staged) await stage(file, paths.mountPrefix, context);
      const disk = await open(paths.installDisk, "wx", 0o600);
      await disk.truncate(diskSize).finally(() => disk.close());
      return installRequest(paths, call.options);
    },
    finish: async (work) => await installedFiles(pathsIn(work), { diskRegion, staged }, context),
  });
}

interface Run<T> {
  readonly command: "get-options" | "install";
  readonly wallMs: number;
  /** Gives what stands on standard input. */
  readonly prepare: (work: string) => Promise<string>;
  /** Takes what is needed out of the private folder, and standard output. */
  readonly finish: (work: string, stdout: Uint8Array) => Promise<T>;
}

function overlayFolder(work: string): string {
  return join(work, "overlay");
}

async function run<T>(
  call: OverlayCall,
  context: JobContext,
  { command, wallMs, prepare, finish }: Run<T>,
): Promise<T> {
  const { tree, name } = call;
  const path = `installers/${name}`;
  return await explained(call, command, async () => {
    const found = tree.entries.find((entry) => entry.path === path);
    if (!found || found.$case === "directory") throw new FactoryError("overlay_failed", `${path}: no such file`);
    await using folder = await privateFolder(context.temporary);
    const { work } = folder;
    const stdin = await unpack(tree, overlayFolder(work), context)
      .then(() => prepare(work))
      .catch(writeFailure);
    const stdout = await runExecutable({
      command: { ...folder, file: join(overlayFolder(work), path), args: [command] },
      isolation: await isolation(context.temporary),
      stdin,
      limits: limitsFor(tree, wallMs),
      checkpoint: () => context.checkpoint(),
    });
    return await finish(work, stdout);
  });
}

/** Says of which overlay an error speaks. */
async function explained<T>({ name }: OverlayCall, command: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof FactoryError) || !/^overlay_/.test(cause.code)) throw cause;
    throw new FactoryError(cause.code, `overlay ${JSON.stringify(name)}: ${command}: ${cause.message}`, { cause });
  }
}

function writeFailure(cause: unknown): never {
  throw cause instanceof FactoryError ? cause : storeFailure("private folder", cause);
}

function limitsFor({ entries }: UnpackedTree, wallMs: number): RunLimits {
  const bytes = entries.reduce((sum, entry) => sum + (entry.$case === "file" ? entry.size : 0), WRITTEN_BYTES);
  return { wallMs, bytes, files: entries.length + WRITTEN_FILES };
}

/** Writes a tree into a new folder. Parents come first, and nothing in a tree lies below one of its links. */
async function unpack({ entries, content }: UnpackedTree, folder: string, context: JobContext): Promise<void> {
  await mkdir(folder);
  for (const entry of entries) {
    context.checkpoint();
    const path = join(folder, entry.path);
    if (entry.$case === "directory") await mkdir(path);
    else if (entry.$case === "symlink") await symlink(entry.target, path);
    else {
      const { offset, size } = entry;
      const body = content && size > 0 ? stream(blob(content.digest, size, offset), context.blobs) : "";
      // Modes of foreign archives are no reason for an executable not to be one, or for us not to read it.
      const mode = entry.path.startsWith("installers/") ? entry.mode | EXECUTABLE : entry.mode;
      await writeFile(path, body, { flag: "wx" });
      await chmod(path, (mode & 0o777) | 0o400);
    }
  }
}

async function stage({ path, mode, content }: StagedFile, prefix: string, context: JobContext): Promise<void> {
  const target = join(prefix, path);
  await mkdir(dirname(target), { recursive: true });
  const body = typeof content === "string" ? content : stream(blob(content.digest, content.size), context.blobs);
  await writeFile(target, body, { flag: "wx", mode });
}
