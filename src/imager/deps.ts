import type { BlobReader, Recipe } from "../extents/index.ts";
import type { UefiFiles } from "../recipes/trees.ts";
import type { GrubImages } from "./grub.ts";
import type { InitramfsDeps } from "./initramfs.ts";

/** What building an output needs. */
export interface BuildDeps extends InitramfsDeps {
  readonly blobs: BlobReader;
  /** Undefined where no module files are configured. */
  readonly grub: GrubImages | undefined;
  /** The tag of this build and the kernel that stands in the UKIs of that very version (imager.md 6.3); undefined for none. */
  readonly own?: { readonly tag: string; readonly kernelRelease: string };
}

/** What disks and ISOs are made of. */
export interface BootFiles {
  readonly kernel: Recipe;
  readonly initramfs: Recipe;
  readonly cmdline: string;
  /** What systemd-boot needs; made when asked for. */
  readonly uefi: () => Promise<UefiFiles>;
}
