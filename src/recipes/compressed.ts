import type { Digest } from "../bytes/digest.ts";
import { type Extent, extentLength, type Recipe, recipe } from "../extents/index.ts";

/** A part of an image on its way into a compressed file. */
export type Piece =
  /** Framed as it is: compressed data and long runs of zeros. */
  | { readonly $case: "stored"; readonly content: Recipe }
  /** Worth compressing: becomes one frame by a derivation. */
  | { readonly $case: "compress"; readonly content: Recipe };

/** Inline runs below this stay with what surrounds them: headers between slices are not worth a frame of their own. */
const MIN_INLINE = 4 * 1024;
/** Zeros from this length on are framed as constant blocks instead of being fed to the compressor. */
const MIN_ZEROS = 64 * 1024;
/** A compressible slice from this size on is a frame of its own, so that it is shared by all images that hold it. */
const OWN_FRAME = 1024 * 1024;

type Kind = Piece["$case"] | "either";

/**
 * Cuts an image into pieces to store and pieces to compress. `compressible` says of a blob whether compression saves
 * anything; all inline metadata does. The pieces in order are the image.
 */
export function compressionPlan(whole: Recipe, compressible: (digest: Digest) => boolean): readonly Piece[] {
  const kindOf = (extent: Extent): Kind => {
    const length = extentLength(extent);
    if (extent.$case === "zeros") return length >= MIN_ZEROS ? "stored" : "either";
    if (extent.$case === "inline") return length >= MIN_INLINE ? "compress" : "either";
    return compressible(extent.digest) ? "compress" : "stored";
  };
  const pieces: { kind: Piece["$case"]; extents: Extent[]; closed: boolean }[] = [];
  for (const extent of whole.extents) {
    const last = pieces.at(-1);
    const kind = kindOf(extent);
    const own = kind === "compress" && extent.$case === "blob" && extent.length >= OWN_FRAME;
    if (last && !last.closed && !own && (kind === "either" || kind === last.kind)) last.extents.push(extent);
    else pieces.push({ kind: kind === "either" ? "stored" : kind, extents: [extent], closed: own });
  }
  return pieces.map(({ kind, extents }) => ({ $case: kind, content: recipe(extents) }));
}
