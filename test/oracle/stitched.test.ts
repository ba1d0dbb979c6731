import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { buildFixture, OLD_VERSION } from "../../fixtures/release.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type TestServer, testServer } from "../support/server.ts";

const NAME = "metal-amd64.raw";
const SCHEMATIC = `customization:
  bootloader: sd-boot
  extraKernelArgs: [oracle.test=1]
  meta: [{ key: 10, value: "a META value" }]
`;
const exec = promisify(execFile);

/** Python's decoder of a module, from a file to the output. */
function python(module: string, file: string): string {
  return `python3 -c "import ${module}, shutil, sys
shutil.copyfileobj(${module}.open('${file}'), sys.stdout.buffer, 1 << 20)"`;
}

/** What reads each file back; the output must be the disk. */
const DECODERS: readonly (readonly [string, readonly string[]])[] = [
  [".zst", ["zstd -dc", "bsdcat"]],
  [".xz", ["xz -dc", "bsdcat", "python lzma"]],
  [".gz", ["gzip -dc", "bsdcat", "python gzip"]],
  [".tar.gz", ["tar -xzOf", "bsdtar -xOf"]],
];

/** The reference's tools by suffix (outputs.md 4.5), and its tar of a file of zeros that are holes. */
const STOCK: readonly (readonly [string, string])[] = [
  [".xz", `xz -0 -T2 -c ${NAME}`],
  [".gz", `gzip -6 -n -c ${NAME}`],
  [".tar.gz", `tar -cf - --sparse --owner=0 --group=0 --numeric-owner ${NAME} | gzip -6 -n`],
];
/** Ours may be larger by this much (design: 3 %). */
const SIZE_LIMIT = 1.03;

describe("stitched disk images of the fixture release", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: TestServer;
  let base = "";
  const shell = async (script: string): Promise<string> =>
    (await exec("bash", ["-euo", "pipefail", "-c", script], { cwd: folder.path, encoding: "utf8" })).stdout;

  before(async () => {
    folder = await temporaryFolder();
    const { layout, publicKey } = await buildFixture(() => undefined);
    server = await testServer({ $case: "layout", folder: layout }, await readFile(publicKey, "utf8"));
    base = `${server.url}/image/${await server.schematic(SCHEMATIC)}/${OLD_VERSION}/${NAME}`;
    for (const suffix of ["", ".zst", ".xz", ".gz", ".tar.gz"]) {
      const response = await fetch(`${base}${suffix}`, { method: "HEAD" });
      assert.equal(response.status, 200);
      // Zeros become holes, as the tools of the reference leave them.
      await shell(`curl -sSf ${base}${suffix} | dd of=${NAME}${suffix} bs=64K iflag=fullblock conv=sparse status=none
        truncate -s ${response.headers.get("content-length")} ${NAME}${suffix}`);
    }
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  for (const [suffix, decoders] of DECODERS) {
    for (const decoder of decoders) {
      it(`${decoder} reads ${suffix}`, async () => {
        const file = `${NAME}${suffix}`;
        const module = /^python (\w+)$/.exec(decoder)?.[1];
        await shell(`${module ? python(module, file) : `${decoder} ${file}`} | cmp - ${NAME}`);
      });
    }
  }

  it("names: the image in .gz, disk.raw in .tar.gz", async () => {
    assert.match(await shell(`gzip -lN ${NAME}.gz`), new RegExp(` ${NAME}\n$`));
    const listed = await shell(`TZ=UTC tar -tvzf ${NAME}.tar.gz`);
    const { size } = await stat(join(folder.path, NAME));
    assert.equal(listed, `-rw-r--r-- 0/0      ${size} 2019-06-01 21:34 disk.raw\n`);
    assert.equal(await shell(`head -c 10 ${NAME}.tar.gz | od -An -tx1`), " 1f 8b 08 00 00 00 00 00 00 03\n");
  });

  it("ranges are those of the whole file", async () => {
    for (const [suffix] of DECODERS) {
      const { size } = await stat(join(folder.path, `${NAME}${suffix}`));
      for (const [first, length] of [
        [0, 1000],
        [size >> 1, 5_000_000],
        [size - 70_000, 70_000],
      ] as const) {
        const range = `${first}-${first + length - 1}`;
        await shell(
          `cmp <(curl -sSf -r ${range} ${base}${suffix}) <(tail -c +${first + 1} ${NAME}${suffix} | head -c ${length})`,
        );
      }
    }
  });

  for (const [suffix, stock] of STOCK) {
    it(`${suffix} is hardly larger than what the stock tools make`, async () => {
      const { size } = await stat(join(folder.path, `${NAME}${suffix}`));
      const theirs = Number(await shell(`${stock} | wc -c`));
      assert.ok(size < theirs * SIZE_LIMIT, `${size} bytes, ${(size / theirs).toFixed(4)} of ${theirs}`);
    });
  }
});
