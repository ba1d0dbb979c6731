import { FactoryError } from "../../errors.ts";
import type { Codec } from "../codec.ts";

export type SquashfsErrorCode =
  | "option_invalid"
  | "entry_invalid"
  | "entry_duplicate"
  | "size_mismatch"
  | "limit_exceeded"
  | "writer_state"
  | "image_malformed"
  | "entry_missing";

export class SquashfsError extends FactoryError<SquashfsErrorCode> {}

/** How blocks are compressed. xz uses a dictionary of one block and CRC32 checks: all that the kernel decodes. */
export type SquashfsCompression =
  | { readonly $case: "zstd" /** 1 to 19. */; readonly level: number }
  | { readonly $case: "xz" };

export interface SquashfsOptions {
  readonly codec: Codec;
  readonly compression: SquashfsCompression;
  /** Time of the image and of every inode in it, seconds since 1970. */
  readonly mtime: number;
  /** Bytes per data block, a power of two from 4 KiB to 1 MiB; 128 KiB unless given (imager.md 5.5). */
  readonly blockSize?: number;
  /** Data blocks being compressed at once; 4 unless given. The image does not depend on it. */
  readonly concurrency?: number;
  /**
   * Gets everything behind the superblock, strictly in order, one call at a time. The arrays are not
   * reused afterwards, but may share memory with what a file's body gave.
   */
  readonly emit: (bytes: Uint8Array) => Promise<void>;
}

/** What files, directories and other nodes have in common. */
export interface SquashfsAttributes {
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Full names (`security.selinux`) and values, in any order; namespaces user, trusted and security. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** A node without contents. Device numbers: major to 4095, minor to 2^20-1. */
export type SquashfsSpecial =
  | { readonly $case: "char"; readonly major: number; readonly minor: number }
  | { readonly $case: "block"; readonly major: number; readonly minor: number }
  | { readonly $case: "fifo" }
  | { readonly $case: "socket" };

/** What `finish` gives: the image is the superblock followed by everything that was emitted. */
export interface SquashfsResult {
  /** 96 bytes. */
  readonly superblock: Uint8Array;
  /** Bytes emitted, padding included; superblock and body together are a multiple of 4 KiB. */
  readonly bodySize: number;
}

/** What a reader accepts before it gives up with `limit_exceeded`. */
export interface SquashfsLimits {
  /** Entries of one directory, and of one walk. */
  readonly maxEntries: number;
  /** Levels below the directory a walk starts at. */
  readonly maxDepth: number;
  readonly maxFileBytes: number;
}

/** What the superblock says. */
export interface SquashfsInfo {
  readonly compression: "zstd" | "xz";
  readonly blockSize: number;
  readonly inodes: number;
  readonly mtime: number;
  readonly bytesUsed: number;
}

/** Where a record starts in a metadata table: offset of its block in the table, and offset within that block's contents. */
export interface MetadataRef {
  readonly block: number;
  readonly offset: number;
}

/** What the reader tells of every node. */
export interface InodeBase {
  readonly number: number;
  /** Permission bits. */
  readonly mode: number;
  readonly mtime: number;
}

/** A file and, for the reader, where its contents are. */
export interface FileInode extends InodeBase {
  readonly $case: "file";
  readonly size: number;
  readonly start: number;
  readonly fragment: number;
  readonly offset: number;
  readonly blocks: readonly number[];
}

/** A directory and, for the reader, where its listing is. */
export interface DirectoryInode extends InodeBase {
  readonly $case: "directory";
  readonly listing: MetadataRef;
  readonly listingBytes: number;
}

/** A node of an image. Devices, fifos and sockets are `special`. */
export type SquashfsNode =
  | FileInode
  | DirectoryInode
  | (InodeBase & { readonly $case: "symlink"; readonly target: string })
  | (InodeBase & { readonly $case: "special" });

/** A node with its name in a directory, or its path below the start of a walk. */
export interface SquashfsEntry {
  readonly path: string;
  readonly node: SquashfsNode;
}
