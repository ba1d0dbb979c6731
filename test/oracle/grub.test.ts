import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { grubModules } from "../../fixtures/grub.ts";
import { tools } from "../../fixtures/unpack.ts";
import {
  biosCore,
  efiImage,
  eltoritoImage,
  GRUB_LZMA,
  type GrubContent,
  type GrubFiles,
} from "../../src/formats/grub/index.ts";
import { DECOMPRESSOR_HEAD, DISKBOOT } from "../../src/formats/grub/layout.ts";
import { createFallbackCodec, loadCodec } from "../../src/workers/codec.ts";

type Format = "i386-pc" | "i386-pc-eltorito" | "x86_64-efi" | "arm64-efi";

interface Case extends GrubContent {
  readonly name: string;
}

const COMMON = [
  ...["part_gpt", "ext2", "fat", "xfs", "normal", "configfile", "linux", "boot", "search", "search_fs_uuid"],
  ...["search_fs_file", "ls", "cat", "echo", "test", "help", "reboot", "halt", "all_video"],
];
/** `pc` modules exist for BIOS machines only. */
const CASES: readonly (Case & { readonly pc?: readonly string[] })[] = [
  { name: "a disk", modules: COMMON, pc: ["biosdisk", "part_msdos"], prefix: "(hd0,gpt3)/grub" },
  { name: "a CD", modules: ["iso9660"], pc: ["biosdisk"], prefix: "/boot/grub" },
  {
    name: "an odd prefix and a configuration",
    modules: ["gfxterm"],
    prefix: "()/a",
    config: Buffer.from("set x=1\n\n"),
  },
];

/** The stage and the unpacked payload of an i386-pc image, without what depends on the encoder. */
function unpacked(image: Uint8Array, front: number): { head: Uint8Array; payload: Buffer; sectors: number } {
  const { length } = DISKBOOT.decode(image, front);
  const stageAt = front + DISKBOOT.size;
  const { compressedSize, uncompressedSize } = DECOMPRESSOR_HEAD.decode(image, stageAt);
  const head = image.slice(0, image.length - compressedSize);
  const view = new DataView(head.buffer);
  view.setUint32(stageAt + DECOMPRESSOR_HEAD.offsets.compressedSize, 0);
  view.setUint16(front + DISKBOOT.offsets.length, 0);
  assert.equal(length, Math.ceil((image.length - stageAt) / 512));
  const { lc, lp, pb, dictionary } = GRUB_LZMA;
  const filter = `{"id": lzma.FILTER_LZMA1, "lc": ${lc}, "lp": ${lp}, "pb": ${pb}, "dict_size": ${dictionary}}`;
  const script = `import lzma, sys
decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[${filter}])
sys.stdout.buffer.write(decoder.decompress(sys.stdin.buffer.read(), ${uncompressedSize}))`;
  const input = image.subarray(image.length - compressedSize);
  const payload = execFileSync("python3", ["-c", script], { input, maxBuffer: 2 ** 26 });
  assert.equal(payload.length, uncompressedSize);
  return { head, payload, sectors: length };
}

describe("grub-mkimage judges", () => {
  let folder: string;
  let modules: string;
  let mkimage: readonly string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "image-foundry-test-"));
    modules = await grubModules(() => undefined);
    mkimage = (await tools("grub-mkimage", () => undefined)).command("usr/bin/grub-mkimage");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const filesOf = (target: string): GrubFiles => {
    return (name) => readFile(join(modules, target, name));
  };

  async function reference(format: Format, { modules: names, prefix, config }: GrubContent): Promise<Buffer> {
    const [tool = "", ...start] = mkimage;
    const output = join(folder, "image");
    const target = format.replace("-eltorito", "");
    const args = ["--directory", join(modules, target), "--format", format, "--output", output, "--prefix", prefix];
    if (config) {
      await writeFile(join(folder, "config"), config);
      args.push("--config", join(folder, "config"));
    }
    // As the reference calls it; for UEFI it changes nothing.
    execFileSync(tool, [...start, ...args, "--compression", "xz", ...names], { stdio: ["ignore", "ignore", "pipe"] });
    return readFile(output);
  }

  for (const { name, pc = [], ...content } of CASES) {
    for (const target of ["x86_64-efi", "arm64-efi"] as const) {
      it(`${target} of ${name}, byte for byte`, async () => {
        const ours = await efiImage(target, filesOf(target), content);
        assert.ok((await reference(target, content)).equals(ours));
      });
    }

    for (const codec of [loadCodec().codec, createFallbackCodec()]) {
      it(`i386-pc of ${name} with ${codec.xzId}: all but the LZMA stream byte for byte, and what is in that`, async () => {
        const all = { ...content, modules: [...content.modules, ...pc] };
        const disk = unpacked(await biosCore(filesOf("i386-pc"), all, codec), 0);
        const theirs = unpacked(await reference("i386-pc", all), 0);
        assert.deepEqual(Buffer.from(disk.head), Buffer.from(theirs.head));
        assert.ok(disk.payload.equals(theirs.payload));
        // Another encoder, hardly another size.
        assert.ok(Math.abs(disk.sectors - theirs.sectors) <= 4, `${disk.sectors} and ${theirs.sectors} sectors`);
        const cd = unpacked(await eltoritoImage(filesOf("i386-pc"), all, codec), 2048);
        const theirCd = unpacked(await reference("i386-pc-eltorito", all), 2048);
        assert.deepEqual(Buffer.from(cd.head), Buffer.from(theirCd.head));
        assert.ok(cd.payload.equals(theirCd.payload));
      });
    }
  }

  for (const target of ["x86_64-efi", "arm64-efi"] as const) {
    it(`${target} of every module there is`, async () => {
      const text = await readFile(join(modules, target, "moddep.lst"), "utf8");
      // The kernel has a line like a module.
      const names = text.split("\n").flatMap((line) => line.split(":", 1)[0]?.replace(/^kernel$/, "") || []);
      const content = { modules: names, prefix: "/boot/grub" };
      assert.ok(names.length > 200);
      assert.ok((await reference(target, content)).equals(await efiImage(target, filesOf(target), content)));
    });
  }
});
