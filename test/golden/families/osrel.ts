import { inflateSync } from "node:zlib";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { inline, read } from "../../../src/extents/index.ts";
import { parsePe } from "../../../src/formats/pe/index.ts";
import { bzImageRelease } from "../../../src/formats/uki/index.ts";
import { uki as ukiRecipe } from "../../../src/recipes/uki.ts";
import { osRelease, profileText, ukiProfiles } from "../../../src/talos/boottext.ts";
import type { OutputKind } from "../../../src/talos/cmdline.ts";
import { quirks } from "../../../src/talos/quirks.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { peStub } from "../../support/pe-stub.ts";
import { NO_BLOBS } from "../../support/write-image.ts";
import { Refusal } from "../diff.ts";
import {
  attempt,
  byKind,
  bytesOf,
  type Comparison,
  family,
  type GoldenContext,
  type Recorded,
  refusal,
} from "../family.ts";
import { readyProfile } from "../profiles.ts";
import { type CmdlineCase, cmdlineOf } from "./cmdline.ts";

interface OsrelCase extends Recorded {
  readonly os_name: string;
  readonly version: string;
  readonly text: string;
}

function osrelText({ os_name, version, text }: OsrelCase): Comparison {
  return { recorded: text, ours: osRelease(os_name, version) };
}

interface ProfileStringCase extends Recorded {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

function profileString({ id, title, text }: ProfileStringCase): Comparison {
  return { recorded: text, ours: profileText(id, title) };
}

interface UnameCase extends Recorded {
  /** Of the first bytes of the kernel. */
  readonly image_zlib_b64: string;
  /** An error and an empty text have the same effect: no `.uname` section. */
  readonly uname?: string;
  readonly error?: string;
}

function uname({ image_zlib_b64, uname: recorded }: UnameCase): Comparison {
  return { recorded: recorded || undefined, ours: bzImageRelease(inflateSync(bytesOf(image_zlib_b64))) };
}

interface TagCase extends Recorded {
  readonly imager_version_tag: string;
  readonly default_kernel_version: string;
}

interface RecordedSection {
  readonly name: string;
  readonly virtual_size: number;
  readonly text?: string;
  readonly sha256?: string;
}

interface UkiCase extends CmdlineCase {
  readonly kernel: string;
  /** False: this release has no UKI. */
  readonly uki?: boolean;
  readonly sections?: readonly RecordedSection[];
}

const KERNEL_BYTES = 13312;

/** The kernels of the recording: one with a setup header that names its release, and zeros. */
const KERNELS: Readonly<Record<string, () => Uint8Array>> = {
  hdrs: () => {
    const kernel = new Uint8Array(KERNEL_BYTES);
    kernel[0x1f1] = 0x1f;
    kernel.set(utf8("HdrS"), 0x202);
    kernel.set([0x00, 0x30], 0x20e);
    kernel.set(utf8("6.12.8-oracle (builder@host) #1 SMP"), 0x3200);
    return kernel;
  },
  nohdrs: () => new Uint8Array(KERNEL_BYTES),
};
const INITRAMFS = utf8("initrd-contents");
/** Of other bytes in each build: the stub is not recorded, the picture is our own. */
const OWN_BYTES = new Set([".sbat", ".splash"]);
/** Signatures and the key they are checked with. */
const SIGNED = new Set([".pcrpkey", ".pcrsig"]);

/** The sections a UKI is measured by: `.sbat` of the stub and what is appended. */
async function sectionsOf(item: UkiCase, tag: TagCase | undefined): Promise<readonly RecordedSection[]> {
  const cmdline = cmdlineOf(item);
  const kernel = KERNELS[item.kernel]?.();
  if (!kernel) throw new Error(`no such kernel: ${item.kernel}`);
  const stub = peStub();
  const [main, extra] = ukiProfiles(item.outputKind as OutputKind, item.version, cmdline);
  const image = ukiRecipe({
    stubHead: stub,
    stub: inline(stub),
    osrel: osRelease("Talos", item.version),
    cmdline,
    uname: item.version === tag?.imager_version_tag ? tag.default_kernel_version : bzImageRelease(kernel),
    kernel: inline(kernel),
    initramfs: inline(INITRAMFS),
    mainProfile: main?.profile,
    extraProfile: extra && { profile: extra.profile, cmdline: extra.cmdline ?? cmdline },
    timestamp: 0,
  });
  const bytes = await read(image, NO_BLOBS);
  const { sections } = parsePe(bytes, bytes.length);
  const from = sections.findIndex(({ name }) => name === ".sbat");
  return sections.slice(from).map(({ name, virtualSize, pointerToRawData }) => {
    const content = bytes.subarray(pointerToRawData, pointerToRawData + virtualSize);
    return {
      name,
      virtual_size: virtualSize,
      text: Buffer.from(content).toString("utf8"),
      sha256: digestHex(sha256(content)),
    };
  });
}

async function uki(item: UkiCase, _: GoldenContext, all: readonly Recorded[]): Promise<Comparison> {
  const supported = attempt(() => {
    const { arch, platform, version, secureboot = false, outputKind: kind } = item;
    readyProfile({ arch, platform, version, secureboot, kind, extraKernelArgs: item.extraKernelArgs ?? [] });
    return quirks(parseTolerant(version)).supportsUKI;
  });
  if (supported instanceof Refusal || item.error !== undefined || item.uki === false || !supported) {
    return { recorded: refusal(item.error) ?? item.uki ?? "a UKI", ours: supported };
  }
  const tag = all.find(({ kind }) => kind === "tag") as TagCase | undefined;
  const recorded = (item.sections ?? []).filter(({ name }) => !SIGNED.has(name));
  const ours = await sectionsOf(item, tag);
  return {
    recorded: recorded.map((section) => (OWN_BYTES.has(section.name) ? { name: section.name } : section)),
    // Of ours only what was recorded of the same section.
    ours: ours.map(({ name, virtual_size, text, sha256 }, i) => {
      if (OWN_BYTES.has(name)) return { name };
      const { text: hasText, sha256: hasDigest } = recorded[i] ?? {};
      return {
        name,
        virtual_size,
        ...(hasText === undefined ? {} : { text }),
        ...(hasDigest === undefined ? {} : { sha256 }),
      };
    }),
    waiting: item.secureboot === true ? "SecureBoot: .pcrpkey and .pcrsig are not compared yet" : undefined,
  };
}

export const osrel = family(
  "osrel",
  byKind({
    osrel: osrelText,
    profile_string: profileString,
    uname_synthetic: uname,
    uki,
    uname_file: () => ({ leftOut: "read a kernel that is not recorded" }),
    tag: () => ({ leftOut: "say what the reference was built with" }),
  }),
);
