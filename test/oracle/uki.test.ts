import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { utf8 } from "../../src/bytes/text.ts";
import { inline, read } from "../../src/extents/index.ts";
import { splash, ukiImage, ukiSections } from "../../src/formats/uki/index.ts";
import { peStub } from "../support/pe-stub.ts";

const KERNEL = new Uint8Array(70_001).fill(0x90);

describe("binutils", () => {
  let dir: string;
  let file: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "uki-oracle-"));
    file = join(dir, "talos.efi");
    const text = (value: string) => inline(utf8(value));
    const stub = peStub();
    const image = ukiImage({
      stub,
      stubContent: inline(stub),
      timestamp: 1559424892,
      sections: ukiSections({
        osrel: text("ID=talos\n"),
        cmdline: text("quiet"),
        uname: text("6.12.8-talos"),
        splash: splash(),
        linux: inline(KERNEL),
        initrd: text("initrd"),
        profiles: [{ profile: text("ID=main") }, { profile: text("ID=reset"), cmdline: text("quiet reset") }],
      }),
    });
    const blobs = { read: () => Promise.reject(new Error("no blob is read here")) };
    await writeFile(file, await read(image, blobs));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("objdump lists the sections with their sizes and places", () => {
    const lines = execFileSync("objdump", ["-h", "-w", file], { encoding: "utf8" }).split("\n");
    const rows = lines.map((line) => line.trim().split(/\s+/)).filter(([index = ""]) => /^[0-9]+$/.test(index));
    assert.deepEqual(
      rows.map(([, name, size]) => [name, Number.parseInt(size!, 16)]),
      [
        [".text", 1500],
        [".sbat", 48],
        [".osrel", 9],
        [".cmdline", 5],
        [".uname", 12],
        [".splash", 640_138],
        [".linux", 70_001],
        [".initrd", 6],
        [".profile", 7],
        [".profile", 8],
        [".cmdline", 11],
      ],
    );
  });

  it("objcopy takes the kernel out again", async () => {
    const out = join(dir, "linux");
    execFileSync("objcopy", ["-O", "binary", "--only-section=.linux", file, out]);
    assert.deepEqual(new Uint8Array((await readFile(out)).subarray(0, KERNEL.length)), KERNEL);
  });
});
