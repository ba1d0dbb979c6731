/** Which files stand where on the media machines boot from (outputs.md 2.7, 2.9.1, 3.2); pure lists for the file system writers. */
import { alignUp, MiB } from "../bytes/align.ts";
import { utf8 } from "../bytes/text.ts";
import { inline, type Recipe } from "../extents/index.ts";
import type { FatEntry } from "../formats/fat/index.ts";
import { type Arch, efiSuffix } from "../talos/arch.ts";
import { directory, file } from "./boot.ts";

/** What systemd-boot needs to start a release. */
export interface UefiFiles {
  readonly arch: Arch;
  readonly ukiName: string;
  readonly uki: Recipe;
  readonly systemdBoot: Recipe;
  readonly loaderConf: string;
  readonly enrollment?: Enrollment | undefined;
}

/** What lets a machine take over the SecureBoot keys of the medium. */
export interface Enrollment {
  /** The certificate UKIs are signed with, as DER; only ISOs carry it. */
  readonly signingCert?: Recipe | undefined;
  /** Signed UEFI variables, which systemd-boot enrolls. */
  readonly variables: readonly { readonly name: "PK" | "KEK" | "db"; readonly content: Recipe }[];
}

/** What GRUB needs to start a release; `config` is the text of `grub.cfg`. */
export interface GrubFiles {
  readonly kernel: Recipe;
  readonly initramfs: Recipe;
  readonly config: string;
}

/** A file or directory with its permission bits. */
export type ModedEntry =
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode: number;
      readonly children: readonly ModedEntry[];
    }
  | { readonly $case: "file"; readonly name: string; readonly mode: number; readonly content: Recipe };

/** An entry of a flat list; parents come before what is in them. */
export type FlatEntry =
  | { readonly $case: "directory"; readonly path: string; readonly mode: number }
  | { readonly $case: "file"; readonly path: string; readonly mode: number; readonly content: Recipe }
  | { readonly $case: "symlink"; readonly path: string; readonly target: string };

/** A file, directory or symbolic link by its name. */
export type TreeNode =
  | {
      readonly $case: "directory";
      readonly name: string;
      readonly mode: number;
      readonly children: readonly TreeNode[];
    }
  | { readonly $case: "file"; readonly name: string; readonly mode: number; readonly content: Recipe }
  | { readonly $case: "symlink"; readonly name: string; readonly target: string };

/** A flat list as a tree. What has no directory to stand in is left out. */
export function nestedTree(entries: readonly Exclude<FlatEntry, { $case: "symlink" }>[]): readonly ModedEntry[];
export function nestedTree(entries: readonly FlatEntry[]): readonly TreeNode[];
export function nestedTree(entries: readonly FlatEntry[]): readonly TreeNode[] {
  const root: TreeNode[] = [];
  const directories = new Map<string, TreeNode[]>([["", root]]);
  for (const entry of entries) {
    const { path, ...rest } = entry;
    const slash = path.lastIndexOf("/");
    const siblings = directories.get(path.slice(0, Math.max(slash, 0)));
    const name = path.slice(slash + 1);
    if (rest.$case !== "directory") siblings?.push({ ...rest, name });
    else {
      const children: TreeNode[] = [];
      directories.set(path, children);
      siblings?.push({ ...rest, name, children });
    }
  }
  return root;
}

/**
 * Two trees as one: what is in `over` takes the place of what has its name in `base`, but directories become one, with the
 * attributes of the one in `base`. `nameOf` says which names are the same.
 */
export function mergedTree<Entry extends FatEntry>(
  base: readonly Entry[],
  over: readonly Entry[],
  nameOf: (name: string) => string = (name) => name,
): readonly Entry[] {
  const merged = new Map(base.map((entry) => [nameOf(entry.name), entry]));
  for (const entry of over) {
    const name = nameOf(entry.name);
    const old = merged.get(name);
    if (old?.$case !== "directory" || entry.$case !== "directory") merged.set(name, entry);
    else merged.set(name, { ...old, children: mergedTree(old.children, entry.children, nameOf) });
  }
  return [...merged.values()];
}

/** How names are compared on FAT, where case does not tell files apart. */
export function foldedName(name: string): string {
  return name.toUpperCase();
}

