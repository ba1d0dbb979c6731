/**
 * VHD images (Microsoft "Virtual Hard Disk Image Format Specification" 1.0, called vpc by qemu), as `qemu-img convert` writes
 * them (outputs.md 4.3).
 *
 * Written: fixed disks (the disk, then a footer) and dynamic disks (2 MiB blocks, those of zeros left out). Not written:
 * differencing disks. Refused: disks above 2040 GiB.
 */
export { VHD_SUBFORMATS, VhdError, type VhdErrorCode, type VhdOptions, type VhdSubformat } from "./model.ts";
export { vhdImage } from "./write.ts";
