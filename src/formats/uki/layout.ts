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

/** BITMAPFILEHEADER and BITMAPINFOHEADER (Windows GDI), which systemd-boot's splash reader accepts (src/boot/splash.c). */
export const BMP_HEADER = struct(
  { name: "BmpHeader", size: 54 },
  {
    magic: constant(ascii(2), "BM"),
    fileSize: u32le,
    reserved: zeros(4),
    pixelsOffset: u32le,
    infoSize: constant(u32le, 40),
    width: u32le,
    height: u32le,
    planes: constant(u16le, 1),
    bitsPerPixel: u16le,
    compression: constant(u32le, 0),
    imageSize: u32le,
    resolution: zeros(8),
    colorsUsed: u32le,
    colorsImportant: zeros(4),
  },
);
