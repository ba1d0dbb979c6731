import { concatBytes } from "../../bytes/text.ts";
import { BMP_HEADER } from "./layout.ts";

/** Pixels per side; the boot stub centres the picture without scaling it. */
const SIDE = 400;
const BITS_PER_PIXEL = 4;
const SHADES = 2 ** BITS_PER_PIXEL;
const ROW_BYTES = (SIDE * BITS_PER_PIXEL) / 8;

/** Blue, green, red: a dark slate and a warm white, and what lies between them. */
const BACKGROUND = [0x2b, 0x1f, 0x16] as const;
const FOREGROUND = [0xe6, 0xf0, 0xf5] as const;

/**
 * The boot picture of UKIs: a ring around a diamond on a dark ground, as an uncompressed 16-colour BMP of 80118 bytes.
 * Drawn instead of stored, so that nobody's artwork is shipped; the same bytes on every machine.
 */
export function splashBmp(): Uint8Array {
  const palette = new Uint8Array(SHADES * 4);
  for (let shade = 0; shade < SHADES; shade++) {
    for (const [channel, dark] of BACKGROUND.entries()) {
      palette[shade * 4 + channel] = dark + Math.round(((FOREGROUND[channel]! - dark) * shade) / (SHADES - 1));
    }
  }
  const pixels = drawPixels();
  const pixelsOffset = BMP_HEADER.size + palette.length;
  const header = BMP_HEADER.encode({
    fileSize: pixelsOffset + pixels.length,
    pixelsOffset,
    width: SIDE,
    height: SIDE,
    bitsPerPixel: BITS_PER_PIXEL,
    imageSize: pixels.length,
    colorsUsed: SHADES,
  });
  return concatBytes(header, palette, pixels);
}

/** Two pixels to a byte, the left one in the high half; the picture is symmetric, so bottom-up rows do not matter. */
function drawPixels(): Uint8Array {
  const pixels = new Uint8Array(ROW_BYTES * SIDE);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x += 2) {
      pixels[y * ROW_BYTES + x / 2] = (shadeAt(x, y) << BITS_PER_PIXEL) | shadeAt(x + 1, y);
    }
  }
  return pixels;
}

/** 0 to 15: how far a pixel lies inside the mark, softened over one pixel at its edge. */
function shadeAt(x: number, y: number): number {
  const dx = Math.abs(x - (SIDE - 1) / 2);
  const dy = Math.abs(y - (SIDE - 1) / 2);
  const ring = 9 - Math.abs(Math.sqrt(dx * dx + dy * dy) - 96);
  const diamond = (44 - dx - dy) / Math.SQRT2;
  const coverage = Math.min(1, Math.max(0, Math.max(ring, diamond) + 0.5));
  return Math.round(coverage * (SHADES - 1));
}
