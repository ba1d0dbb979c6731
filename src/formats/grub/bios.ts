import { concatBytes } from "../../bytes/text.ts";
import { elfSections, readingKernel } from "./elf.ts";
import {
  BOOT,
  DECOMPRESSOR_HEAD,
  DISKBOOT,
  ELF_MACHINE,
  ELF32,
  LOAD_SEGMENT,
  NOP_NOP,
  PC,
  SECTION_FLAG,
  SECTION_TYPE,
} from "./layout.ts";
import { GRUB_LZMA, type GrubContent, GrubError, type GrubFiles, type Lzma1Encoder, readFile } from "./model.ts";
import { moduleArea } from "./modules.ts";

/** Unit of every size in boot sectors, whatever the sectors of the disk are. */
const SECTOR = 512;

function tooLarge(what: string, end: number, limit: number): GrubError {
  return new GrubError("core_too_large", `grub: ${what} ends at ${end}, which is beyond ${limit}`);
}

/**
 * kernel.img as it stands in memory: code and data, without BSS. It is linked to a fixed address already
 * (GRUB: util/grub-mkimagexx.c, locate_sections). Throws `kernel_malformed`, `kernel_unsupported`, `core_too_large`.
 */
function flatKernel(file: Uint8Array): Uint8Array {
  const sections = elfSections(file, ELF32, ELF_MACHINE.i386).filter(({ flags }) => flags & SECTION_FLAG.allocated);
  const code = sections.filter(({ flags }) => flags & SECTION_FLAG.executable);
  if (code.length !== 1 || code[0]?.address !== PC.linkAddress) {
    throw new GrubError("kernel_unsupported", `code is not one section at ${PC.linkAddress}`);
  }
  const end = (of: typeof sections): number => Math.max(...of.map(({ address, size }) => address + size));
  if (end(sections) > PC.kernelLimit) throw tooLarge("the kernel", end(sections), PC.kernelLimit);
  const kept = sections.filter(({ type }) => type === SECTION_TYPE.program);
  const image = new Uint8Array(end(kept) - PC.linkAddress);
  for (const { address, bytes } of kept) {
    if (address < PC.linkAddress) throw new GrubError("kernel_malformed", `a section at ${address} is below the code`);
    image.set(bytes, address - PC.linkAddress);
  }
  return image;
}

/** lzma_decompress.img with the sizes of what it unpacks; the fields of its redundancy check stay as they are. */
function decompressor(file: Uint8Array, compressedSize: number, uncompressedSize: number): Uint8Array {
  const { size } = DECOMPRESSOR_HEAD;
  const limit = PC.linkAddress - PC.decompressorAddress;
  if (file.length < size || file.length > limit) {
    throw new GrubError("file_size", `grub: lzma_decompress.img: ${file.length} bytes are not ${size} to ${limit}`);
  }
  const head = DECOMPRESSOR_HEAD.encode({ ...DECOMPRESSOR_HEAD.decode(file), compressedSize, uncompressedSize });
  return concatBytes(head, file.subarray(size));
}

function decodeDiskboot(sector: Uint8Array): ReturnType<typeof DISKBOOT.decode> {
  const fields = DISKBOOT.decode(sector);
  if (fields.segment !== LOAD_SEGMENT) {
    throw new GrubError("core_malformed", `grub: the disk boot sector loads to segment ${fields.segment}`);
  }
  return fields;
}

/**
 * A core image for BIOS machines: `diskboot.img` with the number of 512-byte sectors to load, the decompressor, then
 * kernel and modules as one LZMA stream. It equals what `grub-mkimage -O i386-pc` makes of the same files but for the
 * bytes and length of that stream. `files` is the folder `i386-pc`. Throws `GrubError`, and what `files` and the encoder
 * reject with.
 */
export async function biosCore(files: GrubFiles, content: GrubContent, encoder: Lzma1Encoder): Promise<Uint8Array> {
  const kernelFile = await readFile(files, "kernel.img");
  const payload = concatBytes(
    readingKernel(() => flatKernel(kernelFile)),
    await moduleArea(files, content, 4),
  );
  const compressed = await encoder.lzma1(payload, GRUB_LZMA);
  const stage = decompressor(await readFile(files, "lzma_decompress.img"), compressed.length, payload.length);
  const size = stage.length + compressed.length;
  if (PC.linkAddress + size > PC.loadLimit) throw tooLarge("the core image", PC.linkAddress + size, PC.loadLimit);
  const sector = await bootImage(files, "diskboot.img", DISKBOOT.size);
  const diskboot = DISKBOOT.encode({ ...decodeDiskboot(sector), length: Math.ceil(size / SECTOR) });
  return concatBytes(diskboot, stage, compressed);
}

/** A boot image, which has one size only. */
async function bootImage(files: GrubFiles, name: string, size: number): Promise<Uint8Array> {
  const bytes = await readFile(files, name);
  if (bytes.length !== size) {
    throw new GrubError("file_size", `grub: ${name}: ${bytes.length} bytes, expected ${size}`);
  }
  return bytes;
}

/** One CD sector (GRUB: grub-core/boot/i386/pc/cdboot.S). */
const CDBOOT_BYTES = 2048;

/**
 * An El Torito image without emulation: `cdboot.img` and a core image, as `grub-mkimage -O i386-pc-eltorito` makes it.
 * The boot information table in it is filled in by whoever writes the ISO. Takes and throws what `biosCore` does.
 */
export async function eltoritoImage(
  files: GrubFiles,
  content: GrubContent,
  encoder: Lzma1Encoder,
): Promise<Uint8Array> {
  return concatBytes(await bootImage(files, "cdboot.img", CDBOOT_BYTES), await biosCore(files, content, encoder));
}

function blockAddress(lba: number): bigint {
  if (!Number.isSafeInteger(lba) || lba < 1)
    throw new GrubError("lba_invalid", `grub: ${lba} is no LBA of a core image`);
  return BigInt(lba);
}

/**
 * The boot code of an MBR, its first 446 bytes: boot.img that loads the sector at `coreLba` (in sectors of the disk) from
 * the drive the firmware booted from (outputs.md 2.10). `bootImage` is the file boot.img. Throws `file_size`,
 * `lba_invalid`.
 */
export function mbrBootCode(bootImage: Uint8Array, coreLba: number): Uint8Array {
  if (bootImage.length !== SECTOR) {
    throw new GrubError("file_size", `grub: boot.img: ${bootImage.length} bytes, expected ${SECTOR}`);
  }
  return BOOT.encode({ ...BOOT.decode(bootImage), kernelSector: blockAddress(coreLba), driveCheck: NOP_NOP });
}

/**
 * A core image for the place it is stored at: its block list continues at the sector behind `coreLba` (outputs.md 2.10).
 * `capacity` is the size of that place in bytes. Throws `core_too_large` when it does not fit, `core_malformed`, `lba_invalid`.
 */
export function embeddedCore(core: Uint8Array, coreLba: number, capacity: number): Uint8Array {
  if (core.length > capacity) throw tooLarge("the embedded core image", core.length, capacity);
  if (core.length < DISKBOOT.size)
    throw new GrubError("core_malformed", "grub: the core image has no disk boot sector");
  const diskboot = DISKBOOT.encode({ ...decodeDiskboot(core), start: blockAddress(coreLba + 1) });
  return concatBytes(diskboot, core.subarray(DISKBOOT.size));
}
