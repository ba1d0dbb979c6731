import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { read } from "../../src/extents/index.ts";
import type { ProfileInputs, Target } from "../../src/imager/inputs.ts";
import { type OverlayFiles, overlayFiles, overlayOptions, overlayProfiles } from "../../src/imager/overlay.ts";
import type { ModedEntry } from "../../src/recipes/trees.ts";
import { writeBlob } from "../../src/store/local-blobs.ts";
import { EMPTY_PROFILE } from "../../src/talos/profile-model.ts";
import { yaml } from "../../src/talos/yaml-value.ts";
import type { UnpackedEntry, UnpackedTree } from "../../src/workers/protocol.ts";
import { type TestDeriver, testDeriver } from "../support/deriver.ts";

const NEVER = new AbortController().signal;
const DISK = { diskSize: 64 * MiB, diskRegion: 11 * MiB, config: (line: string) => `linux /A/vmlinuz ${line}\n` };

/** Files of an overlay image: its executables are shell scripts around what `install` does. */
const install = (script: string): string =>
  `#!/bin/sh
set -eu
input=$(cat)
[ "$1" = install ] || exit 0
field() { printf '%s\\n' "$input" | sed -n "s/^$1: //p"; }
disk=$(field installDisk) prefix=$(field mountPrefix) artifacts=$(field artifactsPath)
${script}
`;

const EXECUTABLES: Readonly<Record<string, string>> = {
  default:
    "#!/bin/sh\nsed -n 's/^board: //p' | { read board || :; printf 'name: d\\nkernelArgs: [board=%s]\\n' \"$board\"; }\n",
  whole: install(`
printf loader | dd of="$disk" bs=512 seek=64 conv=notrunc 2>/dev/null
printf late | dd of="$disk" bs=1M seek=20 conv=notrunc 2>/dev/null
cp "$artifacts/config.txt" "$prefix/boot/EFI/config.txt"
mkdir -p "$prefix/boot/dtb" "$prefix/elsewhere"
echo tree > "$prefix/boot/dtb/board.dtb"
chmod 640 "$prefix/boot/dtb/board.dtb"
echo "$(cat "$prefix/boot/EFI/EFI/boot/BOOTAA64.efi") $(wc -c < "$prefix/boot/A/vmlinuz")" > "$prefix/boot/seen"`),
  grub: install(`echo 'devicetree /dtb/board.dtb' >> "$prefix/boot/grub/grub.cfg"`),
  idle: install(""),
  badyaml: "#!/bin/sh\necho 'name: [unclosed'\n",
  fails: "#!/bin/sh\necho no such board >&2\nexit 3\n",
  linked: install(`ln -s /etc/passwd "$prefix/boot/EFI/passwd"`),
  pipe: install(`mkfifo "$prefix/boot/pipe"`),
  gone: install(`rm "$disk"`),
  replaced: install(`rm "$disk"; ln -s /dev/zero "$disk"`),
  stuffed: install(`dd if=/dev/urandom of="$disk" bs=1M count=80 conv=notrunc 2>/dev/null`),
};

const WHOLE_EFI = "the boot loader";

function targetWith(name: string, options = yaml.map([])): Target {
  const overlay = { name, image: EMPTY_PROFILE.input.baseInstaller, options };
  return { profile: { ...EMPTY_PROFILE, overlay } } as Target;
}

function paths(tree: readonly ModedEntry[], below = ""): readonly string[] {
  return tree.flatMap((entry) =>
    entry.$case === "directory" ? paths(entry.children, `${below}${entry.name}/`) : [`${below}${entry.name}`],
  );
}

