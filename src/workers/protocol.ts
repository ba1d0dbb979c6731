import type { BlobRef, Extent } from "../extents/index.ts";
import type { KmodRelease } from "../formats/kmod/index.ts";
import type { LayerRef } from "../sources/images.ts";
import type { SourceSpec } from "../sources/open.ts";
import type { VirtualEntry } from "../talos/extensions.ts";

/** Where a verified image's layers are streamed from. Verification has happened before a job is made. */
export interface ImageLayers {
  readonly source: SourceSpec;
  readonly repository: string;
  readonly layers: readonly LayerRef[];
}

/** How a Talos version wants squashfs images compressed (imager.md 5.5). */
export type SquashfsCompression = { readonly $case: "zstd"; readonly level: number } | { readonly $case: "xz" };

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

/** Every job a worker can do: the input it takes and the result that is kept. */
export interface Jobs {
  /** Picks whole files out of an image; a name that is not there is absent from the result. */
  readonly files: {
    readonly input: { readonly image: ImageLayers; readonly paths: readonly string[] };
    readonly output: { readonly files: Readonly<Record<string, BlobRef>> };
  };
  /** Splits an extension image into squashfs, microcode and firmware (imager.md 5.5). */
  readonly extension: {
    readonly input: {
      readonly image: ImageLayers;
      readonly compression: SquashfsCompression;
      readonly firmwarePath: string;
      readonly modulesPath: string;
    };
    readonly output: ExtensionParts;
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
  /** Compresses a recipe to one zstd frame. */
  readonly zstd: {
    readonly input: { readonly extents: readonly Extent[]; readonly level: number };
    readonly output: BlobRef;
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
