import { gunzipSync } from "node:zlib";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { read } from "../../../src/extents/index.ts";
import { metaPartition, readMeta } from "../../../src/formats/meta/index.ts";
import { decodeMeta, parseMeta, renderMeta } from "../../../src/talos/meta.ts";
import { quirks } from "../../../src/talos/quirks.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { Refusal } from "../diff.ts";
import { attempt, byKind, bytesOf, type Comparison, family, type Recorded, refusal } from "../family.ts";
import { type CmdlineCase, cmdlineOf } from "./cmdline.ts";

/** A value is written out, or a text to repeat. */
interface RecordedValue {
  readonly key: number;
  readonly value?: string;
  readonly repeat?: string;
  readonly count?: number;
}

interface EnvironmentCase extends CmdlineCase {
  readonly values: readonly RecordedValue[] | null;
  readonly env?: string;
  readonly gzip?: boolean;
  readonly plain?: string;
  readonly decoded?: readonly RecordedValue[] | null;
  readonly decode_error?: string;
  readonly compressed_allowed?: boolean;
}

interface PartitionCase extends Recorded {
  readonly values: readonly RecordedValue[] | null;
  readonly image_size?: number;
  readonly sha256_any_of?: readonly string[];
  readonly sha256?: string;
  readonly regions?: readonly { readonly offset: number; readonly b64: string }[];
  readonly read_back?: readonly { readonly key: number; readonly length: number; readonly sha256: string }[];
  readonly error?: string;
}

interface ParseCase extends Recorded {
  readonly input: string;
  readonly key?: number;
  readonly value?: string;
  readonly string?: string;
  readonly error?: string;
}

function valuesOf(
  values: readonly RecordedValue[] | null,
): readonly { readonly key: number; readonly value: string }[] {
  return (values ?? []).map(({ key, value, repeat = "", count = 0 }) => ({
    key,
    value: value ?? repeat.repeat(count),
  }));
}

const ENVIRONMENT = /(?<=\btalos\.environment=)INSTALLER_META_BASE64=([A-Za-z0-9+/=]*)/;

/** A command line and the META values in it; compressed ones are taken out, for two gzip encoders need not agree on bytes. */
function opened(cmdline: string) {
  const [env, base64] = ENVIRONMENT.exec(cmdline) ?? [];
  if (base64 === undefined) return { cmdline };
  const packed = Buffer.from(base64, "base64");
  const gzip = packed[0] === 0x1f && packed[1] === 0x8b;
  return {
    cmdline: gzip ? cmdline.replace(ENVIRONMENT, "(compressed)") : cmdline,
    env: gzip ? undefined : env,
    gzip,
    plain: (gzip ? gunzipSync(packed) : packed).toString("utf8"),
    decoded: attempt(() => decodeMeta(base64)),
  };
}

function environment(item: EnvironmentCase): Comparison {
  const ours = attempt(() => {
    const line = cmdlineOf(item, valuesOf(item.values));
    return { ...opened(line), compressed: quirks(parseTolerant(item.version)).supportsCompressedEncodedMeta };
  });
  const { cmdline = "", gzip, plain, decode_error, compressed_allowed } = item;
  const decoded = refusal(decode_error) ?? (item.decoded == null ? undefined : valuesOf(item.decoded));
  const env = gzip ? undefined : item.env;
  const recorded = { ...opened(cmdline), env, gzip, plain, decoded, compressed: compressed_allowed };
  return { recorded: refusal(item.error) ?? recorded, ours };
}

async function partition(item: PartitionCase): Promise<Comparison> {
  const values = valuesOf(item.values).map(({ key, value }) => ({ tag: key, value }));
  const recipe = attempt(() => metaPartition(values));
  if (recipe instanceof Refusal || item.error !== undefined) return { recorded: refusal(item.error), ours: recipe };
  const bytes = await read(recipe, NO_BLOBS);
  const digest = digestHex(sha256(bytes));
  const allowed = item.sha256_any_of ?? [item.sha256];
  const readBack = Array.from(readMeta(bytes), ([key, value]) => {
    return { key, length: value.length, sha256: digestHex(sha256(value)) };
  });
  // Where no recorded digest is ours the bytes show why.
  const regions = allowed.includes(digest) ? [] : (item.regions ?? []);
  return {
    recorded: {
      size: item.image_size,
      sha256: allowed.includes(digest) ? digest : allowed.join(" or "),
      read_back: item.read_back?.toSorted((a, b) => a.key - b.key),
      regions: regions.map(({ offset, b64 }) => ({ offset, bytes: bytesOf(b64) })),
    },
    ours: {
      size: bytes.length,
      sha256: digest,
      read_back: item.read_back && readBack,
      regions: regions.map(({ offset, b64 }) => {
        return { offset, bytes: bytes.subarray(offset, offset + bytesOf(b64).length) };
      }),
    },
  };
}

function parse(item: ParseCase): Comparison {
  const { key, value, string, error } = item;
  const ours = attempt(() => {
    const parsed = parseMeta(item.input);
    return { ...parsed, string: renderMeta(parsed) };
  });
  return { recorded: refusal(error) ?? { key, value, string }, ours };
}

export const meta = family("meta", byKind({ kernel_env: environment, partition, parse }));
