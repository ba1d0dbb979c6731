import { concatBytes } from "../../bytes/text.ts";
import { type Extent, type Recipe, recipe } from "../../extents/index.ts";
import { BMP_HEADER } from "./layout.ts";

/** Pixels per side; the boot stub centres the picture without scaling it. */
const SIDE = 400;
const PIXEL_BYTES = 4;
/** Blue, green, red: a warm white. */
const INK = [0xe6, 0xf0, 0xf5] as const;
/** Runs of zeros shorter than this are not worth an extent of their own. */
const MIN_ZEROS = 256;

/**
 * The boot picture of UKIs: a small ring around a diamond, as an uncompressed BMP of 640138 bytes with an alpha channel.
 * Drawn instead of stored, so that nobody's artwork is shipped; the same bytes on every machine. As large as the picture in
 * the reference's UKIs, so that whatever stands behind it has the same address (imager.md 6.1).
 */
export function splashBmp(): Uint8Array {
  const pixels = drawPixels();
  const imageSize = pixels.length;
  const header = BMP_HEADER.encode({ fileSize: BMP_HEADER.size + imageSize, width: SIDE, height: SIDE, imageSize });
  return concatBytes(header, pixels);
}

/** The picture as a recipe, with its empty parts as zeros. */
export function splash(): Recipe {
  const bytes = splashBmp();
  const extents: Extent[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    let end = at;
    while (bytes[end] === 0) end++;
    if (end - at >= MIN_ZEROS) {
      extents.push({ $case: "inline", bytes: bytes.slice(start, at) }, { $case: "zeros", length: end - at });
      start = end;
    }
    at = end;
  }
  return recipe([...extents, { $case: "inline", bytes: bytes.slice(start) }]);
}

/** Zero bytes are fully transparent; the picture is symmetric, so bottom-up rows do not matter. */
function drawPixels(): Uint8Array {
  const pixels = new Uint8Array(SIDE * SIDE * PIXEL_BYTES);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const alpha = alphaAt(x, y);
      if (alpha > 0) pixels.set([...INK, alpha], (y * SIDE + x) * PIXEL_BYTES);
    }
  }
  return pixels;
}

/** 0 to 255: how far a pixel lies inside the mark, softened over one pixel at its edge. */
function alphaAt(x: number, y: number): number {
  const dx = Math.abs(x - (SIDE - 1) / 2);
  const dy = Math.abs(y - (SIDE - 1) / 2);
  const ring = 3 - Math.abs(Math.sqrt(dx * dx + dy * dy) - 40);
  const diamond = (18 - dx - dy) / Math.SQRT2;
  const coverage = Math.min(1, Math.max(0, Math.max(ring, diamond) + 0.5));
  return Math.round(coverage * 255);
}
