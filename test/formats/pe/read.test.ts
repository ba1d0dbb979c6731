import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COFF_HEADER, OPTIONAL_HEADER, PeError, parsePe, SECTION_HEADER } from "../../../src/formats/pe/index.ts";
import { peStub } from "../../support/pe-stub.ts";

const STUB = peStub();
const COFF_AT = 0x98 + 4;

test("headers and sections of an image", () => {
  const { dos, coff, optional, sections } = parsePe(STUB, STUB.length);
  assert.deepEqual([dos.peOffset, coff.machine, coff.numberOfSections], [0x98, 0x8664, 2]);
  assert.deepEqual([optional.imageBase, optional.subsystem], [0x1_4000_0000n, 10]);
  assert.deepEqual(
    sections.map((each) => [each.name, each.virtualAddress, each.virtualSize, each.sizeOfRawData]),
    [
      [".text", 0x1000, 1500, 1536],
      [".sbat", 0x2000, 48, 512],
    ],
  );
});

function changed(at: number, value: number): Uint8Array {
  const bytes = STUB.slice();
  bytes[at] = value;
  return bytes;
}

const OPTIONAL_AT = COFF_AT + COFF_HEADER.size;
const TABLE_AT = OPTIONAL_AT + OPTIONAL_HEADER.size;
const MALFORMED: readonly (readonly [string, Uint8Array, string])[] = [
  ["empty", new Uint8Array(), "pe_short"],
  ["no MZ", changed(0, 0), "pe_magic"],
  ["header far away", changed(0x3f, 0xff), "pe_short"],
  ["no PE", changed(0x98, 0), "pe_magic"],
  ["small optional header", changed(COFF_AT + COFF_HEADER.offsets.sizeOfOptionalHeader, 0xa0), "pe_unsupported"],
  ["PE32", changed(OPTIONAL_AT + 1, 1), "pe_unsupported"],
  ["fewer directories", changed(OPTIONAL_AT + OPTIONAL_HEADER.offsets.numberOfRvaAndSizes, 6), "pe_unsupported"],
  ["too many sections", changed(COFF_AT + COFF_HEADER.offsets.numberOfSections, 97), "pe_unsupported"],
  ["section beyond the end", changed(TABLE_AT + SECTION_HEADER.offsets.pointerToRawData + 2, 9), "pe_section_range"],
  ["cut table", STUB.subarray(0, TABLE_AT + 10), "pe_short"],
];

test("malformed images are refused", () => {
  for (const [name, bytes, code] of MALFORMED) assert.throws(() => parsePe(bytes, bytes.length), { code }, name);
});

test("any damage gives headers or a coded refusal", () => {
  fc.assert(
    fc.property(fc.nat(600), fc.nat(255), fc.nat(STUB.length), (at, value, end) => {
      try {
        parsePe(changed(at, value).subarray(0, end), STUB.length);
      } catch (error) {
        assert.ok(error instanceof PeError, String(error));
      }
    }),
  );
});
