import { alignDown } from "../../bytes/align.ts";
import { PE_PAGE } from "./layout.ts";
import { type GrubEfiTarget, GrubError } from "./model.ts";

/** One relocation, ready to apply: all addresses are relative to the image base. */
export interface Relocation {
  readonly type: number;
  /** The section's bytes and the offset of the place in them. */
  readonly view: DataView;
  readonly offset: number;
  /** Address of the place. */
  readonly place: number;
  /** Address of the symbol plus the addend. */
  readonly value: number;
}

/** Applies a relocation; true when the place now holds an address that the loader has to move. */
type Apply = (relocation: Relocation) => boolean;

function unsupported(message: string): GrubError {
  return new GrubError("kernel_unsupported", message);
}

/** A 64-bit address, to be moved by the loader. */
function absolute64({ view, offset, value }: Relocation): true {
  view.setBigUint64(offset, BigInt.asUintN(64, view.getBigUint64(offset, true) + BigInt(value)), true);
  return true;
}

/** The 32-bit distance from the place. */
function relative32({ view, offset, place, value }: Relocation): false {
  view.setUint32(offset, (view.getUint32(offset, true) + value - place) >>> 0, true);
  return false;
}

/** The bits of `mask` in the instruction at the place replaced by those of `operand`. */
function setOperand({ view, offset }: Relocation, mask: number, operand: number): false {
  view.setUint32(offset, ((view.getUint32(offset, true) & ~mask) | (operand & mask)) >>> 0, true);
  return false;
}

const BRANCH_REACH = 2 ** 27;
const PAGE_REACH = 2 ** 31;

function distance(value: number, place: number, reach: number, type: number): number {
  const bytes = value - place;
  if (bytes < -reach || bytes >= reach) throw unsupported(`relocation ${type} reaches over ${bytes} bytes`);
  return bytes;
}

/** B and BL: a signed number of instructions in bits 0 to 25 (Arm ARM, C6.2). */
function branch26(relocation: Relocation): false {
  const { value, place, type } = relocation;
  return setOperand(relocation, 0x03ff_ffff, distance(value, place, BRANCH_REACH, type) >> 2);
}

/** ADRP: a signed number of pages, its low two bits in 29 and 30, the others in 5 to 23 (Arm ARM, C6.2). */
function page21(relocation: Relocation): false {
  const { value, place, type } = relocation;
  const pages = distance(alignDown(value, PE_PAGE), alignDown(place, PE_PAGE), PAGE_REACH, type) / PE_PAGE;
  return setOperand(relocation, 0x60ff_ffe0, ((pages & 3) << 29) | (((pages >> 2) & 0x7_ffff) << 5));
}

/** Types of "System V ABI, AMD64 Architecture Processor Supplement" table 4.9: 64, PC32 and PLT32. */
const X86_64: ReadonlyMap<number, Apply> = new Map<number, Apply>([
  [1, absolute64],
  [2, relative32],
  [4, relative32],
]);

/** Types of "ELF for the Arm 64-bit Architecture" 5.7; an image keeps its place within a page, so low bits are final. */
const ARM64: ReadonlyMap<number, Apply> = new Map<number, Apply>([
  // ABS64, PREL32
  [257, absolute64],
  [261, relative32],
  // ADR_PREL_PG_HI21
  [275, page21],
  // ADD_ABS_LO12_NC and LDST64_ABS_LO12_NC: twelve bits at 10, counted in bytes and in eight bytes
  [277, (relocation) => setOperand(relocation, 0x003f_fc00, relocation.value << 10)],
  [286, (relocation) => setOperand(relocation, 0x0007_fc00, relocation.value << 7)],
  // JUMP26, CALL26
  [282, branch26],
  [283, branch26],
]);

const TYPES: Readonly<Record<GrubEfiTarget, ReadonlyMap<number, Apply>>> = { "x86_64-efi": X86_64, "arm64-efi": ARM64 };

/**
 * Writes the address or distance a relocation stands for into its place, as GRUB does (util/grub-mkimagexx.c,
 * relocate_addrs); true when the loader has to add its base to the 64 bits there. Throws `kernel_unsupported` for
 * types that kernels of GRUB do not use, or that do not reach far enough, and `RangeError` for a place that sticks out.
 */
export function relocate(target: GrubEfiTarget, relocation: Relocation): boolean {
  const apply = TYPES[target].get(relocation.type);
  if (!apply) throw unsupported(`relocation of type ${relocation.type} is not supported on ${target}`);
  return apply(relocation);
}
