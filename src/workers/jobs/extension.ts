import { compareText, utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { BlobRef } from "../../extents/index.ts";
import type { SquashfsWriter } from "../../formats/squashfs/index.ts";
import type { TreeEntry } from "../../sources/index.ts";
import type { BlobWriter } from "../../store/ports.ts";
import type { ExtensionParts, Jobs, SquashfsParts } from "../protocol.ts";
import {
  cancellable,
  Directories,
  fileTree,
  type JobContext,
  type UnpackedDirectory,
  writeSquashfs,
} from "./context.ts";
import { FirmwareFolder, type Moved } from "./firmware.ts";

const MANIFEST = "manifest.yaml";
const ROOTFS = "rootfs";
const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_MOVED_BYTES = 4 * 2 ** 30;

function invalid(reason: string): FactoryError {
  return new FactoryError("extension_invalid", `extension image: ${reason}`);
}

/** Everything but directories, which are made when all of them are known. */
type Leaf = Exclude<TreeEntry, { readonly $case: "directory" }>;

function attributes(mode: number, { selinux }: Pick<UnpackedDirectory, "selinux">) {
  return selinux === undefined ? { mode } : { mode, xattrs: new Map([["security.selinux", utf8(selinux)]]) };
}

/** Keeps the bytes of what is moved out of the extension, one file behind the other. */
class Moving {
  readonly folder: FirmwareFolder;
  readonly #spool: BlobWriter;
  #size = 0;

  constructor(firmwarePath: string, spool: BlobWriter) {
    this.folder = new FirmwareFolder(firmwarePath);
    this.#spool = spool;
  }

  async add(path: string, entry: Leaf, context: JobContext): Promise<void> {
    if (entry.$case === "symlink") return this.folder.addLink(path, entry.target);
    const size = entry.$case === "file" ? entry.size : 0;
    this.folder.addFile(path, { mode: entry.mode, offset: this.#size, size });
    if (entry.$case !== "file") return;
    for await (const bytes of cancellable(entry.body, context)) await this.#spool.write(bytes);
    this.#size += size;
  }

  async commit(): Promise<BlobRef | undefined> {
    if (this.#size > 0) return await this.#spool.commit();
    await this.#spool.abort();
    return undefined;
  }
}

async function addEntry(writer: SquashfsWriter, path: string, entry: Leaf, context: JobContext): Promise<void> {
  switch (entry.$case) {
    case "symlink":
      return await writer.addSymlink(path, entry.target, attributes(0o777, entry).xattrs);
    case "file":
      return await writer.addFile(path, attributes(entry.mode, entry), cancellable(entry.body, context), entry.size);
    // The reference unpacks hard links and special files as empty files (imager.md 5.1); nodes rely on nothing else.
    case "hardlink":
    case "device":
      return await writer.addFile(
        path,
        attributes(entry.mode, entry),
        cancellable((async function* () {})(), context),
        0,
      );
  }
}

/** The release a path below the modules folder belongs to, or undefined. */
function moduleRelease(path: string, modulesPath: string): string | undefined {
  const prefix = `${modulesPath.slice(1)}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length).split("/")[0] : undefined;
}

async function manifestText(entry: TreeEntry, context: JobContext): Promise<string> {
  if (entry.$case !== "file" || entry.size > MAX_MANIFEST_BYTES) throw invalid(`${MANIFEST} is no small file`);
  const chunks: Uint8Array[] = [];
  for await (const bytes of cancellable(entry.body, context)) chunks.push(bytes);
  return Buffer.concat(chunks).toString("utf8");
}

/** The path of an entry below `rootfs`, "" for that itself, undefined for the manifest. */
function inRootfs({ $case, path }: TreeEntry): string | undefined {
  if (path === MANIFEST) return undefined;
  const [top, ...rest] = path.split("/");
  if (top !== ROOTFS) {
    throw invalid(`unexpected "${path.slice(0, 120)}": only ${MANIFEST} and ${ROOTFS} belong there`);
  }
  if (rest.length === 0 && $case !== "directory") throw invalid(`${ROOTFS} is not a directory`);
  return rest.join("/");
}

async function addDirectories(writer: SquashfsWriter, firmware: FirmwareFolder, all: Directories): Promise<void> {
  const list = all.list();
  if (list.length === 0) throw invalid(`no ${ROOTFS}`);
  for (const { path: inImage, mode, selinux } of list) {
    const path = inImage.slice(ROOTFS.length + 1);
    if (firmware.owns(path)) firmware.addDirectory(path, mode);
    else await writer.addDirectory(path, attributes(mode, { selinux }));
  }
}

/** Splits an extension image in one pass over its layers. Throws `extension_invalid` for anything but an extension. */
export async function splitExtension(
  { image, compression, firmwarePath, modulesPath }: Jobs["extension"]["input"],
  context: JobContext,
): Promise<ExtensionParts> {
  const spool = await context.blobs.writer({ maxBytes: MAX_MOVED_BYTES });
  const moving = new Moving(firmwarePath, spool);
  const directories = new Directories();
  const releases = new Set<string>();
  let manifest: string | undefined;
  let moved: Moved = { microcode: [], firmware: [], firmwareDirectories: [] };
  const fill = async (writer: SquashfsWriter): Promise<void> => {
    for await (const entry of fileTree(image, context)) {
      const path = inRootfs(entry);
      directories.add(entry);
      if (path === undefined) manifest = await manifestText(entry, context);
      else if (entry.$case !== "directory") {
        if (moving.folder.owns(path)) await moving.add(path, entry, context);
        else await addEntry(writer, path, entry, context);
      }
      const release = moduleRelease(path ?? "", modulesPath);
      if (release !== undefined) releases.add(release);
    }
    if (manifest === undefined) throw invalid(`no ${MANIFEST}`);
    await addDirectories(writer, moving.folder, directories);
    moved = moving.folder.move();
  };
  let squashfs: SquashfsParts;
  let movedBlob: BlobRef | undefined;
  try {
    squashfs = await writeSquashfs(context, compression, fill);
    movedBlob = await moving.commit();
  } catch (error) {
    await spool.abort();
    throw error;
  }
  return {
    manifest: manifest ?? "",
    squashfs,
    moved: movedBlob,
    ...moved,
    moduleReleases: [...releases].sort(compareText),
  };
}
