import type { Digest } from "../bytes/digest.ts";
import { utf8 } from "../bytes/text.ts";
import { type BlobReader, type BlobRef, blob, concat, inline, type Recipe } from "../extents/index.ts";
import { PE_HEAD_BYTES } from "../formats/pe/index.ts";
import { BZIMAGE_HEAD_BYTES, bzImageRelease } from "../formats/uki/index.ts";
import { zstdStored } from "../formats/zstd/index.ts";
import { ukiFileName } from "../recipes/boot.ts";
import { compressionPlan } from "../recipes/compressed.ts";
import { sdBootDisk } from "../recipes/disk.ts";
import { uefiIso } from "../recipes/iso.ts";
import { uki } from "../recipes/uki.ts";
import type { ExtensionRef } from "../sources/index.ts";
import type { AssetRequest, ImageRequest } from "../talos/assetname.ts";
import { bootloaderFor, diskSizeFor, isoVariant, partitionPlan } from "../talos/bootloader.ts";
import { isoVolume, loaderConf, osRelease, ukiProfiles } from "../talos/boottext.ts";
import { kernelCmdline } from "../talos/cmdline.ts";
import { platformOf } from "../talos/platform.ts";
import { quirks } from "../talos/quirks.ts";
import type { Schematic } from "../talos/schematic.ts";
import type { TalosVersion } from "../talos/version.ts";
import type { Deriver } from "./derive.ts";
import { ImagerError, notBuilt } from "./errors.ts";
import { type ExtensionDeps, schematicInitramfs, zstdFrame } from "./extensions.ts";
import type { BaseAssets } from "./release.ts";

export interface AssetDeps extends ExtensionDeps {
  readonly blobs: BlobReader;
}

/** All that decides the bytes of an asset. */
export interface AssetInput {
  readonly request: AssetRequest;
  readonly schematic: Schematic;
  readonly version: TalosVersion;
  readonly extensions: readonly ExtensionRef[];
}

const WHAT_IS_BUILT = "kernel, cmdline, initramfs, uki.efi, and iso, raw and raw.zst with bootloader sd-boot are";
/** Below this ratio of compressed to plain size a blob is compressed instead of stored. */
const WORTH_COMPRESSING = 0.95;

function whole(ref: BlobRef): Recipe {
  return blob(ref.digest, ref.size);
}

/**
 * Refuses what this release does not make and what nobody knows, before any work is done for it. Throws `not_built`,
 * `platform_unknown`, `bootloader_invalid`, `sector_size_invalid`.
 */
export function checkBuildable({ request, schematic, version }: AssetInput): void {
  const refuse = (what: string): never => {
    throw notBuilt(what, WHAT_IS_BUILT);
  };
  const { bootloader, diskImage } = schematic.customization;
  const target = { ...request, version };
  platformOf(request.platform);
  if (request.secureboot && request.$case !== "cmdline") refuse("SecureBoot");
  if (schematic.overlay.name !== "" && request.$case !== "kernel") refuse("an overlay");
  if (request.$case === "installer") refuse("an installer image");
  if (request.$case === "iso" && isoVariant(bootloader, target) !== "uefi") refuse("an ISO with GRUB");
  if (request.$case !== "image") return;
  if (bootloaderFor(bootloader, target) !== "sd-boot") refuse("a disk image with GRUB");
  if (request.format !== "raw") refuse(`disk format ${request.format}`);
  if (request.compression !== undefined && request.compression !== "zst") refuse(`compression ${request.compression}`);
  if (![0n, 512n, 4096n].includes(diskImage.sectorSize)) {
    throw new ImagerError(
      "sector_size_invalid",
      `diskImage.sectorSize: ${diskImage.sectorSize} is neither 512 nor 4096`,
    );
  }
}

/** The kernel command line of an asset; only some kinds take arguments and META from the schematic (factory.md 3.2). */
export function assetCmdline({ request, schematic, version }: AssetInput): string {
  const { extraKernelArgs, meta } = schematic.customization;
  const kind = request.$case;
  const always = kind === "cmdline" || kind === "iso" || kind === "image";
  const unified = (kind === "uki" || kind === "installer") && (request.secureboot || quirks(version).useSDBootForUEFI);
  return kernelCmdline({
    platform: request.platform,
    arch: request.arch,
    version,
    kind,
    secureboot: request.secureboot,
    extraKernelArgs: always || unified ? extraKernelArgs : [],
    meta: always ? meta : [],
  });
}

