import { type Recipe, zeros } from "../../../src/extents/index.ts";
import { ukiFileName } from "../../../src/recipes/boot.ts";
import {
  bootPartition,
  diskEsp,
  grubDiskEsp,
  isoEspBytes,
  isoGrub,
  isoUefi,
  type ModedEntry,
  withModes,
} from "../../../src/recipes/trees.ts";
import { type Arch, parseArch } from "../../../src/talos/arch.ts";
import { type Bootloader, partitionPlan } from "../../../src/talos/bootloader.ts";
import { type EnrollKeys, loaderConf } from "../../../src/talos/boottext.ts";
import { diskGrubConfig, isoGrubConfig } from "../../../src/talos/grubtext.ts";
import { validateProfile } from "../../../src/talos/profile.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { attempt, byKind, type Comparison, family, type Recorded, refusal } from "../family.ts";
import { givenProfile } from "../profiles.ts";
import { clusters, isoGenerate, isoGrubText, label, ownVolume, quote, volumeOf } from "./loader-texts.ts";

/** A file or directory of a staging tree; `path` is relative to it. */
interface RecordedFile {
  readonly path: string;
  readonly mode: string;
  readonly dir?: boolean;
  readonly size?: number;
}

const byPath = (a: RecordedFile, b: RecordedFile): number => (a.path < b.path ? -1 : 1);

function listed(entries: readonly ModedEntry[], above = ""): readonly RecordedFile[] {
  return entries.flatMap((entry): readonly RecordedFile[] => {
    const path = `${above}${entry.name}`;
    const mode = entry.mode.toString(8).padStart(4, "0");
    if (entry.$case === "file") return [{ path, mode, size: entry.content.size }];
    return [{ path, mode, dir: true }, ...listed(entry.children, `${path}/`)];
  });
}

/** Content of a file that is only an input: as long as it was in the recording. */
function filler(files: readonly RecordedFile[], path: string): Recipe {
  return zeros(files.find((file) => file.path === path)?.size ?? 0);
}

const VARIABLES = ["PK", "KEK", "db"] as const;

type VariableName = (typeof VARIABLES)[number];

function variables(names: readonly VariableName[], files: readonly RecordedFile[], folder: string) {
  return names.map((name) => ({ name, content: filler(files, `${folder}${name}.auth`) }));
}

interface DiskBootCase extends Recorded {
  readonly arch: string;
  readonly version: string;
  readonly bootloader: string;
  readonly cmdline: string;
  /** Null without SecureBoot. */
  readonly enroll?: EnrollKeys | null;
  readonly files?: readonly RecordedFile[];
  readonly grub_cfg?: string;
  readonly loader_conf?: string;
  readonly partitions?: readonly RecordedPartition[];
  readonly error?: string;
}

interface RecordedPartition {
  readonly label: string;
  readonly partition_label?: string;
  readonly type: string;
  readonly size: number;
  readonly filesystem: string;
  /** Bit 0: legacy BIOS bootable. */
  readonly partition_opts?: number;
}

const FILESYSTEMS: Readonly<Record<string, string>> = { fat32: "vfat", xfs: "xfs", none: "zeroes" };
/** The partitions a boot loader asks for; the others are the same for all. */
const BOOT_PARTITIONS = new Set(["EFI", "BIOS", "BOOT"]);
/** GRUB images the reference leaves beside its trees; they are the business of the files' consumers. */
const TOOL_OUTPUT = new Set(["boot.img", "core.img", "grub-efi.img"]);

/** The files of the two partitions, as folders `EFI` and `boot`. */
function diskTrees(item: DiskBootCase, bootloader: Bootloader, arch: Arch) {
  const files = item.files ?? [];
  const esp = (path: string): Recipe => filler(files, `EFI/${path}`);
  const conf = loaderConf("disk", item.enroll ?? "off");
  const config = diskGrubConfig(bootloader === "grub" ? "grub" : "dual-boot", item.version, item.cmdline);
  const loader = files.find(({ path }) => path.startsWith("EFI/EFI/boot/"))?.path.slice("EFI/".length) ?? "";
  const ukiName = ukiFileName(item.version);
  const uefi = { arch, ukiName, uki: esp(`EFI/Linux/${ukiName}`), systemdBoot: esp(loader), loaderConf: conf };
  const enrolled = (item.enroll ?? "off") === "off" ? [] : VARIABLES;
  const enrollment = { variables: variables(enrolled, files, "EFI/loader/keys/auto/") };
  const grub = { kernel: filler(files, "boot/A/vmlinuz"), initramfs: filler(files, "boot/A/initramfs.xz"), config };
  const withGrub = bootloader !== "sd-boot";
  const efiTree = bootloader === "grub" ? grubDiskEsp(arch, esp(loader)) : diskEsp({ ...uefi, enrollment });
  return {
    grub_cfg: withGrub ? config : undefined,
    loader_conf: bootloader === "grub" ? undefined : conf,
    files: listed([
      { $case: "directory", name: "EFI", mode: 0o755, children: withModes(efiTree) },
      { $case: "directory", name: "boot", mode: 0o755, children: withGrub ? bootPartition(grub) : [] },
    ]).toSorted(byPath),
  };
}