function variables(enrollment: Enrollment | undefined): readonly FatEntry[] {
  if (!enrollment || enrollment.variables.length === 0) return [];
  const files = enrollment.variables.map(({ name, content }) => file(`${name}.auth`, content));
  return [directory("keys", directory("auto", ...files))];
}

/** The ESP of a disk that boots through systemd-boot. */
export function diskEsp({ arch, ukiName, uki, systemdBoot, loaderConf, enrollment }: UefiFiles): readonly FatEntry[] {
  return [
    // Lower case matters: running nodes look for these very names (outputs.md 8, item 8).
    directory("EFI", directory("Linux", file(ukiName, uki)), loaderDirectory(arch, systemdBoot)),
    directory("loader", file("loader.conf", loaderConf), ...variables(enrollment)),
  ];
}

function loaderDirectory(arch: Arch, loader: Recipe): FatEntry {
  return directory("boot", file(`BOOT${efiSuffix(arch)}.efi`, loader));
}

/** The ESP of a disk that boots through GRUB alone: its EFI image and nothing else. */
export function grubDiskEsp(arch: Arch, grubEfi: Recipe): readonly FatEntry[] {
  return [directory("EFI", loaderDirectory(arch, grubEfi))];
}

/** The BOOT partition of disks with GRUB (outputs.md 2.9.1). */
export function bootPartition({ kernel, initramfs, config }: GrubFiles): readonly ModedEntry[] {
  const configFile: ModedEntry = { $case: "file", name: "grub.cfg", mode: 0o600, content: inline(utf8(config)) };
  return [
    ...withModes([directory("A", file("initramfs.xz", initramfs), file("vmlinuz", kernel))]),
    { $case: "directory", name: "grub", mode: 0o700, children: [configFile] },
  ];
}

const RANDOM_SEED = new Uint8Array(32);

/** The files of an ISO for systemd-boot, which stand in its file system and in its ESP alike (outputs.md 3.2). */
export function isoUefi({ arch, ukiName, uki, systemdBoot, loaderConf, enrollment }: UefiFiles): readonly FatEntry[] {
  const cert = enrollment?.signingCert;
  return [
    directory(
      "EFI",
      directory("Linux", file(ukiName, uki)),
      directory("BOOT", file(`BOOT${efiSuffix(arch)}.EFI`, systemdBoot)),
      ...(cert ? [directory("keys", file("uki-signing-cert.der", cert))] : []),
    ),
    directory(
      "loader",
      file("loader.conf", loaderConf),
      // Read-only keeps systemd-boot from trying to write a seed onto the medium (outputs.md 3.4).
      file("random-seed", inline(RANDOM_SEED), { readOnly: true }),
      ...variables(enrollment),
    ),
  ];
}

/**
 * The files GRUB reads from an ISO, with `more` beside its configuration; a hybrid one has them beside those of `isoUefi`
 * (outputs.md 3.2).
 */
export function isoGrub({ kernel, initramfs, config }: GrubFiles, more: readonly FatEntry[] = []): readonly FatEntry[] {
  return [
    directory(
      "boot",
      directory("grub", ...more, file("grub.cfg", config)),
      file("initramfs.xz", initramfs),
      file("vmlinuz", kernel),
    ),
  ];
}

/** The ESP of an ISO has this much room beside the UKI and the boot loader (outputs.md 3.4). */
const ESP_SLACK = 10 * MiB;

/** Bytes of an ISO's ESP; what the other files need is part of the slack. */
export function isoEspBytes({ uki, systemdBoot }: Pick<UefiFiles, "uki" | "systemdBoot">): number {
  return ESP_SLACK + alignUp(systemdBoot.size, MiB) + alignUp(uki.size, MiB);
}

/** The permission bits of the reference's staging trees, which ISOs for UEFI and BOOT partitions show (outputs.md 3.5). */
export function withModes(entries: readonly FatEntry[]): readonly ModedEntry[] {
  return entries.map((entry) =>
    entry.$case === "directory"
      ? { ...entry, mode: 0o755, children: withModes(entry.children) }
      : { $case: "file", name: entry.name, content: entry.content, mode: entry.readOnly ? 0o444 : 0o644 },
  );
}
