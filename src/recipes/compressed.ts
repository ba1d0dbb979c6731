import type { Digest } from "../bytes/digest.ts";
import { type Extent, extentLength, type Recipe, recipe } from "../extents/index.ts";

/** A part of an image on its way into a compressed file. */
export type Piece =
  /** Framed as it is: compressed data, long runs of zeros, and what little stands between them. */
  | { readonly $case: "stored"; readonly content: Recipe }
  /** Worth compressing, by a derivation. */
  | { readonly $case: "compress"; readonly content: Recipe };

/** Inline runs below this stay with what surrounds them: headers between slices are not worth a piece of their own. */
const MIN_INLINE = 4 * 1024;
/** Zeros from this length on are framed as constant blocks instead of being fed to the compressor. */
const MIN_ZEROS = 64 * 1024;
/** Compressible slices of one blob from this size on are a piece of their own, so that all images that hold them share it. */
const OWN_PIECE = 1024 * 1024;

/** Extents that are never cut apart. */
type Unit =
  /** Slices of one blob with the little that stands between them, such as the headers of its frames. */
  | { readonly $case: "slices"; readonly digest: Digest; readonly extents: Extent[] }
  | { readonly $case: "zeros" | "metadata" | "glue"; readonly extents: readonly Extent[] };

function isGlue(extent: Extent): boolean {
  if (extent.$case === "blob") return false;
  return extentLength(extent) < (extent.$case === "zeros" ? MIN_ZEROS : MIN_INLINE);
}

function unitOf(extent: Extent): Unit {
  if (extent.$case === "blob") return { $case: "slices", digest: extent.digest, extents: [extent] };
  return { $case: extent.$case === "zeros" ? "zeros" : "metadata", extents: [extent] };
}

/** What is left over between units: much of it is metadata of its own. */
function leftOver(extents: readonly Extent[]): Unit[] {
  if (extents.length === 0) return [];
  const bytes = extents.reduce((sum, extent) => sum + (extent.$case === "inline" ? extent.bytes.length : 0), 0);
  return [{ $case: bytes < MIN_INLINE ? "glue" : "metadata", extents }];
}

function unitsOf(whole: Recipe): readonly Unit[] {
  const units: Unit[] = [];
  let glue: Extent[] = [];
  for (const extent of whole.extents) {
    const last = units.at(-1);
    if (isGlue(extent)) {
      glue.push(extent);
      continue;
    }
    if (extent.$case === "blob" && last?.$case === "slices" && last.digest === extent.digest) {
      last.extents.push(...glue, extent);
    } else units.push(...leftOver(glue), unitOf(extent));
    glue = [];
  }
  units.push(...leftOver(glue));
  return units;
}

/**
 * Cuts an image into pieces to store and pieces to compress. `compressible` says of a blob whether compression saves
 * anything; all inline metadata does. The pieces in order are the image; an empty one is one empty piece. What little
 * differs from image to image stands apart from the slices of a blob, so that what is derived of a piece serves every
 * image with that blob.
 */
export function compressionPlan(whole: Recipe, compressible: (digest: Digest) => boolean): readonly Piece[] {
  const pieces: { $case: Piece["$case"]; readonly extents: Extent[]; readonly isOpen: boolean }[] = [];
  for (const unit of unitsOf(whole)) {
    const { extents } = unit;
    const last = pieces.at(-1);
    const isGlue = unit.$case === "glue";
    const compress = unit.$case === "metadata" || (unit.$case === "slices" && compressible(unit.digest));
    const isSmall = isGlue || (compress && !(unit.$case === "slices" && recipe(extents).size >= OWN_PIECE));
    if (last?.isOpen && isSmall) {
      last.extents.push(...extents);
      if (compress) last.$case = "compress";
    } else pieces.push({ $case: compress ? "compress" : "stored", extents: [...extents], isOpen: isSmall });
  }
  if (pieces.length === 0) return [{ $case: "stored", content: whole }];
  return pieces.map(({ $case, extents }) => ({ $case, content: recipe(extents) }));
}
