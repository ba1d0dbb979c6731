import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import { KiB, MiB } from "../bytes/align.ts";

/** Encoder parameters as lzma-native names them; sizes in bytes. */
export interface LzmaParameters {
  readonly dictSize: number;
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
  readonly mode: number;
  readonly niceLen: number;
  readonly mf: number;
  readonly depth: number;
}

/** The part of npm's lzma-native that is used; the package has no types of its own. */
export interface Lzma {
  readonly version: string;
  readonly FILTER_LZMA1: string;
  readonly FILTER_LZMA2: string;
  readonly CHECK_CRC32: number;
  readonly CHECK_CRC64: number;
  readonly CONCATENATED: number;
  readonly TELL_UNSUPPORTED_CHECK: number;
  versionString(): string;
  createStream(
    coder: "streamEncoder" | "rawEncoder" | "streamDecoder",
    options: Readonly<Record<string, unknown>>,
  ): Duplex;
}

/** Loads the package on first use, so that a process with the native addon never does. */
export function loadLzma(): Lzma {
  const require = createRequire(import.meta.url);
  return require("lzma-native") as Lzma;
}

const MODE = { fast: 1, normal: 2 } as const;
const MATCH_FINDER = { hc3: 0x03, hc4: 0x04, bt4: 0x14 } as const;

const DICTIONARY = [256 * KiB, MiB, 2 * MiB, 4 * MiB, 4 * MiB, 8 * MiB, 8 * MiB, 16 * MiB, 32 * MiB, 64 * MiB] as const;
const FAST_DEPTH = [4, 8, 24, 48] as const;

/**
 * What liblzma's presets stand for (its manual page xz(1), "preset levels"). Spelled out because
 * lzma-native takes a preset or single parameters, never a preset with another dictionary.
 */
export function lzmaPreset(preset: number, extreme: boolean): LzmaParameters {
  const common = { dictSize: DICTIONARY[preset]!, lc: 3, lp: 0, pb: 2 };
  if (extreme) {
    const middle = preset === 3 || preset === 5;
    const search = middle ? { niceLen: 192, depth: 0 } : { niceLen: 273, depth: 512 };
    return { ...common, mode: MODE.normal, mf: MATCH_FINDER.bt4, ...search };
  }
  if (preset <= 3) {
    const mf = preset === 0 ? MATCH_FINDER.hc3 : MATCH_FINDER.hc4;
    return { ...common, mode: MODE.fast, mf, niceLen: preset <= 1 ? 128 : 273, depth: FAST_DEPTH[preset]! };
  }
  const niceLen = preset === 4 ? 16 : preset === 5 ? 32 : 64;
  return { ...common, mode: MODE.normal, mf: MATCH_FINDER.bt4, niceLen, depth: 0 };
}
