/** What is compared of an initramfs: what the kernel unpacks from it, not how it was cut and compressed. */
import { alignUp } from "../../src/bytes/align.ts";
import { digestHex, sha256 } from "../../src/bytes/digest.ts";
import { concatBytes } from "../../src/bytes/text.ts";
import { COMPRESSORS } from "../../src/formats/squashfs/layout.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { type CpioFound, readCpioArchive } from "../support/cpio-reader.ts";
import { SquashfsTree } from "../support/squashfs-tree.ts";
import { contentOf, modeText, type RecordedContent } from "./content.ts";
import type { Comparison } from "./family.ts";

interface RecordedNode extends RecordedContent {
  readonly path: string;
  /** As `ls -l` shows it. */
  readonly mode: string;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

interface RecordedSquashfs {
  readonly superblock: { readonly blockSize: number; readonly compression: string };
  /** `uid/gid`. */
  readonly allOwner: string;
  readonly tree: readonly RecordedNode[];
}

interface RecordedEntry {
  readonly name: string;
  /** Octal. */
  readonly mode: string;
  readonly nlink: number;
  readonly filesize: number;
  readonly text?: string;
  readonly sha256?: string;
  readonly squashfs?: RecordedSquashfs;
}

interface RecordedSegment {
  readonly type: "cpio" | "zstd" | "xz";
  readonly allEntries?: Readonly<Record<string, number | string>>;
  readonly entries?: readonly RecordedEntry[];
  readonly sha256Decompressed?: string;
}

export interface RecordedInitramfs {
  readonly segments: readonly RecordedSegment[];
}

const CPIO_MAGIC = "070701";
/** Archives end on multiples of this. */
const CPIO_BLOCK = 512;
/** First bytes of an .xz stream; the others are zstd. */
const XZ_MAGIC = "fd377a58";
const TRAILER = "TRAILER!!!";
const EMPTY = "empty";
const { codec } = loadCodec();

async function decompressed(packed: Uint8Array): Promise<Uint8Array> {
  if (packed.length === 0) return packed;
  const source = (async function* () {
    yield packed;
  })();
  const isXz = Buffer.from(packed.subarray(0, 4)).toString("hex") === XZ_MAGIC;
  const pieces: Uint8Array[] = [];
  for await (const piece of isXz ? codec.unxz(source) : codec.unzstd(source)) pieces.push(piece);
  return concatBytes(...pieces);
}

/** The same for a file with zeros behind its last frame. */
async function unpadded(packed: Uint8Array): Promise<Uint8Array> {
  try {
    return await decompressed(packed);
  } catch (error) {
    if (packed.at(-1) !== 0) throw error;
    return await unpadded(packed.subarray(0, -1));
  }
}

/** Archives one after another, zeros between them. */
function archives(bytes: Uint8Array): readonly CpioFound[] {
  const found: CpioFound[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { entries, end } = readCpioArchive(bytes, at);
    found.push(...entries);
    at = end;
    while (bytes[at] === 0) at++;
  }
  return found;
}

/** As it was recorded, with the digest of an empty file in digits. */
function recordedContent({ sha256: digest, ...content }: RecordedContent): RecordedContent {
  if (digest === undefined) return content;
  return { ...content, sha256: digest === EMPTY ? digestHex(sha256(new Uint8Array())) : digest };
}

function recordedNode({ path, mode, target, xattrs = {}, ...content }: RecordedNode) {
  return { path, mode, target, xattrs, ...recordedContent(content) };
}

function recordedSquashfs({ superblock: { blockSize, compression }, allOwner, tree }: RecordedSquashfs) {
  return { blockSize, compression, owners: [allOwner], tree: tree.map(recordedNode) };
}

async function ownSquashfs(bytes: Uint8Array, { tree }: RecordedSquashfs) {
  const image = new SquashfsTree(bytes, codec);
  const { blockSize, compression } = image.head;
  const known = new Map(tree.map((node) => [node.path, node]));
  const owners = new Set<string>();
  const nodes: unknown[] = [];
  for await (const { path, mode, owner, xattrs, target, bytes: content } of image.walk()) {
    owners.add(owner);
    const recorded = known.get(path) ?? {};
    nodes.push({ path, mode: modeText(mode), target, xattrs, ...(content ? contentOf(content, recorded) : {}) });
  }
  const [name] = Object.entries(COMPRESSORS).find(([, code]) => code === compression) ?? [];
  return { blockSize, compression: name, owners: [...owners], tree: nodes };
}

function recordedEntries(segments: readonly RecordedSegment[]) {
  return segments.flatMap(({ entries = [], allEntries }) =>
    entries
      .filter(({ name }) => name !== TRAILER)
      .map(({ name, mode, nlink, filesize: size, text, sha256: digest, squashfs }) => ({
        name,
        mode,
        nlink,
        ...allEntries,
        ...(squashfs ? { squashfs: recordedSquashfs(squashfs) } : { size, text, ...(text ? {} : { sha256: digest }) }),
      })),
  );
}

async function ownEntries(found: readonly CpioFound[], recorded: readonly RecordedEntry[]) {
  const known = new Map(recorded.map((entry) => [entry.name, entry]));
  const made: unknown[] = [];
  for (const { name, mode, nlink, uid, gid, devmajor, devminor, rdevmajor, rdevminor, check, bytes } of found) {
    const { squashfs, text, sha256: digest } = known.get(name) ?? {};
    made.push({
      name,
      mode: mode.toString(8),
      nlink,
      ...{ magic: CPIO_MAGIC, uid, gid, devmajor, devminor, rdevmajor, rdevminor, check },
      ...(squashfs ? { squashfs: await ownSquashfs(bytes, squashfs) } : {}),
      ...(squashfs ? {} : contentOf(bytes, { ...(text ? { text } : digest ? { sha256: digest } : {}) })),
    });
  }
  return made;
}

/** An initramfs as it was recorded, and one of ours, made from `base`. */
export async function compareInitramfs(
  { segments }: RecordedInitramfs,
  image: Uint8Array,
  base: Uint8Array,
): Promise<Comparison> {
  const early = segments[0]?.type === "cpio" ? segments.slice(0, 1) : [];
  const [recordedBase, ...appended] = segments.slice(early.length);
  const isEarly = Buffer.from(image.subarray(0, CPIO_MAGIC.length)).toString("latin1") === CPIO_MAGIC;
  const microcode = isEarly ? readCpioArchive(image) : { entries: [], end: 0 };
  const start = alignUp(microcode.end, CPIO_BLOCK);
  const own = image.subarray(start, start + base.length);
  const added = archives(await decompressed(image.subarray(start + base.length)));
  const entriesOf = (list: readonly RecordedSegment[]) => list.flatMap(({ entries = [] }) => entries);
  return {
    recorded: {
      microcode: recordedEntries(early),
      base: { unchanged: true, sha256: recordedBase?.sha256Decompressed },
      entries: recordedEntries(appended),
    },
    ours: {
      microcode: await ownEntries(microcode.entries, entriesOf(early)),
      base: { unchanged: Buffer.compare(own, base) === 0, sha256: digestHex(sha256(await unpadded(own))) },
      entries: await ownEntries(added, entriesOf(appended)),
    },
  };
}
