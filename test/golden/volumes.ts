/** XFS and ext4 volumes of recorded disks. */
import { type Recipe, read } from "../../src/extents/index.ts";
import { Ext4Reader, isDirectory } from "../formats/ext4/support.ts";
import { type XfsFound, XfsReader } from "../support/xfs-reader.ts";
import type { Made, RecordedRun } from "./artifacts.ts";
import { compareTree, modeText, type RecordedContent, recordedContent } from "./content.ts";
import type { Comparison } from "./family.ts";
import { EPOCH } from "./imager.ts";
import { keepsInitramfs } from "./programs.ts";

interface RecordedNode extends RecordedContent {
  readonly path: string;
  readonly mode: string;
  readonly target?: string;
}

interface RecordedTree {
  readonly allOwner: string;
  readonly allMtime: number | string;
  readonly tree: readonly RecordedNode[];
}

export interface RecordedXfs extends RecordedTree {
  /** As `xfs_db` prints the superblock. */
  readonly sb: Readonly<Record<string, string>>;
}

type XfsSuperblock = XfsReader["superblock"];

/** The fields that do not follow from features or from where inodes and log are, by xfs_db's names. */
const XFS_FIELDS: Readonly<Record<string, (sb: XfsSuperblock) => string | number>> = {
  magicnum: ({ magic }) => `0x${Buffer.from(magic!).toString("hex")}`,
  blocksize: (sb) => sb.blockBytes!,
  dblocks: (sb) => sb.blocks,
  uuid: (sb) => sb.uuid,
  rextsize: (sb) => sb.realtimeExtentBlocks!,
  agblocks: (sb) => sb.groupBlocks,
  agcount: (sb) => sb.groups,
  rbmblocks: (sb) => sb.realtimeBitmapBlocks!,
  logblocks: (sb) => sb.logBlocks,
  sectsize: (sb) => sb.sectorBytes,
  inodesize: (sb) => sb.inodeBytes!,
  inopblock: (sb) => sb.inodesPerBlock!,
  fname: (sb) => sb.label,
  blocklog: (sb) => sb.blockLog!,
  sectlog: (sb) => sb.sectorLog,
  inodelog: (sb) => sb.inodeLog!,
  inopblog: (sb) => sb.inodesPerBlockLog!,
  agblklog: (sb) => sb.groupBlockLog,
  inprogress: (sb) => sb.inProgress,
  imax_pct: (sb) => sb.maxInodePercent!,
  inoalignmt: (sb) => sb.inodeAlignment!,
  spino_align: (sb) => sb.sparseInodeAlignment!,
  dirblklog: (sb) => sb.directoryBlockLog!,
  logsectlog: (sb) => sb.logSectorLog,
  logsectsize: (sb) => sb.logSectorBytes,
  logsunit: (sb) => sb.logStripeUnit,
};

/** Read-only compatible and incompatible features of mkfs.xfs's option files (outputs.md 2.9.4). */
const XFS_FEATURES: Readonly<Record<string, readonly [string, string]>> = {
  "lts_6.1": ["0xd", "0xb"],
  "lts_6.6": ["0xf", "0x2b"],
  "lts_6.12": ["0xf", "0x2b"],
  "lts_6.18": ["0xf", "0xeb"],
};

/** The initramfs of a BOOT partition has recorded bytes only when it is the release's own. */
const INITRAMFS = "/A/initramfs.xz";

function xfsNodes(tree: readonly RecordedNode[], made: Made) {
  return tree.map((node) => {
    const gates = node.path !== INITRAMFS || keepsInitramfs(made);
    return { path: node.path, fields: { mode: node.mode }, content: gates ? recordedContent(node) : {} };
  });
}

