/** What an overlay brings to an output (outputs.md 6): every answer of its executable is a derivation, so it runs once for all. */
import { sha256 } from "../bytes/digest.ts";
import { utf8 } from "../bytes/text.ts";
import { type BlobReader, blob, inline, type Placement, read } from "../extents/index.ts";
import { type ModedEntry, nestedTree } from "../recipes/trees.ts";
import type { Arch } from "../talos/arch.ts";
import { grubQuote } from "../talos/grubtext.ts";
import { optionsRequest } from "../talos/overlay.ts";
import type { Profile, ProfileOverlay } from "../talos/profile.ts";
import { parseOverlayProfile } from "../talos/profile-yaml.ts";
import type { Installed, Jobs, OverlayCall, StagedFile, UnpackedTree } from "../workers/protocol.ts";
import type { BuildDeps } from "./deps.ts";
import { ImagerError, prefixed } from "./errors.ts";
import type { ProfileInputs, Target } from "./inputs.ts";
import { flatTree } from "./unpacked.ts";

/** Overlays bring executables for several architectures; here those of one run. */
export const HOST_ARCH: Arch = process.arch === "arm64" ? "arm64" : "amd64";

/** Of a profile, or of `grub.cfg`. */
export const MAX_PROFILE_BYTES = 1024 * 1024;
/** Stands for the command line in the `grub.cfg` that an overlay may look at, so that its work serves every schematic. */
const CMDLINE_MARK = "@KERNEL_ARGUMENTS@";

type Options = Jobs["overlayOptions"]["output"];

/** What the overlay of a profile asks for, undefined without one. Throws `overlay_failed`, `overlay_invalid`. */
export async function overlayOptions(
  deps: Pick<BuildDeps, "inputs" | "deriver">,
  { profile: { overlay } }: Target,
  signal: AbortSignal,
): Promise<Options | undefined> {
  if (!overlay) return undefined;
  const { input, description } = await callOf(deps.inputs, overlay, signal);
  return await deps.deriver.derive({ kind: "overlayOptions", description, input }, signal);
}

async function callOf(
  inputs: ProfileInputs,
  { name, image, options }: ProfileOverlay,
  signal: AbortSignal,
): Promise<{ readonly input: OverlayCall; readonly description: Readonly<Record<string, string>> }> {
  const tree = await prefixed(`overlay ${name}`, () => inputs.contents(image, { arch: HOST_ARCH }, signal));
  const description = {
    entries: sha256(utf8(JSON.stringify(tree.entries))),
    content: tree.content?.digest ?? "",
    name,
    options: optionsRequest(options),
  };
  return { input: { tree, name, options }, description };
}

/** The disk an overlay's `install` is given, and what will be in its partitions. */
export interface DiskToInstall {
  readonly diskSize: number;
  /** Bytes before the first partition: only there something may be written to the disk itself. */
  readonly diskRegion: number;
  /** Of `grub.cfg`, for a command line. */
  readonly config: (cmdline: string) => string;
  readonly cmdline: string;
  /** The boot loader on the ESP and its path there, where GRUB is the only one. */
  readonly efi: StagedFile | undefined;
}

/** What an overlay adds to a disk. */
export interface OverlayFiles {
  readonly esp: readonly ModedEntry[];
  readonly boot: readonly ModedEntry[];
  readonly before: readonly Placement[];
}

/**
 * Runs an overlay on a disk. Kernel and initramfs stand there as empty files: they differ
 * from schematic to schematic, and no overlay is known to read them. Throws `overlay_failed`.
 */
export async function overlayFiles(
  deps: Pick<BuildDeps, "inputs" | "deriver" | "blobs">,
  overlay: ProfileOverlay,
  { diskSize, diskRegion, config, cmdline, efi }: DiskToInstall,
  signal: AbortSignal,
): Promise<OverlayFiles> {
  const { input, description } = await callOf(deps.inputs, overlay, signal);
  const staged: readonly StagedFile[] = [
    { path: "boot/A/vmlinuz", mode: 0o644, content: "" },
    { path: "boot/A/initramfs.xz", mode: 0o644, content: "" },
    { path: "boot/grub/grub.cfg", mode: 0o600, content: config(CMDLINE_MARK) },
    ...(efi ? [{ ...efi, path: `boot/EFI/${efi.path}` }] : []),
  ];
  const disk = { diskSize, diskRegion, staged };
  const described = staged.map(({ path, mode, content }) => ({ path, mode, content: identityOf(content) }));
  const installed = await deps.deriver.derive(
    {
      kind: "overlayInstall",
      description: { ...description, ...disk, staged: described },
      input: { ...input, ...disk },
    },
    signal,
  );
  return { ...(await partitions(deps.blobs, installed, cmdline)), before: rawParts(installed) };
}

function identityOf(content: StagedFile["content"]): string {
  return typeof content === "string" ? content : content.digest;
}

function rawParts({ ranges, content }: Installed): readonly Placement[] {
  return ranges.map(({ at, from, size }) => ({ offset: at, content: blob(content!.digest, size, from) }));
}

/** What is below `EFI` is the ESP and no part of BOOT (outputs.md 6.4: as before Talos 1.14.0-rc.2). */
async function partitions(blobs: BlobReader, { entries, content }: Installed, cmdline: string) {
  const flat = await Promise.all(
    flatTree(entries, content).map(async (entry) => {
      if (entry.$case !== "file" || entry.path !== "grub/grub.cfg" || entry.content.size > MAX_PROFILE_BYTES)
        return entry;
      const text = Buffer.from(await read(entry.content, blobs)).toString();
      return { ...entry, content: inline(utf8(text.replaceAll(CMDLINE_MARK, grubQuote(cmdline)))) };
    }),
  );
  const tree = nestedTree(flat);
  const esp = tree.find(({ name }) => name === "EFI");
  return { esp: esp?.$case === "directory" ? esp.children : [], boot: tree.filter((entry) => entry !== esp) };
}

/**
 * The profiles an overlay brings, by their names, for a profile of a user that may stand on one of them (outputs.md 6.6).
 * Throws `overlay_invalid` for one that cannot be read.
 */
export async function overlayProfiles(
  { inputs, blobs }: Pick<BuildDeps, "inputs" | "blobs">,
  { overlay }: Profile,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Profile>> {
  const profiles = new Map<string, Profile>();
  if (!overlay) return profiles;
  const { entries, content } = await inputs.contents(overlay.image, { arch: HOST_ARCH }, signal);
  for (const entry of entries) {
    const name = /^profiles\/([^/]*)\.yaml$/.exec(entry.path)?.[1];
    if (name === undefined || entry.$case !== "file") continue;
    profiles.set(name, await profileIn(blobs, entry, content));
  }
  return profiles;
}

async function profileIn(
  blobs: BlobReader,
  { path, offset, size }: { readonly path: string; readonly offset: number; readonly size: number },
  content: UnpackedTree["content"],
): Promise<Profile> {
  const invalid = (reason: string): ImagerError => new ImagerError("overlay_invalid", `overlay: ${path}: ${reason}`);
  if (size > MAX_PROFILE_BYTES) throw invalid(`more than ${MAX_PROFILE_BYTES} bytes`);
  const text = content && size > 0 ? await blobs.read(content.digest, offset, size) : "";
  try {
    return parseOverlayProfile(text);
  } catch (cause) {
    throw invalid((cause as Error).message);
  }
}
