import { compareText, utf8 } from "../../bytes/text.ts";
import { FactoryError } from "../../errors.ts";
import type { BlobRef } from "../../extents/index.ts";
import type { SquashfsWriter } from "../../formats/squashfs/index.ts";
import type { TreeEntry } from "../../sources/index.ts";
import type { BlobWriter } from "../../store/ports.ts";
import type { ExtensionParts, Jobs, MovedFile, SquashfsParts } from "../protocol.ts";
import { cancellable, imageTree, type JobContext, writeSquashfs } from "./context.ts";

const MANIFEST = "manifest.yaml";
const ROOTFS = "rootfs";
const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_MOVED_BYTES = 4 * 2 ** 30;

/** Microcode is loaded by the kernel before it unpacks anything, from these names (imager.md 5.5). */
const MICROCODE = [
  { pattern: /^intel-ucode\/[^/]+$/, target: "kernel/x86/microcode/GenuineIntel.bin" },
  { pattern: /^amd-ucode\/microcode_amd[^/]*\.bin$/, target: "kernel/x86/microcode/AuthenticAMD.bin" },
] as const;

function invalid(reason: string): FactoryError {
  return new FactoryError("extension_invalid", `extension image: ${reason}`);
}

/** Directories keep their permission bits and are always writable and searchable by root (imager.md 5.1). */
function directoryMode(mode: number): number {
  return (mode & 0o777) | 0o700;
}

function attributes(mode: number, entry: TreeEntry) {
  return entry.selinux === undefined
    ? { mode }
    : { mode, xattrs: new Map([["security.selinux", utf8(entry.selinux)]]) };
}

/** What is moved out of the extension into the initramfs itself. */
class Moved {
  /** With the name each had in the extension, which decides their order. */
  readonly microcode: { readonly from: string; readonly file: MovedFile }[] = [];
  readonly firmware: MovedFile[] = [];
  readonly directories: { path: string; mode: number }[] = [];
  readonly links = new Map<string, string>();
  readonly #root: string;
  readonly #spool: BlobWriter;
  #size = 0;

  constructor(firmwarePath: string, spool: BlobWriter) {
    this.#root = firmwarePath.slice(1);
    this.#spool = spool;
  }

  owns(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`);
  }

  async add(path: string, entry: TreeEntry, context: JobContext): Promise<void> {
    if (entry.$case === "directory") this.directories.push({ path, mode: directoryMode(entry.mode) });
    else if (entry.$case === "symlink") this.links.set(path, entry.target);
    else {
      const size = entry.$case === "file" ? entry.size : 0;
      const file = { mode: entry.mode, offset: this.#size, size };
      if (entry.$case === "file") {
        for await (const bytes of cancellable(entry.body, context)) await this.#spool.write(bytes);
      }
      this.#size += size;
      const inside = path.slice(this.#root.length + 1);
      const microcode = MICROCODE.find(({ pattern }) => pattern.test(inside));
      if (microcode) this.microcode.push({ from: path, file: { path: microcode.target, ...file } });
      else this.firmware.push({ path, ...file });
    }
  }

  /** Links in the firmware tree become copies of what they point at; the copies share the bytes. */
  resolveLinks(): void {
    const files = new Map(this.firmware.map((file) => [file.path, file]));
    for (const path of [...this.links.keys()].sort(compareText)) {
      const target = files.get(this.#follow(path));
      if (!target) throw invalid(`firmware link "${path}" points at no firmware file`);
      this.firmware.push({ ...target, path });
    }
  }

  #follow(path: string): string {
    let at = path;
    for (let hops = 0; hops < 40; hops++) {
      const target = this.links.get(at);
      if (target === undefined) return at;
      const base = target.startsWith("/") ? "" : at.slice(0, at.lastIndexOf("/"));
      const parts: string[] = [];
      for (const part of `${base}/${target}`.split("/")) {
        if (part === "..") parts.pop();
        else if (part !== "" && part !== ".") parts.push(part);
      }
      at = parts.join("/");
    }
    throw invalid(`firmware link "${path}" points at itself`);
  }

  async commit(): Promise<BlobRef | undefined> {
    if (this.#size > 0) return await this.#spool.commit();
    await this.#spool.abort();
    return undefined;
  }
}

async function addEntry(writer: SquashfsWriter, path: string, entry: TreeEntry, context: JobContext): Promise<void> {
  switch (entry.$case) {
    case "directory":
      return await writer.addDirectory(path, attributes(directoryMode(entry.mode), entry));
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

/** Splits an extension image in one pass over its layers. Throws `extension_invalid` for anything but an extension. */
export async function splitExtension(
  { image, compression, firmwarePath, modulesPath }: Jobs["extension"]["input"],
  context: JobContext,
): Promise<ExtensionParts> {
  const spool = await context.blobs.writer({ maxBytes: MAX_MOVED_BYTES });
  const moved = new Moved(firmwarePath, spool);
  const releases = new Set<string>();
  let manifest: string | undefined;
  let hasRootfs = false;
  const fill = async (writer: SquashfsWriter): Promise<void> => {
    for await (const entry of imageTree(image, context)) {
      const [top, ...rest] = entry.path.split("/");
      const path = rest.join("/");
      if (entry.path === MANIFEST) manifest = await manifestText(entry, context);
      else if (top !== ROOTFS)
        throw invalid(`unexpected "${entry.path.slice(0, 120)}": only ${MANIFEST} and ${ROOTFS} belong there`);
      else if (path === "" && entry.$case !== "directory") throw invalid(`${ROOTFS} is not a directory`);
      else if (moved.owns(path)) await moved.add(path, entry, context);
      else await addEntry(writer, path, entry, context);
      if (top === ROOTFS) hasRootfs = true;
      const release = moduleRelease(path, modulesPath);
      if (release !== undefined) releases.add(release);
    }
    if (manifest === undefined) throw invalid(`no ${MANIFEST}`);
    if (!hasRootfs) throw invalid(`no ${ROOTFS}`);
    moved.resolveLinks();
  };
  let squashfs: SquashfsParts;
  let movedBlob: BlobRef | undefined;
  try {
    squashfs = await writeSquashfs(context, compression, fill);
    movedBlob = await moved.commit();
  } catch (error) {
    await spool.abort();
    throw error;
  }
  return {
    manifest: manifest ?? "",
    squashfs,
    moved: movedBlob,
    microcode: moved.microcode.sort((a, b) => compareText(a.from, b.from)).map(({ file }) => file),
    firmware: moved.firmware.sort((a, b) => compareText(a.path, b.path)),
    firmwareDirectories: moved.directories.sort((a, b) => compareText(a.path, b.path)),
    moduleReleases: [...releases].sort(compareText),
  };
}