function diskBoot(item: DiskBootCase): Comparison {
  const { version, bootloader, files, grub_cfg, loader_conf, partitions, error } = item;
  const ours = attempt(() => {
    const profile = givenProfile({ arch: item.arch, version, bootloader, kind: "image" });
    validateProfile(profile);
    const arch = profile.arch as Arch;
    const chosen = profile.output.imageOptions!.bootloader as Bootloader;
    const plan = partitionPlan(chosen, parseTolerant(version), arch);
    return {
      ...diskTrees(item, chosen, arch),
      partitions: plan
        .filter(({ label }) => BOOT_PARTITIONS.has(label))
        .map(({ label, type, sizeBytes, filesystem, attributes }) => ({
          label,
          partition_label: label,
          type,
          size: sizeBytes,
          filesystem: FILESYSTEMS[filesystem],
          legacy: attributes === 4n,
        })),
    };
  });
  const recorded = {
    grub_cfg,
    loader_conf,
    files: files?.filter(({ path }) => !TOOL_OUTPUT.has(path)).toSorted(byPath),
    partitions: partitions?.map(({ label, partition_label = label, type, size, filesystem, partition_opts = 0 }) => ({
      label,
      partition_label,
      type: type.toLowerCase(),
      size,
      filesystem,
      legacy: (partition_opts & 1) === 1,
    })),
  };
  return { recorded: refusal(error) ?? recorded, ours };
}

interface IsoBootCase extends Recorded {
  readonly arch: string;
  readonly version: string;
  readonly cmdline?: string;
  readonly enroll: EnrollKeys;
  /** The one variable that is enrolled, or `all`; null for none. */
  readonly keys?: string | null;
  /** Whether the signing certificate is given. */
  readonly cert?: boolean;
  readonly files: readonly RecordedFile[];
  readonly loader_conf: string;
  readonly uki_size: number;
  readonly sdboot_size: number;
  readonly iso_command?: readonly string[];
}

const SIGNING_CERT = "EFI/keys/uki-signing-cert.der";

/** The staging tree of an ISO with systemd-boot, with GRUB beside it or not, and its ESP image as a file. */
function isoBoot(withGrub: boolean): (item: IsoBootCase) => Comparison {
  return (item) => {
    const { files, version, enroll, keys, cert } = item;
    const arch = parseArch(item.arch);
    const conf = loaderConf("iso", enroll);
    const names = VARIABLES.filter((name) => keys === "all" || keys === name.toLowerCase());
    const enrollment = {
      signingCert: cert ? filler(files, SIGNING_CERT) : undefined,
      variables: variables(names, files, "loader/keys/auto/"),
    };
    const uki = zeros(item.uki_size);
    const systemdBoot = zeros(item.sdboot_size);
    const uefi = { arch, ukiName: ukiFileName(version), uki, systemdBoot, loaderConf: conf, enrollment } as const;
    const grub = {
      kernel: filler(files, "boot/vmlinuz"),
      initramfs: filler(files, "boot/initramfs.xz"),
      config: isoGrubConfig(version, item.cmdline ?? ""),
    };
    const tree = withModes([...isoUefi(uefi), ...(withGrub ? isoGrub(grub) : [])]);
    const esp = { path: "efiboot.img", mode: "0644", size: isoEspBytes(uefi) };
    return {
      recorded: { files: files.toSorted(byPath), loader_conf: item.loader_conf, ...volumeOf(item.iso_command) },
      ours: { files: [...listed(tree), esp].toSorted(byPath), loader_conf: conf, ...ownVolume(version) },
    };
  };
}

export const loaderAndGrub = family(
  "loader_and_grub",
  byKind({
    disk_boot: diskBoot,
    iso_uefi: isoBoot(false),
    iso_hybrid: isoBoot(true),
    iso_grub: isoGrubText,
    iso_generate: isoGenerate,
    grub_quote: quote,
    iso_label: label,
    fat_sectors_per_cluster: clusters,
  }),
);
