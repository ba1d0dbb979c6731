import type { Digest } from "../bytes/digest.ts";
import { concat, type Recipe } from "../extents/index.ts";
import { deflateStored, type GzipPart, gzipMember } from "../formats/gzip/index.ts";
import { tarArchive } from "../formats/tar/index.ts";
import { compressionPlan, type Piece } from "../recipes/compressed.ts";
import type { ProfileOutput } from "../talos/profile.ts";
import type { Deriver } from "./derive.ts";
import { compressed, contentCrc32, stored } from "./framing.ts";

/** Below this ratio of compressed to plain size a blob is compressed instead of stored. */
const WORTH_COMPRESSING = 0.95;
/** As the reference compresses disk images (outputs.md 4.5). */
const ZSTD = { $case: "zstd", level: 18 } as const;
const XZ = { $case: "xz", preset: 0 } as const;
const DEFLATE = { $case: "deflate", level: 6 } as const;

/** What the reference calls any image in a tar archive, and the mode it has there (outputs.md 4.5). */
const MEMBER = { name: "disk.raw", mode: 0o644 } as const;

export interface CompressionDeps {
  readonly deriver: Deriver;
  /** Seconds since 1970, for the member of a tar archive. */
  readonly mtime: number;
}

/**
 * An image in the format asked for, under `name` where the format keeps one: long zeros and data that is compressed already
 * are framed as they are, the rest is compressed.
 */
export async function compressedImage(
  { deriver, mtime }: CompressionDeps,
  image: Recipe,
  { outFormat, name }: { readonly outFormat: ProfileOutput["outFormat"]; readonly name: string },
  signal: AbortSignal,
): Promise<Recipe> {
  switch (outFormat) {
    case ".zst":
      return await frames(deriver, image, ZSTD, signal);
    case ".xz":
      return await frames(deriver, image, XZ, signal);
    case ".gz":
      return gzipMember(await gzipParts(deriver, image, signal), { name });
    case ".tar.gz": {
      const archive = tarArchive([{ ...MEMBER, mtime, content: image, sparse: true }]);
      return gzipMember(await gzipParts(deriver, archive, signal));
    }
    case "raw":
    case "unknown":
      return image;
  }
}

/** Pieces of an image as frames or streams one after the other. */
async function frames(
  deriver: Deriver,
  image: Recipe,
  method: typeof ZSTD | typeof XZ,
  signal: AbortSignal,
): Promise<Recipe> {
  const pieces = await plan(deriver, image, signal);
  const framed = pieces.map(({ $case, content }) =>
    $case === "stored" ? stored(deriver, content, method.$case, signal) : compressed(deriver, content, method, signal),
  );
  return concat(...(await Promise.all(framed)));
}

async function gzipParts(deriver: Deriver, image: Recipe, signal: AbortSignal): Promise<readonly GzipPart[]> {
  const part = async ({ $case, content }: Piece): Promise<GzipPart> => ({
    deflate: $case === "stored" ? deflateStored(content) : await compressed(deriver, content, DEFLATE, signal),
    size: content.size,
    crc32: await contentCrc32(deriver, content, signal),
  });
  return await Promise.all((await plan(deriver, image, signal)).map(part));
}

async function plan(deriver: Deriver, image: Recipe, signal: AbortSignal): Promise<readonly Piece[]> {
  const ratios = await blobRatios(deriver, image, signal);
  return compressionPlan(image, (digest) => (ratios.get(digest) ?? 1) < WORTH_COMPRESSING);
}

/** How well each blob of an image compresses, judged once per blob by samples of the part that is used here. */
async function blobRatios(deriver: Deriver, image: Recipe, signal: AbortSignal): Promise<Map<Digest, number>> {
  const sizes = new Map<Digest, number>();
  for (const extent of image.extents) {
    if (extent.$case !== "blob") continue;
    sizes.set(extent.digest, Math.max(sizes.get(extent.digest) ?? 0, extent.offset + extent.length));
  }
  const entries = [...sizes].map(async ([digest, size]): Promise<[Digest, number]> => {
    const description = { blob: digest, size };
    const { ratio } = await deriver.derive({ kind: "sample", description, input: { blob: { digest, size } } }, signal);
    return [digest, ratio];
  });
  return new Map(await Promise.all(entries));
}
