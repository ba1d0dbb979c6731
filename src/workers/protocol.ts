import type { BlobRef, Extent } from "../extents/index.ts";
import type { KmodRelease } from "../formats/kmod/index.ts";
import type { PackedGrains } from "../formats/vmdk/index.ts";
import type { GrubPlatform } from "../sources/grub.ts";
import type { LayerRef } from "../sources/images.ts";
import type { SourceSpec } from "../sources/open.ts";
import type { VirtualEntry } from "../talos/extensions.ts";
import type { YamlMap } from "../talos/yaml-value.ts";

/** Where a verified image's layers are streamed from. Verification has happened before a job is made. */
export interface ImageLayers {
  readonly source: SourceSpec;
  readonly repository: string;
  readonly layers: readonly LayerRef[];
}

/** A file tree to read: a verified image, or a plain tar whose entries are the tree. */
export type FileTree =
  | ({ readonly $case: "image" } & ImageLayers)
  | { readonly $case: "tar"; readonly archive: BlobRef };

/** An entry of an unpacked tree, parents first. Modes are permission bits; hard links and special files are empty files. */
export type UnpackedEntry =
  | { readonly $case: "directory"; readonly path: string; readonly mode: number }
  | { readonly $case: "symlink"; readonly path: string; readonly target: string }
  /** Bytes `offset`..`offset + size` of the tree's content. */
  | {
      readonly $case: "file";
      readonly path: string;
      readonly mode: number;
      readonly offset: number;
      readonly size: number;
    };

/** How a Talos version wants squashfs images compressed (imager.md 5.5). */
export type SquashfsCompression = { readonly $case: "zstd"; readonly level: number } | { readonly $case: "xz" };

/** How data is compressed: level 1 to 19, preset 0 to 9. */
export type CompressionMethod =
  | { readonly $case: "zstd"; readonly level: number }
  | { readonly $case: "xz"; readonly preset: number };

/** How parts of a gzip file are compressed: level 1 to 9. */
export type DeflateMethod = { readonly $case: "deflate"; readonly level: number };

/** A squashfs image as stored: its superblock, then the blob with all that follows. */
export interface SquashfsParts {
  /** base64 of the 96-byte superblock */
  readonly superblock: string;
  readonly body: BlobRef;
}

/** A file moved out of an extension: bytes `offset`..`offset + size` of the extension's `moved` blob. */
export interface MovedFile {
  /** Path from the root of the initramfs, without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly offset: number;
  readonly size: number;
}

export interface ExtensionParts {
  /** Text of manifest.yaml, not yet judged. */
  readonly manifest: string;
  readonly squashfs: SquashfsParts;
  /** Blob that holds the bytes of `microcode` and `firmware`; undefined when there are none. */
  readonly moved: BlobRef | undefined;
  /** Parts of kernel/x86/microcode/*.bin in the order they are appended. */
  readonly microcode: readonly MovedFile[];
  readonly firmware: readonly MovedFile[];
  readonly firmwareDirectories: readonly { readonly path: string; readonly mode: number }[];
  /** Kernel releases this extension has modules for. */
  readonly moduleReleases: readonly string[];
}

/** Which of GRUB's images: a core image for a disk, one for a CD, or an EFI program. */
export interface GrubImage {
  readonly image: "core" | "eltorito" | "efi";
  readonly platform: GrubPlatform;
  /** By name; those they need are added. */
  readonly modules: readonly string[];
  /** Where GRUB looks for `grub.cfg`. */
  readonly prefix: string;
  /** Commands to run before that, empty for none. */
  readonly config: string;
}

/** An unpacked tree: its entries, and the blob with the contents of its files. */
export interface UnpackedTree {
  readonly entries: readonly UnpackedEntry[];
  readonly content: BlobRef | undefined;
}

/** An overlay's executable, and what a profile tells it. */
export interface OverlayCall {
  readonly tree: UnpackedTree;
  /** `installers/<name>` is run. */
  readonly name: string;
  readonly options: YamlMap;
}

/** A file that stands below the mount prefix before an overlay's `install` is run. */
export interface StagedFile {
  readonly path: string;
  readonly mode: number;
  readonly content: string | BlobRef;
}

/** What an overlay's `install` left behind. */
export interface Installed {
  /** Below `boot` of the mount prefix, paths from there; files that stand as they were staged are not listed. */
  readonly entries: readonly Exclude<UnpackedEntry, { readonly $case: "symlink" }>[];
  /** Bytes `from`..`from + size` of the content were written to the disk at byte `at`. */
  readonly ranges: readonly { readonly at: number; readonly from: number; readonly size: number }[];
  readonly content: BlobRef | undefined;
}

