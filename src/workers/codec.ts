import { messageOf } from "../errors.ts";
import { createFallbackCodec } from "./codec-fallback.ts";
import type { LzmaCodec } from "./codec-limits.ts";
import { createNativeCodec } from "./codec-native.ts";

export { createFallbackCodec } from "./codec-fallback.ts";
export { CodecError, type CodecErrorCode, type Lzma1Options, type LzmaCodec } from "./codec-limits.ts";
export { createNativeCodec } from "./codec-native.ts";

export interface LoadedCodec {
  readonly codec: LzmaCodec;
  /** False when the JavaScript fallback does the work. */
  readonly native: boolean;
  /** Why it is not the native one. */
  readonly reason?: string;
}

/** The native codec where its addon is built and loads, else (or with `forceFallback`) the fallback. Never throws. */
export function loadCodec(options: { readonly forceFallback?: boolean | undefined } = {}): LoadedCodec {
  if (options.forceFallback) return { codec: createFallbackCodec(), native: false, reason: "the fallback is forced" };
  try {
    return { codec: createNativeCodec(), native: true };
  } catch (thrown) {
    return { codec: createFallbackCodec(), native: false, reason: messageOf(thrown) };
  }
}
