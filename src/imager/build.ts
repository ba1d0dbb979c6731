import { utf8 } from "../bytes/text.ts";
import { type BlobRef, blob, inline, type Recipe } from "../extents/index.ts";
import { PE_HEAD_BYTES } from "../formats/pe/index.ts";
import { BZIMAGE_HEAD_BYTES, bzImageRelease } from "../formats/uki/index.ts";
import { ukiFileName } from "../recipes/boot.ts";
import type { UefiFiles } from "../recipes/trees.ts";
import { uki as ukiRecipe } from "../recipes/uki.ts";
import { loaderConf, osRelease, ukiProfiles } from "../talos/boottext.ts";
import { kernelCmdline, type OutputKind } from "../talos/cmdline.ts";
import { platformOf } from "../talos/platform.ts";
import { outputPath } from "../talos/profile-names.ts";
import { compressedImage } from "./compressed.ts";
import { contained } from "./container.ts";
import type { BootFiles, BuildDeps } from "./deps.ts";
import { buildDisk, sectorSizeOf } from "./disk.ts";
import { diskFormatOf } from "./diskformat.ts";
import { notBuilt } from "./errors.ts";
import { buildInitramfs } from "./initramfs.ts";
import type { BaseFile, Target } from "./inputs.ts";
import { buildIso } from "./iso.ts";
import { overlayOptions } from "./overlay.ts";

const WHAT_IS_BUILT =
  "kernel, cmdline, initramfs, uki.efi, iso, raw, qcow2, vhd and ova are, disks also as .zst, .xz, .gz and .tar.gz";

/**
 * Refuses what this release does not make and what nobody knows, before any work is done for it. Throws `not_built`,
 * `platform_unknown`, `disk_format_invalid`, `sector_size_invalid`.
 */
export function checkBuildable({ profile, secureboot }: Target): void {
  const refuse = (what: string): never => {
    throw notBuilt(what, WHAT_IS_BUILT);
  };
  const { kind, imageOptions } = profile.output;
  platformOf(profile.platform);
  if (secureboot && kind !== "cmdline") refuse("SecureBoot");
  if (kind === "installer") refuse("an installer image");
  if (kind !== "image" || !imageOptions) return;
  diskFormatOf(imageOptions);
  sectorSizeOf(imageOptions);
}

/** The kernel command line of a profile's output, with what its overlay asks for (imager.md 4.2). Throws `platform_unknown`. */
export function targetCmdline(
  { profile, arch, version, secureboot }: Target,
  overlayArgs: readonly string[] = [],
): string {
  const { platform, customization, output } = profile;
  return kernelCmdline({
    platform,
    arch,
    version,
    kind: output.kind as OutputKind,
    secureboot,
    extraKernelArgs: customization.extraKernelArgs,
    meta: customization.metaContents,
    overlayArgs,
  });
}

/** The same, after asking the overlay. Throws what `overlayOptions` throws too. */
export async function outputCmdline(deps: BuildDeps, target: Target, signal: AbortSignal): Promise<string> {
  return targetCmdline(target, (await overlayOptions(deps, target, signal))?.kernelArgs);
}

/** Makes the recipe of a profile's output; all that needs work is derived on the way. */
export async function buildOutput(deps: BuildDeps, target: Target, signal: AbortSignal): Promise<Recipe> {
  const output = await asset(deps, target, signal);
  await turn();
  const { outFormat } = target.profile.output;
  return await compressedImage(deps, output, { outFormat, name: outputPath(target.profile) }, signal);
}

async function asset(deps: BuildDeps, target: Target, signal: AbortSignal): Promise<Recipe> {
  const { kind } = target.profile.output;
  // Every output waits for the overlay's answer, also those that have no use for it (imager.md 0).
  const cmdline = await outputCmdline(deps, target, signal);
  if (kind === "cmdline") return inline(utf8(cmdline));
  if (kind === "initramfs") return await buildInitramfs(deps, target, signal);
  const kernel = whole(await deps.inputs.file("kernel", target.profile.input.kernel, target, signal));
  if (kind === "kernel") return kernel;
  const initramfs = await buildInitramfs(deps, target, signal);
  await turn();
  const parts = { initramfs, cmdline };
  const uefi = (): Promise<UefiFiles> => uefiFiles(deps, target, parts, signal);
  if (kind === "uki") return await buildUki(deps, target, parts, signal);
  const files = { kernel, initramfs, cmdline, uefi };
  if (kind === "iso") return await buildIso(deps, target, files, signal);
  const format = diskFormatOf(target.profile.output.imageOptions!);
  return await contained(deps, await buildDisk(deps, target, files, signal), format, signal);
}

/** The parts of a UKI that are not files of the release. */
type UkiParts = Pick<BootFiles, "initramfs" | "cmdline">;

async function uefiFiles(deps: BuildDeps, target: Target, parts: UkiParts, signal: AbortSignal): Promise<UefiFiles> {
  const { input, version, output } = target.profile;
  const uki = await buildUki(deps, target, parts, signal);
  await turn();
  return {
    arch: target.arch,
    ukiName: ukiFileName(version),
    uki,
    systemdBoot: whole(await deps.inputs.file("sdBoot", input.sdBoot, target, signal)),
    loaderConf: loaderConf(output.kind === "iso" ? "iso" : "disk", "off"),
  };
}

/** Lets others have the event loop between two steps: putting a recipe together takes some milliseconds each. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function whole(ref: BlobRef): Recipe {
  return blob(ref.digest, ref.size);
}

async function buildUki(
  deps: BuildDeps,
  target: Target,
  { initramfs, cmdline }: UkiParts,
  signal: AbortSignal,
): Promise<Recipe> {
  const { profile } = target;
  const file = (kind: BaseFile, of: { readonly path: string }): Promise<BlobRef> =>
    deps.inputs.file(kind, of, target, signal);
  const head = (ref: BlobRef, bytes: number): Promise<Uint8Array> =>
    deps.blobs.read(ref.digest, 0, Math.min(bytes, ref.size));
  const stub = await file("sdStub", profile.input.sdStub);
  const kernel = await file("kernel", profile.input.kernel);
  const [main, extra] = ukiProfiles(profile.output.kind as OutputKind, profile.version, cmdline);
  return ukiRecipe({
    stubHead: await head(stub, PE_HEAD_BYTES),
    stub: whole(stub),
    osrel: osRelease(profile.name, profile.version),
    cmdline,
    uname:
      deps.own?.tag === profile.version
        ? deps.own.kernelRelease
        : bzImageRelease(await head(kernel, BZIMAGE_HEAD_BYTES)),
    kernel: whole(kernel),
    initramfs,
    mainProfile: main?.profile,
    extraProfile: extra && { profile: extra.profile, cmdline: extra.cmdline ?? cmdline },
    timestamp: deps.mtime,
  });
}
