/** `value` rounded up to a multiple of `unit` (both non-negative safe integers, unit > 0). */
export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** `value` rounded down to a multiple of `unit`. */
export function alignDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
