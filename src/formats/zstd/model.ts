import { FactoryError } from "../../errors.ts";

export type ZstdErrorCode = "zstd_malformed" | "zstd_truncated";

export class ZstdError extends FactoryError<ZstdErrorCode> {}