/** XFS: the features are those of the option file that was asked for, times those of mkfs.xfs that follow the epoch. */
export async function compareXfs(
  { sb, tree, allOwner }: RecordedXfs,
  volume: Recipe,
  made: Made,
  optionFile: string,
): Promise<Comparison> {
  const reader = await XfsReader.open(volume, made.imager.blobs);
  const { superblock } = reader;
  const nodes: XfsFound[] = [];
  for await (const node of reader.walk()) nodes.push(node);
  const trees = compareTree(
    xfsNodes(tree, made),
    nodes.map(({ path, mode, directory, bytes }) => {
      return { path, fields: { mode: modeText(mode) }, bytes: directory ? undefined : bytes };
    }),
  );
  const field = (name: string): string => (sb[name] ?? "").replaceAll("\\000", "");
  const names = Object.keys(XFS_FIELDS);
  const features = XFS_FEATURES[optionFile];
  return {
    recorded: {
      sb: Object.fromEntries(names.map((name) => [name, field(name)])),
      features,
      allOwner,
      allMtime: EPOCH,
      tree: trees.recorded,
    },
    ours: {
      sb: Object.fromEntries(Object.entries(XFS_FIELDS).map(([name, of]) => [name, String(of(superblock))])),
      features:
        features && [superblock.readOnlyCompatible, superblock.incompatible].map((bits) => `0x${bits.toString(16)}`),
      allOwner: one(nodes.map(({ uid, gid }) => `${uid}/${gid}`)),
      allMtime: one(nodes.map(({ mtime }) => mtime)),
      tree: trees.ours,
    },
  };
}

/** The value all have, or all of them. */
function one<T>(values: readonly T[]): T | readonly T[] {
  const [first, ...others] = new Set(values);
  return first !== undefined && others.length === 0 ? first : values;
}

export interface RecordedExt4 extends RecordedTree {
  /** As `dumpe2fs -h` prints it. */
  readonly dumpe2fs: Readonly<Record<string, string>>;
}

/** The fields that name a volume and its size, by dumpe2fs's names. */
const EXT4_FIELDS: Readonly<Record<string, (reader: Ext4Reader) => string | number>> = {
  "Filesystem volume name": ({ superblock }) => superblock.label,
  "Filesystem UUID": ({ superblock }) =>
    Buffer.from(superblock.uuid)
      .toString("hex")
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
  "Block count": ({ superblock }) => superblock.blocks,
  "Block size": ({ blockSize }) => blockSize,
};
/** i_uid and i_gid, lower halves (kernel: Documentation/filesystems/ext4, "Index Nodes"). */
const UID_OFFSET = 2;
const GID_OFFSET = 24;
const ROOT = 2;

/** ext4: how the rest of the space is used is the writer's own. */
export async function compareExt4(
  { dumpe2fs, tree, allOwner, allMtime }: RecordedExt4,
  volume: Recipe,
  { imager }: Made,
): Promise<Comparison> {
  const reader = new Ext4Reader(await read(volume, imager.blobs));
  const nodes = [reader.node(ROOT, "/"), ...reader.walk()];
  const owner = ({ number }: (typeof nodes)[number]): string => {
    const at = reader.inodeOffset(number);
    const view = new DataView(reader.image.buffer, reader.image.byteOffset + at);
    return `${view.getUint16(UID_OFFSET, true)}/${view.getUint16(GID_OFFSET, true)}`;
  };
  const trees = compareTree(
    tree.map((node) => {
      const { path, mode, target } = node;
      return { path, fields: { mode, target }, content: recordedContent(node) };
    }),
    nodes.map((node) => {
      const mode = modeText(node.inode.mode);
      const target = mode.startsWith("l") ? Buffer.from(node.bytes).toString("utf8") : undefined;
      const bytes = isDirectory(node) || target !== undefined ? undefined : node.bytes;
      return { path: node.path, fields: { mode, target }, bytes };
    }),
  );
  return {
    recorded: {
      fields: Object.fromEntries(Object.keys(EXT4_FIELDS).map((name) => [name, dumpe2fs[name]])),
      allOwner,
      allMtime,
      tree: trees.recorded,
    },
    ours: {
      fields: Object.fromEntries(Object.entries(EXT4_FIELDS).map(([name, of]) => [name, String(of(reader))])),
      allOwner: one(nodes.map(owner)),
      allMtime: one(nodes.map(({ inode }) => inode.modifyTime)),
      tree: trees.ours,
    },
  };
}

/** The option file a run asked mkfs.xfs for. */
export function xfsOptionFile({ execs = [] }: RecordedRun & { readonly execs?: readonly string[] }): string {
  return /mkfs\/(lts_[\d.]+)\.conf/.exec(execs.find((line) => line.startsWith("mkfs.xfs")) ?? "")?.[1] ?? "";
}