describe("an overlay's executable", () => {
  let test: TestDeriver;
  let inputs: ProfileInputs;

  before(async () => {
    test = await testDeriver();
    const files: Readonly<Record<string, string>> = {
      "artifacts/config.txt": "arm_64bit=1\n",
      ...Object.fromEntries(Object.entries(EXECUTABLES).map(([name, text]) => [`installers/${name}`, text])),
      "profiles/board.yaml": "arch: arm64\noutput: {kind: image, imageOptions: {bootloader: grub}}\n",
    };
    const entries: UnpackedEntry[] = ["artifacts", "installers", "profiles"].map((path) => {
      return { $case: "directory", path, mode: 0o755 };
    });
    let offset = 0;
    for (const [path, text] of Object.entries(files)) {
      const size = utf8(text).length;
      // Modes of archives are not relied on.
      entries.push({ $case: "file", path, mode: 0o600, offset, size });
      offset += size;
    }
    const bytes = utf8(Object.values(files).join(""));
    const tree: UnpackedTree = { entries, content: await writeBlob(test.blobs, [bytes], { maxBytes: MiB }) };
    inputs = { contents: async () => tree } as unknown as ProfileInputs;
  });
  after(() => test[Symbol.asyncDispose]());

  const deps = () => ({ inputs, deriver: test.deriver, blobs: test.blobs });
  const run = async (name: string, cmdline = "a=b"): Promise<OverlayFiles> => {
    const content = await writeBlob(test.blobs, [utf8(WHOLE_EFI)], { maxBytes: MiB });
    const efi = { path: "EFI/boot/BOOTAA64.efi", mode: 0o644, content };
    return await overlayFiles(deps(), targetWith(name).profile.overlay!, { ...DISK, cmdline, efi }, NEVER);
  };

  it("is asked once for the same options", async () => {
    const options = yaml.map([["board", yaml.string("b1")]]);
    const expected = { name: "d", kernelArgs: ["board=b1"], offset: 0 };
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await overlayOptions(deps(), targetWith("default", options), NEVER), expected);
    }
    assert.equal(test.ran.length, 1);
    await overlayOptions(deps(), targetWith("default"), NEVER);
    assert.equal(test.ran.length, 2);
  });

  it("writes to the disk before its partitions, the ESP and BOOT (outputs.md 6.4)", async () => {
    const { esp, boot, before } = await run("whole");
    assert.deepEqual(paths(esp), ["config.txt"]);
    assert.deepEqual(paths(boot), ["dtb/board.dtb", "seen"]);
    const dtb = boot.find(({ name }) => name === "dtb");
    assert.ok(dtb?.$case === "directory" && dtb.children[0]?.mode === 0o640);
    const seen = boot.find(({ name }) => name === "seen");
    assert.ok(seen?.$case === "file");
    assert.equal(
      Buffer.from(await read(seen.content, test.blobs))
        .toString()
        .trim(),
      `${WHOLE_EFI} 0`,
    );
    assert.deepEqual(
      before.map(({ offset, content }) => [offset, content.size]),
      [[32768, 4096]],
    );
    const written = Buffer.from(await read(before[0]!.content, test.blobs));
    assert.equal(written.toString(), "loader".padEnd(4096, "\0"));
  });

  it("leaves what it does not touch to the disk, and is not run again for another command line", async () => {
    const ran = test.ran.length;
    const first = await run("idle", "a=b");
    assert.deepEqual([paths(first.esp), paths(first.boot), first.before], [[], [], []]);
    await run("idle", "c=d");
    assert.equal(test.ran.length, ran + 1);
  });

  it("may change grub.cfg, which still gets its command line", async () => {
    for (const [cmdline, quoted] of [
      ["a=b", "a=b"],
      ["a={b;c}", "a=\\{b\\;c\\}"],
    ] as const) {
      const { boot } = await run("grub", cmdline);
      const folder = boot.find(({ name }) => name === "grub");
      assert.ok(folder?.$case === "directory");
      const [config] = folder.children;
      assert.ok(config?.$case === "file");
      const text = Buffer.from(await read(config.content, test.blobs)).toString();
      assert.equal(text, `linux /A/vmlinuz ${quoted}\ndevicetree /dtb/board.dtb\n`);
    }
  });

  /** What an executable does wrong, and what is said of it. */
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ["missing", "overlay_failed", /^overlay "missing": install: installers\/missing: no such file$/],
    ["../artifacts/config.txt", "overlay_failed", /no such file$/],
    ["fails", "overlay_failed", /^overlay "fails": install: exit status 3, stdErr: no such board$/],
    ["linked", "overlay_failed", /boot\/EFI\/passwd is neither a file nor a folder$/],
    ["pipe", "overlay_failed", /boot\/pipe is neither a file nor a folder$/],
    ["gone", "overlay_failed", /installDisk: ENOENT$/],
    ["replaced", "overlay_failed", /installDisk: ELOOP$/],
  ];
  for (const [name, code, message] of refused) {
    it(`is refused when it does as "${name}"`, async () => {
      const ran = test.ran.length;
      for (let i = 0; i < 2; i++) await assert.rejects(run(name), { code, message });
      // Failures are not remembered.
      assert.equal(test.ran.length, ran + 2);
    });
  }

  it("may not write more than boot loaders have", async () => {
    const overlay = targetWith("stuffed").profile.overlay!;
    const disk = { ...DISK, diskSize: 128 * MiB, diskRegion: 100 * MiB, cmdline: "", efi: undefined };
    const message = /installDisk: more than 67108864 bytes before the partitions$/;
    await assert.rejects(overlayFiles(deps(), overlay, disk, NEVER), { code: "overlay_failed", message });
  });

  it("has to answer in YAML", async () => {
    const message = /^overlay "badyaml": get-options: yaml: /;
    await assert.rejects(overlayOptions(deps(), targetWith("badyaml"), NEVER), { code: "overlay_invalid", message });
  });

  it("leaves nothing behind", async () => {
    assert.deepEqual(await readdir(join(test.folder, "tmp")), []);
  });

  it("comes with profiles to stand on", async () => {
    const profiles = await overlayProfiles(deps(), targetWith("").profile, NEVER);
    assert.deepEqual([...profiles.keys()], ["board"]);
    assert.equal(profiles.get("board")?.output.imageOptions?.bootloader, "grub");
    assert.equal((await overlayProfiles(deps(), EMPTY_PROFILE, NEVER)).size, 0);
  });
});
