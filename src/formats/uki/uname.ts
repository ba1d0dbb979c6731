import { SETUP_HEADER, SETUP_HEADER_OFFSET, SETUP_MAGIC, SETUP_SECTOR } from "./layout.ts";

/** The longest release text looked for, in bytes. */
const MAX_RELEASE = 256;
/** Reading this many bytes from the start of a kernel is enough for `bzImageRelease`. */
export const BZIMAGE_HEAD_BYTES = 0xffff + SETUP_SECTOR + MAX_RELEASE;

/**
 * The kernel release (`uname -r`) an x86 bzImage carries in its setup code, undefined when it carries none; kernels of other
 * architectures never do (imager.md 6.3).
 */
export function bzImageRelease(head: Uint8Array): string | undefined {
  if (head.length < SETUP_HEADER_OFFSET + SETUP_HEADER.size) return undefined;
  const setup = SETUP_HEADER.decode(head, SETUP_HEADER_OFFSET);
  // The product is a 16-bit one in the reference, so 128 setup sectors and more count as fewer.
  const setupSize = (setup.setupSectors * SETUP_SECTOR) & 0xffff;
  if (setup.magic !== SETUP_MAGIC || setup.kernelVersion === 0 || setup.kernelVersion > setupSize) return undefined;
  const start = setup.kernelVersion + SETUP_SECTOR;
  const field = head.subarray(start, start + MAX_RELEASE);
  if (field.length < MAX_RELEASE) return undefined;
  const end = field.indexOf(0);
  if (end < 0) return undefined;
  return new TextDecoder().decode(field.subarray(0, end)).split(" ")[0] || undefined;
}
