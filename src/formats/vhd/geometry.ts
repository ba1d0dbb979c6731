/** Cylinders, heads and sectors per track. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** What a disk says whose size no geometry describes. */
export const LARGEST: Geometry = { cylinders: 65535, heads: 16, sectors: 255 };

export function sectorsOf({ cylinders, heads, sectors }: Geometry): number {
  return cylinders * heads * sectors;
}

/** The geometry for a number of sectors, which may hold less (VHD specification, appendix "CHS Calculation"). */
function geometryFor(total: number): Geometry {
  const shape = (sectors: number, heads: number): Geometry => {
    const cylinders = Math.floor(Math.floor(Math.min(total, sectorsOf(LARGEST)) / sectors) / heads);
    return { cylinders, heads, sectors };
  };
  if (total >= 65535 * 16 * 63) return shape(255, 16);
  const tracks = Math.floor(total / 17);
  const heads = Math.max(4, Math.ceil(tracks / 1024));
  if (tracks < heads * 1024 && heads <= 16) return shape(17, heads);
  return Math.floor(total / 31) < 16 * 1024 ? shape(31, 16) : shape(63, 16);
}

/** The smallest geometry of the specification's kind that holds `total` sectors, as qemu looks for it; the largest, if none. */
export function geometryHolding(total: number): Geometry {
  for (let tried = total; ; tried++) {
    const geometry = geometryFor(tried);
    if (sectorsOf(geometry) >= Math.min(total, sectorsOf(LARGEST))) return geometry;
  }
}
