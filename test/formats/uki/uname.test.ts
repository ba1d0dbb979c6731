import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../../src/bytes/text.ts";
import { bzImageRelease } from "../../../src/formats/uki/index.ts";

/** A kernel head of `size` bytes with its version text at `offset` behind the boot sector. */
function kernel(
  options: { size?: number; setupSectors?: number; offset?: number; text?: string; magic?: string } = {},
) {
  const { size = 8192, setupSectors = 15, offset = 0x600, text = "6.12.8-talos (a@b) #1\0", magic = "HdrS" } = options;
  const bytes = new Uint8Array(size);
  bytes[0x1f1] = setupSectors;
  bytes.set(utf8(magic), 0x202);
  new DataView(bytes.buffer).setUint16(0x20e, offset, true);
  if (offset + 0x200 + text.length <= size) bytes.set(utf8(text), offset + 0x200);
  return bytes;
}

/** imager.md 6.3, checked against the reference. */
const CASES: readonly (readonly [string, Uint8Array, string | undefined])[] = [
  ["plain", kernel(), "6.12.8-talos"],
  ["no other text", kernel({ text: "5.15.0\0" }), "5.15.0"],
  ["bad magic", kernel({ magic: "hdrS" }), undefined],
  ["no offset", kernel({ offset: 0 }), undefined],
  ["offset at the end of the setup code", kernel({ setupSectors: 3 }), "6.12.8-talos"],
  ["offset beyond the setup code", kernel({ setupSectors: 2 }), undefined],
  ["16-bit product: 129 sectors count as one", kernel({ setupSectors: 129 }), undefined],
  ["nothing before the space", kernel({ text: " x\0" }), undefined],
  ["no end within 256 bytes", kernel({ text: "a".repeat(300) }), undefined],
  ["255 bytes and an end", kernel({ text: `${"a".repeat(255)}\0` }), "a".repeat(255)],
  ["cut off", kernel({ size: 0x800 }), undefined],
  ["too short for a header", new Uint8Array(0x20f), undefined],
  ["empty", new Uint8Array(), undefined],
];

test("kernel release of a bzImage", () => {
  for (const [name, head, release] of CASES) assert.equal(bzImageRelease(head), release, name);
});