/** Makes the recipe of an asset; all that needs work is derived on the way. */
export async function assetRecipe(deps: AssetDeps, input: AssetInput, signal: AbortSignal): Promise<Recipe> {
  const { request, schematic, version, extensions } = input;
  const { arch } = request;
  if (request.$case === "cmdline") return inline(utf8(assetCmdline(input)));
  const base = await deps.releases.base(version, arch, signal);
  if (request.$case === "kernel") return whole(base.vmlinuz);
  const plan = { base: base.initramfs, schematic, extensions, version, arch };
  const initramfs = await schematicInitramfs(deps, plan, signal);
  if (request.$case === "initramfs") return initramfs;
  const unified = await unifiedKernel(deps, input, base, initramfs);
  if (request.$case === "uki") return unified;
  const systemdBoot = whole(present(base.systemdBoot, "systemd-boot", version));
  const boot = { arch, ukiName: ukiFileName(version), uki: unified, systemdBoot, mtime: deps.mtime };
  if (request.$case === "iso") {
    const volume = isoVolume(version.tag);
    const ids = { volumeId: volume?.id ?? "ISOIMAGE", volumeSetId: volume?.setId ?? "" };
    return uefiIso({ ...boot, ...ids, loaderConf: loaderConf("iso", "off") });
  }
  const raw = sdBootDisk({
    ...boot,
    ...diskPlan(request as ImageRequest, input),
    loaderConf: loaderConf("disk", "off"),
  });
  return (request as ImageRequest).compression === "zst" ? await compressed(deps, raw, signal) : raw;
}

function present(ref: BlobRef | undefined, name: string, version: TalosVersion): BlobRef {
  if (ref) return ref;
  throw new ImagerError("unsupported_version", `Talos ${version.tag} comes without ${name}`);
}

async function unifiedKernel(
  { blobs, mtime }: AssetDeps,
  input: AssetInput,
  base: BaseAssets,
  initramfs: Recipe,
): Promise<Recipe> {
  const { request, version } = input;
  const head = (ref: BlobRef, bytes: number): Promise<Uint8Array> =>
    blobs.read(ref.digest, 0, Math.min(bytes, ref.size));
  const stub = present(base.systemdStub, "systemd-stub", version);
  const cmdline = assetCmdline(input);
  const [main, extra] = ukiProfiles(request.$case, version.tag, cmdline);
  return uki({
    stubHead: await head(stub, PE_HEAD_BYTES),
    stub: whole(stub),
    osrel: osRelease("Talos", version.tag),
    cmdline,
    uname: bzImageRelease(await head(base.vmlinuz, BZIMAGE_HEAD_BYTES)),
    kernel: whole(base.vmlinuz),
    initramfs,
    mainProfile: main?.profile,
    extraProfile: extra && { profile: extra.profile, cmdline: extra.cmdline ?? cmdline },
    timestamp: mtime,
  });
}

function diskPlan(request: ImageRequest, { schematic, version }: AssetInput) {
  const { bootloader: chosen, diskImage, meta } = schematic.customization;
  const bootloader = bootloaderFor(chosen, { ...request, version });
  return {
    diskSize: diskSizeFor(request.diskSize, bootloader, version),
    sectorSize: Number(diskImage.sectorSize) || 512,
    partitions: partitionPlan(bootloader, version, request.arch),
    meta: meta.map(({ key, value }) => ({ tag: key, value })),
  };
}

/** An image as zstd: long zeros and compressed data are framed as they are, the rest is compressed. */
async function compressed(deps: AssetDeps, image: Recipe, signal: AbortSignal): Promise<Recipe> {
  const ratios = await blobRatios(deps.deriver, image, signal);
  const pieces = compressionPlan(image, (digest) => (ratios.get(digest) ?? 1) < WORTH_COMPRESSING);
  const frames = await Promise.all(
    pieces.map(({ $case, content }) =>
      $case === "stored" ? zstdStored(content) : zstdFrame(deps.deriver, content, signal),
    ),
  );
  return concat(...frames);
}

/** How well each blob of an image compresses, judged once per blob by samples of the part that is used here. */
async function blobRatios(deriver: Deriver, image: Recipe, signal: AbortSignal): Promise<Map<Digest, number>> {
  const sizes = new Map<Digest, number>();
  for (const extent of image.extents) {
    if (extent.$case !== "blob") continue;
    sizes.set(extent.digest, Math.max(sizes.get(extent.digest) ?? 0, extent.offset + extent.length));
  }
  const entries = [...sizes].map(async ([digest, size]): Promise<[Digest, number]> => {
    const description = { blob: digest, size };
    const { ratio } = await deriver.derive({ kind: "sample", description, input: { blob: { digest, size } } }, signal);
    return [digest, ratio];
  });
  return new Map(await Promise.all(entries));
}
