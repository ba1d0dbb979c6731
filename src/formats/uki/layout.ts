import { ascii, constant, struct, u8, u16le, u32le, zeros } from "../../bytes/struct.ts";

/** Where the PE header of a UKI stands; the stub's DOS program is dropped (imager.md 6.4). */
export const PE_OFFSET = 0x80;

/** Linux/x86 boot protocol, "The Real-Mode Kernel Header", the part from `setup_sects` to `kernel_version`. */
export const SETUP_HEADER_OFFSET = 0x1f1;
export const SETUP_HEADER = struct(
  { name: "SetupHeader", size: 31 },
  {
    setupSectors: u8,
    beforeMagic: zeros(16),
    magic: ascii(4),
    beforeKernelVersion: zeros(8),
    kernelVersion: u16le,
  },
);
export const SETUP_MAGIC = "HdrS";
/** `kernel_version` counts from behind the boot sector; `setup_sects` counts sectors of the same size. */
export const SETUP_SECTOR = 0x200;

/**
 * BITMAPFILEHEADER and BITMAPV5HEADER (Windows GDI); systemd's splash reader takes the channel masks out of it and
 * ignores what follows (src/boot/splash.c).
 */
export const BMP_HEADER = struct(
  { name: "BmpHeader", size: 138 },
  {
    magic: constant(ascii(2), "BM"),
    fileSize: u32le,
    reserved: zeros(4),
    pixelsOffset: constant(u32le, 138),
    infoSize: constant(u32le, 124),
    width: u32le,
    height: u32le,
    planes: constant(u16le, 1),
    bitsPerPixel: constant(u16le, 32),
    /** BI_BITFIELDS: the masks say where in a pixel each channel is. */
    compression: constant(u32le, 3),
    imageSize: u32le,
    resolution: zeros(8),
    colors: zeros(8),
    redMask: constant(u32le, 0x00ff_0000),
    greenMask: constant(u32le, 0x0000_ff00),
    blueMask: constant(u32le, 0x0000_00ff),
    alphaMask: constant(u32le, 0xff00_0000),
    /** LCS_sRGB. */
    colorSpace: constant(u32le, 0x7352_4742),
    endpointsAndGamma: zeros(48),
    /** LCS_GM_IMAGES. */
    intent: constant(u32le, 4),
    iccProfile: zeros(12),
  },
);
