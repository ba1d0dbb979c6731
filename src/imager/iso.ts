import { blob, type Recipe } from "../extents/index.ts";
import { grubIso, hybridIso, type IsoGrub, uefiIso } from "../recipes/iso.ts";
import { nestedTree } from "../recipes/trees.ts";
import type { GrubPlatform } from "../sources/index.ts";
import { efiSuffix } from "../talos/arch.ts";
import { isoVariant } from "../talos/bootloader.ts";
import { isoVolume } from "../talos/boottext.ts";
import { isoGrubConfig } from "../talos/grubtext.ts";
import type { BootFiles, BuildDeps } from "./deps.ts";
import { grubOf } from "./grub.ts";
import { imageCache } from "./imagecache.ts";
import type { Target } from "./inputs.ts";

/** What xorriso calls a volume that nobody names (outputs.md 3.5). */
const NO_NAME = "ISOIMAGE";
/** GRUB ISOs are alike on both architectures and start on all three kinds of machine (outputs.md 3.5). */
const EVERYWHERE: readonly GrubPlatform[] = ["arm64-efi", "i386-pc", "x86_64-efi"];

/** An ISO as its version and boot loader want it (outputs.md 3.1). */
export async function buildIso(
  deps: BuildDeps,
  target: Target,
  files: BootFiles,
  signal: AbortSignal,
): Promise<Recipe> {
  const { profile, arch, version, secureboot } = target;
  const volume = isoVolume(profile.version);
  const cache = await imageCache(deps, target, signal);
  const plan = {
    volumeId: volume?.id ?? NO_NAME,
    volumeSetId: volume?.setId ?? "",
    imageCache: nestedTree(cache.entries),
    mtime: deps.mtime,
  };
  const variant = isoVariant(profile.output.isoOptions?.bootloader ?? "none", { arch, version, secureboot });
  if (variant === "uefi") return uefiIso(plan, await files.uefi());
  if (variant === "hybrid")
    return hybridIso(plan, await files.uefi(), await grub(deps, target, files, ["i386-pc"], signal));
  const programs = (["amd64", "arm64"] as const).map(async (of): Promise<[string, Recipe]> => {
    const { digest, size } = await grubOf(deps.grub, "a GRUB ISO").efi(of, "iso", signal);
    return [`boot${efiSuffix(of).toLowerCase()}.efi`, blob(digest, size)];
  });
  const efi = Object.fromEntries(await Promise.all(programs));
  return grubIso(plan, await grub(deps, target, files, EVERYWHERE, signal), efi);
}

async function grub(
  deps: BuildDeps,
  { profile }: Target,
  { kernel, initramfs, cmdline }: BootFiles,
  platforms: readonly GrubPlatform[],
  signal: AbortSignal,
): Promise<IsoGrub> {
  const images = grubOf(deps.grub, "an ISO with GRUB");
  const { digest, size } = await images.eltorito(signal);
  const modules = platforms.map(async (platform) => ({ platform, files: await images.modules(platform, signal) }));
  return {
    kernel,
    initramfs,
    config: isoGrubConfig(profile.version, cmdline),
    bootSector: await images.bootSector("boot_hybrid.img"),
    eltorito: await deps.blobs.read(digest, 0, size),
    modules: await Promise.all(modules),
  };
}
