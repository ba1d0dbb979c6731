import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { MiB } from "../bytes/align.ts";
import { type Digest, digestHex } from "../bytes/digest.ts";
import {
  isIndexType,
  isManifestType,
  OciLimits,
  type Platform,
  parseLayoutIndex,
  REF_NAME_ANNOTATION,
  statedMediaType,
} from "../formats/oci/index.ts";
import { parsing, SourceError } from "./errors.ts";
import { checkRepository, parseTagOrDigest } from "./reference.ts";
import type { BlobDescriptor, ImageSource } from "./source.ts";
import { checkDigest, collect, verified } from "./verify.ts";

const INDEX_BYTES = 16 * MiB;
const INDEX_ENTRIES = 65536;
const CHUNK_BYTES = MiB;

interface LoadedIndex {
  /** Size, time and inode of the file this was read from. */
  readonly stamp: string;
  readonly byName: ReadonlyMap<string, BlobDescriptor>;
  readonly byDigest: ReadonlyMap<Digest, BlobDescriptor>;
  /** Manifests in the order of the index, with their platforms. */
  readonly platforms: readonly { readonly digest: Digest; readonly platform: Platform | undefined }[];
}

/**
 * Images in an OCI image layout folder (image spec 1.1, "image-layout.md"). Entries of `index.json` are named
 * `repository:tag` by the annotation `org.opencontainers.image.ref.name`; signature tags likewise. Manifests that an
 * image only refers to by digest are found among the blobs. File names are made of checked digests alone and links
 * are not followed, so no request leaves the folder.
 */
export class LayoutSource implements ImageSource {
  readonly #folder: string;
  #index: LoadedIndex | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async tags(repository: string): Promise<readonly string[]> {
    checkRepository(repository);
    const { byName } = await this.#load();
    const prefix = `${repository}:`;
    const tags = [...byName.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    if (tags.length === 0) throw new SourceError("not_found", `${repository}: no such repository in the layout`);
    return tags;
  }

  async resolve(repository: string, tagOrDigest: string): Promise<BlobDescriptor> {
    checkRepository(repository);
    const wanted = parseTagOrDigest(tagOrDigest);
    const index = await this.#load();
    if ("digest" in wanted) return index.byDigest.get(wanted.digest) ?? (await this.#describe(wanted.digest));
    const found = index.byName.get(`${repository}:${wanted.tag}`);
    if (!found) throw new SourceError("not_found", `${repository}:${wanted.tag}: no such image in the layout`);
    return found;
  }

  /**
   * The first image of the layout for a platform, whatever its name: how the imager takes a layout (imager.md 5.1).
   * Images behind another index are not looked at. Throws `not_found`.
   */
  async forPlatform({ os, architecture }: Platform): Promise<Digest> {
    const { platforms } = await this.#load();
    const found = platforms.find(({ platform }) => platform?.os === os && platform.architecture === architecture);
    if (found) return found.digest;
    throw new SourceError("not_found", `image layout: no image for ${os}/${architecture}`);
  }

  async manifest(repository: string, digest: Digest): Promise<Uint8Array> {
    checkRepository(repository);
    const what = `manifest ${repository}@${digest}`;
    return checkDigest(await this.#readBlob(digest, what), digest, what);
  }

  async *blob(_repository: string, descriptor: BlobDescriptor): AsyncGenerator<Uint8Array> {
    const file = await this.#open(descriptor.digest);
    try {
      yield* verified(chunks(file), descriptor);
    } finally {
      await file.close();
    }
  }

  async #describe(digest: Digest): Promise<BlobDescriptor> {
    const what = `manifest ${digest}`;
    const bytes = checkDigest(await this.#readBlob(digest, what), digest, what);
    const mediaType = parsing(what, () => statedMediaType(bytes));
    if (mediaType === undefined) throw new SourceError("malformed", `${what}: states no media type`);
    return { mediaType, digest, size: bytes.length };
  }

  async #readBlob(digest: Digest, what: string): Promise<Uint8Array> {
    const file = await this.#open(digest);
    try {
      return await collect(chunks(file), OciLimits.documentBytes, what);
    } finally {
      await file.close();
    }
  }

  async #open(digest: Digest): Promise<FileHandle> {
    // A digest is checked text of 64 hex digits: it cannot name anything outside the folder.
    const path = join(this.#folder, "blobs", "sha256", digestHex(digest));
    const file = await openFile(path, `blob ${digest}`);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new SourceError("malformed", `blob ${digest}: not a file`);
  }

  /** The index, read again when the file has changed. */
  async #load(): Promise<LoadedIndex> {
    const path = join(this.#folder, "index.json");
    const stamp = await stampOf(path);
    if (this.#index?.stamp === stamp) return this.#index;
    const file = await openFile(path, "index.json");
    try {
      const bytes = await collect(chunks(file), INDEX_BYTES, "index.json");
      this.#index = { stamp, ...namesIn(bytes) };
      return this.#index;
    } finally {
      await file.close();
    }
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true });
    return `${size} ${mtimeNs} ${ino}`;
  } catch (cause) {
    throw new SourceError("unreachable", "image layout: its index.json cannot be read", { cause });
  }
}

function namesIn(bytes: Uint8Array): Omit<LoadedIndex, "stamp"> {
  const byName = new Map<string, BlobDescriptor>();
  const byDigest = new Map<Digest, BlobDescriptor>();
  const platforms: { digest: Digest; platform: Platform | undefined }[] = [];
  const entries = parsing("image layout", () => parseLayoutIndex(bytes, INDEX_BYTES, INDEX_ENTRIES));
  for (const { mediaType, digest, size, annotations, platform } of entries) {
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) continue;
    const descriptor = { mediaType, digest, size };
    byDigest.set(digest, descriptor);
    if (isManifestType(mediaType)) platforms.push({ digest, platform });
    const name = annotations?.[REF_NAME_ANNOTATION];
    if (name === undefined) continue;
    const other = byName.get(name);
    // Two answers to one name would let the order of a list decide what is built.
    if (other && other.digest !== digest) throw new SourceError("malformed", `index.json: "${name}" is named twice`);
    byName.set(name, descriptor);
  }
  return { byName, byDigest, platforms };
}

async function openFile(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new SourceError("not_found", `${what}: not in the image layout`, { cause });
    if (code === "ELOOP") throw new SourceError("malformed", `${what}: is a symbolic link`, { cause });
    throw new SourceError("unreachable", `${what}: cannot be opened`, { cause });
  }
}

async function* chunks(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
