import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDigest } from "../../../src/bytes/digest.ts";
import { utf8 } from "../../../src/bytes/text.ts";
import { blob, extentLength, inline, read, zeros } from "../../../src/extents/index.ts";
import { parsePe } from "../../../src/formats/pe/index.ts";
import { splash, splashBmp, type UkiSection, ukiImage, ukiSections } from "../../../src/formats/uki/index.ts";
import { peStub, type StubOptions } from "../../support/pe-stub.ts";

const NO_BLOBS = {
  read: (): never => {
    throw new Error("no blob is read here");
  },
};

function build(sections: readonly UkiSection[], options: StubOptions = {}) {
  const stub = peStub(options);
  return ukiImage({ stub, stubContent: inline(stub), sections, timestamp: 1559424892 });
}

const SECTIONS: readonly UkiSection[] = [
  { name: ".osrel", content: inline(utf8("ID=talos\n")) },
  { name: ".cmdline", content: inline(utf8("quiet")) },
  { name: ".linux", content: zeros(5000) },
  { name: ".cmdline", content: inline(utf8("loud")) },
];

test("sections stand behind those of the stub, all of them moved", async () => {
  const image = await read(build(SECTIONS), NO_BLOBS);
  const { dos, coff, optional, sections } = parsePe(image, image.length);
  assert.deepEqual([dos.peOffset, coff.timeDateStamp, coff.numberOfSections], [0x80, 1559424892, 6]);
  assert.deepEqual(
    sections.map((s) => [s.name, s.virtualAddress, s.virtualSize, s.pointerToRawData, s.sizeOfRawData]),
    [
      [".text", 0x1000, 1500, 0x400, 1536],
      [".sbat", 0x2000, 48, 0xa00, 512],
      [".osrel", 0x3000, 9, 0xc00, 512],
      [".cmdline", 0x4000, 5, 0xe00, 512],
      [".linux", 0x5000, 5000, 0x1000, 5120],
      [".cmdline", 0x7000, 4, 0x2400, 512],
    ],
  );
  assert.deepEqual(
    [optional.sizeOfCode, optional.sizeOfInitializedData, optional.sizeOfImage, optional.sizeOfHeaders],
    [1536, 7168, 0x8000, 0x400],
  );
  assert.deepEqual([optional.majorLinkerVersion, optional.minorLinkerVersion, optional.checkSum], [0, 0, 0]);
  assert.deepEqual([sections[0]!.pointerToRelocations, sections[0]!.numberOfRelocations], [0, 0]);
  assert.ok(image.subarray(0x40, 0x80).every((byte) => byte === 0));
  assert.equal(image.length, 0x2600);
  assert.equal(Buffer.from(image.subarray(0xe00, 0xe06)).toString(), "quiet\0");
});

test("bodies are never read: a kernel of 3 GB is planned from its digest", () => {
  const digest = parseDigest(`sha256:${"1".repeat(64)}`);
  const image = build([{ name: ".linux", content: blob(digest, 3_000_000_000) }]);
  assert.ok(image.size > 3_000_000_000);
  assert.throws(() => build([{ name: ".linux", content: blob(digest, 5_000_000_000) }]), { code: "uki_too_large" });
});

test("stubs and sections that cannot make a UKI", () => {
  const text = { name: ".text", content: new Uint8Array(10) };
  assert.throws(() => build(SECTIONS, { sections: [text] }), { code: "uki_stub" });
  assert.throws(() => build(SECTIONS, { symbols: 3 }), { code: "uki_stub" });
  assert.throws(() => build([{ name: ".muchtoolong", content: zeros(1) }]), { code: "uki_section" });
  assert.throws(() => build([{ name: "", content: zeros(1) }]), { code: "uki_section" });
  assert.throws(() => build(Array.from({ length: 95 }, () => SECTIONS[0]!)), { code: "uki_section" });
});

test("whatever the sizes, headers describe the file", async () => {
  const sizes = fc.array(fc.nat(5000), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.constantFrom(32, 512, 4096), async (lengths, fileAlignment) => {
      const appended = lengths.map((size, i) => ({
        name: `.s${i}`,
        content: inline(new Uint8Array(size).fill(i + 1)),
      }));
      const image = await read(build(appended, { fileAlignment }), NO_BLOBS);
      const { sections, optional } = parsePe(image, image.length);
      const end = sections.reduce((at, section) => {
        assert.equal(section.pointerToRawData, at);
        return at + section.sizeOfRawData;
      }, optional.sizeOfHeaders);
      assert.equal(image.length, end);
      for (const [i, size] of lengths.entries()) {
        const { pointerToRawData: at, virtualSize, virtualAddress } = sections[i + 2]!;
        assert.deepEqual([virtualSize, virtualAddress % 0x1000], [size, 0]);
        assert.ok(image.subarray(at, at + size).every((byte) => byte === i + 1));
      }
    }),
    { numRuns: 40 },
  );
});

test("the order of sections", () => {
  const one = zeros(1);
  const base = { osrel: one, cmdline: one, splash: one, linux: one, initrd: one };
  const names = (contents: Parameters<typeof ukiSections>[0]): string =>
    ukiSections(contents)
      .map((s) => s.name)
      .join(" ");
  assert.equal(names({ ...base, profiles: [] }), ".osrel .cmdline .splash .linux .initrd");
  assert.equal(
    names({ ...base, uname: one, pcrpkey: one, pcrsig: one, profiles: [] }),
    ".osrel .cmdline .uname .splash .pcrpkey .linux .initrd .pcrsig",
  );
  const profiles = [
    { profile: one, pcrsig: one },
    { profile: one, cmdline: one, pcrsig: one },
  ];
  assert.equal(
    names({ ...base, profiles }),
    ".osrel .cmdline .splash .linux .initrd .profile .pcrsig .profile .cmdline .pcrsig",
  );
});

test("the splash is a picture of fixed size, mostly empty and always the same", async () => {
  const bmp = splashBmp();
  const view = new DataView(bmp.buffer);
  assert.equal(Buffer.from(bmp.subarray(0, 2)).toString(), "BM");
  assert.deepEqual([view.getUint32(2, true), view.getUint32(10, true)], [bmp.length, 138]);
  assert.deepEqual([view.getUint32(18, true), view.getUint32(22, true), view.getUint16(28, true)], [400, 400, 32]);
  assert.equal(bmp.length, 640_138);
  const image = splash();
  assert.deepEqual(await read(image, NO_BLOBS), bmp);
  const inlined = image.extents.filter(({ $case }) => $case === "inline").map(extentLength);
  assert.ok(inlined.reduce((sum, length) => sum + length) < 32 * 1024, `${inlined.length} runs`);
  assert.deepEqual(splashBmp(), bmp);
});
