import { alignDown, alignUp } from "../../bytes/align.ts";
import { concatBytes } from "../../bytes/text.ts";
import { FIXUP_64, FIXUP_BLOCK, PE_PAGE } from "./layout.ts";

const ENTRY_BYTES = 2;
/** What GRUB pads all blocks but the last to. */
const BLOCK_UNIT = 8;

function block(page: number, addresses: readonly number[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  FIXUP_BLOCK.write(view, 0, { page, size });
  for (const [i, address] of addresses.entries()) {
    view.setUint16(FIXUP_BLOCK.size + i * ENTRY_BYTES, FIXUP_64 | (address - page), true);
  }
  return bytes;
}

/**
 * Base relocations of 64-bit places at `addresses` (relative to the image base, in the order they were found): a block
 * per run of addresses in one page, the last one padded so that all take up whole pages of memory
 * (GRUB: util/grub-mkimagexx.c, add_fixup_entry).
 */
export function baseRelocations(addresses: readonly number[]): Uint8Array {
  const runs: { page: number; addresses: number[] }[] = [];
  for (const address of addresses) {
    const page = alignDown(address, PE_PAGE);
    const last = runs.at(-1);
    if (last?.page === page) last.addresses.push(address);
    else runs.push({ page, addresses: [address] });
  }
  const blocks: Uint8Array[] = [];
  let total = 0;
  for (const [i, run] of runs.entries()) {
    const used = FIXUP_BLOCK.size + run.addresses.length * ENTRY_BYTES;
    const isLast = i === runs.length - 1;
    const size = isLast ? alignUp(total + used, PE_PAGE) - total : alignUp(used, BLOCK_UNIT);
    blocks.push(block(run.page, run.addresses, size));
    total += size;
  }
  return concatBytes(...blocks);
}
