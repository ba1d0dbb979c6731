import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { concat, blob as extentOf, inline, read } from "../../src/extents/index.ts";
import { LocalBlobStore, writeBlob } from "../../src/store/local-blobs.ts";
import { loadCodec } from "../../src/workers/codec.ts";
import { splitExtension } from "../../src/workers/jobs/extension.ts";
import type { JobContext } from "../../src/workers/jobs/index.ts";
import type { ExtensionParts } from "../../src/workers/protocol.ts";
import { openSpool } from "../../src/workers/spool.ts";
import { MTIME } from "../formats/squashfs/support.ts";
import { temporaryFolder } from "../support/folder.ts";
import { SquashfsTree } from "../support/squashfs-tree.ts";
import { type Member, tarball } from "../support/tar.ts";

const { codec } = loadCodec();
const FIRMWARE = "rootfs/usr/lib/firmware";

const file = (name: string, body = name, mode = 0o644): Member => ({ name, body, mode });
const folder = (name: string, mode = 0o755): Member => ({ name, type: "directory", mode });
const link = (name: string, linkname: string): Member => ({ name, type: "symlink", linkname });

describe("splitting an extension", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let blobs: LocalBlobStore;
  let context: JobContext;

  before(async () => {
    data = await temporaryFolder();
    blobs = await LocalBlobStore.open(data.path, Date.now());
    const temporary = join(data.path, "tmp");
    const spool: JobContext["spool"] = (source, maxBytes) => openSpool(temporary, source, maxBytes);
    context = { blobs, codec, mtime: MTIME, temporary, spool, checkpoint: () => undefined };
  });
  after(async () => {
    blobs.close();
    await data[Symbol.asyncDispose]();
  });

  async function split(members: readonly Member[]): Promise<ExtensionParts> {
    const archive = await writeBlob(blobs, [await tarball([file("manifest.yaml", ""), ...members])], { maxBytes: 2e6 });
    const input = { compression: { $case: "zstd", level: 3 }, firmwarePath: "/usr/lib/firmware" } as const;
    return await splitExtension(
      { image: { $case: "tar", archive }, modulesPath: "/usr/lib/modules", ...input },
      context,
    );
  }

  /** Path and octal mode of everything in the extension's own image. */
  async function listed({ squashfs: { superblock, body } }: ExtensionParts): Promise<readonly string[]> {
    const image = concat(inline(Buffer.from(superblock, "base64")), extentOf(body.digest, body.size));
    const nodes: string[] = [];
    for await (const { path, mode, xattrs } of new SquashfsTree(await read(image, blobs), codec).walk()) {
      nodes.push([path, mode.toString(8), ...Object.values(xattrs)].join(" "));
    }
    return nodes;
  }

  /** What is moved out, with contents. */
  async function moved({ moved: blob, microcode, firmware, firmwareDirectories }: ExtensionParts) {
    const text = async ({ offset, size }: { readonly offset: number; readonly size: number }): Promise<string> =>
      blob && size > 0 ? Buffer.from(await blobs.read(blob.digest, offset, size)).toString() : "";
    const files = await Promise.all(
      [...microcode, ...firmware].map(async (one) => `${one.path} ${one.mode.toString(8)} ${await text(one)}`),
    );
    return [...files, ...firmwareDirectories.map(({ path, mode }) => `${path} ${mode.toString(8)}`)];
  }

  const rows: readonly (readonly [name: string, members: readonly Member[], nodes: readonly string[]])[] = [
    [
      "folders that no entry names are closed to others, or as open as the folder in them",
      [file("rootfs/usr/a/f"), folder("rootfs/opt/b/c", 0o777), folder("rootfs/opt/b", 0o500)],
      ["/ 40700", "/opt 40755", "/opt/b 40700", "/opt/b/c 40777", "/usr 40700", "/usr/a 40700", "/usr/a/f 100644"],
    ],
    ["a folder that comes again takes its last mode", [folder("rootfs"), folder("./rootfs/", 0o711)], ["/ 40711"]],
    [
      "names count from the root, whiteouts are files, links go where they like",
      [folder("../rootfs"), file("/rootfs/.wh.a"), link("rootfs/l", "../../../x")],
      ["/ 40755", "/.wh.a 100644", "/l 120777"],
    ],
    [
      "an emptied firmware folder leaves its parents",
      [file(`${FIRMWARE}/f`)],
      ["/ 40700", "/usr 40700", "/usr/lib 40700"],
    ],
  ];
  for (const [name, members, nodes] of rows)
    it(name, async () => assert.deepEqual(await listed(await split(members)), nodes));

  it("labels folders and files", async () => {
    const pax = { "SCHILY.xattr.security.selinux": "a:b" };
    const members = [
      { ...folder("rootfs"), pax },
      { ...file("rootfs/f"), pax },
    ];
    assert.deepEqual(await listed(await split(members)), ["/ 40755 a:b", "/f 100644 a:b"]);
  });

  const firmware: readonly (readonly [name: string, members: readonly Member[], moved: readonly string[]])[] = [
    [
      "microcode comes first, by name, and leaves its folder",
      [file(`${FIRMWARE}/intel-ucode/b`, "2"), file(`${FIRMWARE}/intel-ucode/a`, "1"), folder(FIRMWARE)],
      [
        "kernel/x86/microcode/GenuineIntel.bin 644 1",
        "kernel/x86/microcode/GenuineIntel.bin 644 2",
        "usr/lib/firmware 755",
        "usr/lib/firmware/intel-ucode 700",
      ],
    ],
    [
      "others may not write, special bits are lost",
      [folder(FIRMWARE, 0o777), file(`${FIRMWARE}/f`, "1", 0o6666)],
      ["usr/lib/firmware/f 644 1", "usr/lib/firmware 755"],
    ],
    [
      "links become what comes behind them",
      [
        link(`${FIRMWARE}/a`, "b"),
        link(`${FIRMWARE}/b`, "./d/../d/f"),
        link(`${FIRMWARE}/c`, "d"),
        file(`${FIRMWARE}/d/f`, "1"),
        file(`${FIRMWARE}/d/g`, "2"),
        link(`${FIRMWARE}/d/e`, "../h"),
        file(`${FIRMWARE}/h`, "3"),
      ],
      [
        "usr/lib/firmware/a 644 1",
        "usr/lib/firmware/b 644 1",
        "usr/lib/firmware/c/e 644 3",
        "usr/lib/firmware/c/f 644 1",
        "usr/lib/firmware/c/g 644 2",
        "usr/lib/firmware/h 644 3",
        "usr/lib/firmware 700",
        "usr/lib/firmware/c 700",
        "usr/lib/firmware/d 700",
      ],
    ],
  ];
  for (const [name, members, expected] of firmware) {
    it(name, async () => assert.deepEqual(await moved(await split(members)), expected));
  }

  const refused: readonly (readonly [name: string, members: readonly Member[], code: string])[] = [
    ["no rootfs", [], "extension_invalid"],
    ["a rootfs that is a file", [file("rootfs")], "extension_invalid"],
    ["anything beside it", [folder("rootfs"), file("x")], "extension_invalid"],
    ["a file twice", [file("rootfs/f"), file("rootfs/./f")], "malformed"],
    ["a folder over a file", [file("rootfs/f"), folder("rootfs/f")], "malformed"],
    ["a file over a folder", [file("rootfs/f/g"), file("rootfs/f")], "malformed"],
    ["a file below a link", [link("rootfs/l", "/"), file("rootfs/l/f")], "malformed"],
    [
      "a firmware link to what was moved before",
      [file(`${FIRMWARE}/a`), link(`${FIRMWARE}/b`, "a")],
      "extension_invalid",
    ],
    ["a firmware link to nothing", [link(`${FIRMWARE}/a`, "b")], "extension_invalid"],
    [
      "a firmware link out of the extension",
      [link(`${FIRMWARE}/a`, "../../../../usr/lib/firmware/b"), file(`${FIRMWARE}/b`)],
      "extension_invalid",
    ],
    [
      "an absolute firmware link",
      [link(`${FIRMWARE}/a`, "/usr/lib/firmware/b"), file(`${FIRMWARE}/b`)],
      "extension_invalid",
    ],
    ["firmware links in a circle", [link(`${FIRMWARE}/a`, "b"), link(`${FIRMWARE}/b`, "a")], "extension_invalid"],
    ["a folder in itself", [link(`${FIRMWARE}/a`, "."), file(`${FIRMWARE}/b`)], "extension_invalid"],
    ["a folder as microcode", [folder(`${FIRMWARE}/intel-ucode/a`)], "extension_invalid"],
  ];
  for (const [name, members, code] of refused) it(`refuses ${name}`, () => assert.rejects(split(members), { code }));
});
