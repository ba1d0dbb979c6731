import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { concatBytes } from "../../../src/bytes/text.ts";
import { read, stream } from "../../../src/extents/index.ts";
import { loadCodec } from "../../../src/workers/codec.ts";
import { artifacts, type Made, type RecordedRun } from "../artifacts.ts";
import type { Comparison } from "../family.ts";

/** A run whose output is one small file: a kernel command line, or a copied kernel. */
export interface SmallRun extends RecordedRun {
  readonly outputs: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
  /** The command line, decompressed. */
  readonly text?: string;
  /** What was written to standard output. */
  readonly stdout?: unknown;
}

const { codec } = loadCodec();

export async function checkSmall(
  { outputs, text, stdout }: SmallRun,
  { image, target, imager }: Made,
): Promise<Comparison> {
  const waiting = stdout === undefined ? undefined : "the command: its tar on standard output";
  if (target.profile.output.outFormat === ".zst") {
    const pieces: Uint8Array[] = [];
    for await (const piece of codec.unzstd(stream(image, imager.blobs))) pieces.push(piece);
    return { recorded: text, ours: Buffer.from(concatBytes(...pieces)).toString("utf8"), waiting };
  }
  const bytes = await read(image, imager.blobs);
  const [output] = outputs;
  return {
    recorded: { size: output?.size, sha256: output?.sha256, text },
    ours: {
      size: bytes.length,
      sha256: digestHex(sha256(bytes)),
      text: text === undefined ? undefined : Buffer.from(bytes).toString("utf8"),
    },
    waiting,
  };
}

export const cmdlineRuns = artifacts("cmdline_runs", checkSmall);
