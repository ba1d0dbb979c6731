/**
 * GRUB core images from GRUB's own module files, as `grub-mkimage` of GRUB 2.14 makes them (outputs.md 2.10, 3.5).
 *
 * Written: i386-pc images for disks and El Torito (LZMA stage, disk boot sector), x86_64-efi and arm64-efi images,
 * the boot code of an MBR and the block list of an embedded core image.
 * Refused: other platforms, kernels linked with relocations that GRUB's are not (a GOT on arm64 among them), modules that
 * need each other in a circle. Not here: memory disks, keys, `.sbat`, Reed-Solomon redundancy, which only `grub-install`
 * adds (grub-mkimage leaves its fields as the module files have them).
 *
 * | limit | value |
 * |---|---|
 * | file of the module folder | 8 MiB |
 * | modules together | 64 MiB |
 * | i386-pc image as loaded, kernel with BSS | below 0x78000, 0x68000 |
 * | prefix | 1024 characters |
 */
export { biosCore, eltoritoImage, embeddedCore, mbrBootCode } from "./bios.ts";
export { efiImage } from "./efi.ts";
export {
  GRUB_LZMA,
  type GrubContent,
  type GrubEfiTarget,
  GrubError,
  type GrubErrorCode,
  type GrubFiles,
  type Lzma1Encoder,
} from "./model.ts";
export { moduleOrder } from "./modules.ts";
