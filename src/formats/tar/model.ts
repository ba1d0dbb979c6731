import { FactoryError } from "../../errors.ts";
import type { Recipe } from "../../extents/index.ts";

export type TarErrorCode = "tar_name";

export class TarError extends FactoryError<TarErrorCode> {}

/** A regular file that becomes a member; its owner is 0:0. */
export interface TarFile {
  /** 1 to 100 ASCII characters; slashes between folders. */
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Names beside the numbers 0:0; default none. */
  readonly owner?: { readonly user: string; readonly group: string };
  readonly content: Recipe;
  /** Leaves out the holes, if there are any; default false. */
  readonly sparse?: boolean;
}