/** Every job a worker can do: the input it takes and the result that is kept. */
export interface Jobs {
  /** Picks whole files out of an image; a name that is not there is absent from the result. */
  readonly files: {
    readonly input: { readonly image: FileTree; readonly paths: readonly string[] };
    readonly output: { readonly files: Readonly<Record<string, BlobRef>> };
  };
  /** Splits an extension image into squashfs, microcode and firmware (imager.md 5.5). */
  readonly extension: {
    readonly input: {
      readonly image: FileTree;
      readonly compression: SquashfsCompression;
      readonly firmwarePath: string;
      readonly modulesPath: string;
    };
    readonly output: ExtensionParts;
  };
  /** Unpacks a whole tree; the contents of its files become one blob. */
  readonly unpack: {
    readonly input: { readonly image: FileTree };
    readonly output: UnpackedTree;
  };
  /** Asks an overlay's executable what it wants (outputs.md 6.2). */
  readonly overlayOptions: {
    readonly input: OverlayCall;
    readonly output: { readonly name: string; readonly kernelArgs: readonly string[]; readonly offset: number };
  };
  /** Lets an overlay's executable write to a disk without partitions and to what goes into them (outputs.md 6.3, 6.4). */
  readonly overlayInstall: {
    readonly input: OverlayCall & {
      readonly diskSize: number;
      /** What is written to the disk counts below this byte. */
      readonly diskRegion: number;
      readonly staged: readonly StagedFile[];
    };
    readonly output: Installed;
  };
  /** Makes the squashfs of a virtual extension. */
  readonly tree: {
    readonly input: { readonly entries: readonly VirtualEntry[]; readonly compression: SquashfsCompression };
    readonly output: SquashfsParts;
  };
  /** Makes the extension with the module indexes of a release and its extensions together (imager.md 5.4). */
  readonly depmod: {
    readonly input: {
      /** The release's own initramfs, compressed. */
      readonly initramfs: BlobRef;
      /** Extensions with kernel modules, in processing order: later ones win. */
      readonly extensions: readonly { readonly name: string; readonly squashfs: SquashfsParts }[];
      readonly modulesPath: string;
      readonly compression: SquashfsCompression;
      readonly kmod: KmodRelease;
    };
    readonly output: {
      /** The kernel release the modules are for. */
      readonly release: string;
      readonly squashfs: SquashfsParts;
    };
  };
  /** Compresses a recipe to one zstd frame, one .xz stream, or deflate blocks of which none is the final one. */
  readonly compress: {
    readonly input: { readonly extents: readonly Extent[]; readonly method: CompressionMethod | DeflateMethod };
    readonly output: BlobRef;
  };
  /** CRC32 of each block an .xz stream of the recipe has, where it is not known without reading (`formats/xz`). */
  readonly checks: {
    readonly input: { readonly extents: readonly Extent[] };
    readonly output: { readonly checks: readonly (number | null)[] };
  };
  /** Looks at the grains of a part of a disk, and compresses those that are worth it (`formats/vmdk`). */
  readonly grains: {
    readonly input: { readonly extents: readonly Extent[] };
    readonly output: PackedGrains;
  };
  /** Makes a core image of GRUB's module files (outputs.md 2.10, 3.5). */
  readonly grub: {
    readonly input: { readonly folder: string } & GrubImage;
    readonly output: BlobRef;
  };
  /** Packs a platform's module files into one blob, to stand on a medium. */
  readonly grubModules: {
    readonly input: { readonly folder: string; readonly platform: GrubPlatform };
    readonly output: {
      readonly files: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
      readonly content: BlobRef;
    };
  };
  /** Says how much of a blob compression would save, judged by samples: compressed size / size. */
  readonly sample: {
    readonly input: { readonly blob: BlobRef };
    readonly output: { readonly ratio: number };
  };
  /** Digest over every byte of a recipe. */
  readonly digest: {
    readonly input: { readonly extents: readonly Extent[] };
    readonly output: BlobRef;
  };
}

export type JobKind = keyof Jobs;

/** A job on its way to a worker. `cancelled` is one shared 32-bit word; 1 asks the job to stop. */
export interface JobMessage<Kind extends JobKind = JobKind> {
  readonly kind: Kind;
  readonly input: Jobs[Kind]["input"];
  readonly cancelled: SharedArrayBuffer;
}

/** What comes back: errors lose their class between threads, so code and message travel as data. */
export type JobReply =
  | { readonly $case: "done"; readonly output: unknown }
  | { readonly $case: "failed"; readonly code: string; readonly message: string; readonly stack: string | undefined };

/** Constant set-up of every worker thread. */
export interface WorkerSetup {
  readonly dataFolder: string;
  readonly forceFallbackCodec: boolean;
  /** Time of everything that is made, seconds since 1970. */
  readonly mtime: number;
  /** Shared by all threads: see `permits.ts`. */
  readonly permits: SharedArrayBuffer;
}
