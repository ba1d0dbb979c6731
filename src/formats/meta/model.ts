import { FactoryError } from "../../errors.ts";

export type MetaErrorCode = "tag_invalid" | "values_too_large" | "meta_damaged";

/** What the META room refuses to write, or could not read. */
export class MetaError extends FactoryError<MetaErrorCode> {}

/** One META value: a tag from 1 to 255 and its bytes (text is stored as UTF-8). */
export interface MetaValue {
  readonly tag: number;
  readonly value: Uint8Array | string;
}
