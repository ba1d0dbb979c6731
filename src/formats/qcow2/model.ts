import { KiB, MiB } from "../../bytes/align.ts";
import { FactoryError } from "../../errors.ts";

export type Qcow2ErrorCode = "cluster_size_invalid" | "table_too_large";

export class Qcow2Error extends FactoryError<Qcow2ErrorCode> {}

/** What qemu-img takes when it is not told. */
export const DEFAULT_CLUSTER_BYTES = 64 * KiB;

const MIN_CLUSTER_BYTES = 512;
const MAX_CLUSTER_BYTES = 2 * MiB;

/** Largest L1 table qemu opens ("QCOW_MAX_L1_SIZE"). */
export const MAX_L1_BYTES = 32 * MiB;

/** True for the cluster sizes qemu knows: powers of two from 512 bytes to 2 MiB. */
export function isClusterSize(bytes: number): boolean {
  return bytes >= MIN_CLUSTER_BYTES && bytes <= MAX_CLUSTER_BYTES && Number.isInteger(Math.log2(bytes));
}
