import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { pemOf } from "../support/registry.ts";
import { serveRegistry } from "../support/registry-server.ts";
import { addExtension, BOOT_FILES, extensionFiles, VERSION } from "../support/release.ts";
import { tarball } from "../support/tar.ts";
import { type Command, type Desk, desk, type Ended, start } from "./command.ts";

let here: Desk;

before(async () => {
  here = await desk();
  await addExtension(here.registry, "unsigned", extensionFiles("unsigned"));
  await here.registry.writeLayout(here.settings.IMAGER_SOURCE!);
  await writeFile(join(here.path, "key.pem"), pemOf(here.key));
  await writeFile(join(here.path, "extension.tar"), await tarball(extensionFiles("from-a-tarball")));
  const folder = join(here.path, "layout");
  await here.registry.writeLayout(folder);
});
after(() => here[Symbol.asyncDispose]());

async function imager(command: Command): Promise<Ended> {
  return await start("imager", command, here.settings).ended;
}

function profile(extensions: readonly string[], kind = "initramfs", version = VERSION): string {
  const listed = extensions.map((one) => `    - ${one}\n`).join("");
  return `arch: amd64
platform: metal
version: ${version}
input:
  systemExtensions: ${listed === "" ? "[]" : `\n${listed}`}
output:
  kind: ${kind}
  outFormat: raw
`;
}

describe("an output", () => {
  it("is built from a profile on standard input, and again from what is known", async () => {
    const output = join(here.path, "new", "folder");
    const extensions = ["imageRef: ghcr.io/siderolabs/alpha:1.0.0", `tarballPath: ${join(here.path, "extension.tar")}`];
    const command = { args: ["-", "--output", output], stdin: profile(extensions) };
    const first = await imager(command);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout.length, 0);
    assert.deepEqual(await readdir(output), ["initramfs-metal-amd64.xz"]);
    const path = join(output, "initramfs-metal-amd64.xz");
    const bytes = await readFile(path);
    assert.deepEqual(bytes.subarray(0, 100), Buffer.from(BOOT_FILES["initramfs.xz"].subarray(0, 100)));
    for (const line of [
      "profile ready:",
      "made extension",
      "signatures are NOT checked",
      `output asset path: ${path}`,
    ]) {
      assert.ok(first.stderr.includes(line), `${line} in ${first.stderr}`);
    }
    const second = await imager(command);
    assert.equal(second.code, 0, second.stderr);
    assert.ok(!second.stderr.includes("made extension"), second.stderr);
    assert.deepEqual(await readFile(path), bytes);
  });

  it("of a named profile is of the newest version", async () => {
    const output = join(here.path, "named");
    const args = ["metal-uki", "--arch", "amd64", "--output", output, "--extra-kernel-arg", "quiet"];
    const { code, stderr } = await imager({ args });
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`^version: ${VERSION}$`, "m"));
    assert.match(stderr, /^kernel command line: .* quiet$/m);
    assert.deepEqual(await readdir(output), ["metal-amd64-uki.efi"]);
  });

  it("is signed for when there are keys", async () => {
    const environment = { IMAGER_PUBLIC_KEYS: join(here.path, "key.pem") };
    const args = ["-", "--output", join(here.path, "signed")];
    const good = await imager({ args, environment, stdin: profile(["imageRef: ghcr.io/siderolabs/alpha:1.0.0"]) });
    assert.equal(good.code, 0, good.stderr);
    assert.ok(!good.stderr.includes("NOT checked"), good.stderr);
    const stdin = profile(["imageRef: ghcr.io/siderolabs/unsigned:1.0.0"]);
    const bad = await imager({ args: ["-", "--output", join(here.path, "unsigned")], environment, stdin });
    assert.equal(bad.code, 5, bad.stderr);
    assert.deepEqual(await readdir(here.path).then((names) => names.includes("unsigned")), false);
  });

  it("goes to standard output as tar.gz with all that is in the folder", async () => {
    const output = join(here.path, "tar");
    await mkdir(join(output, "sub"), { recursive: true });
    await writeFile(join(output, "sub", "other"), "other");
    const { code, stdout, stderr } = await imager({
      args: ["metal", "--output-kind", "kernel", "--output", output, "--tar-to-stdout"],
      environment: { IMAGER_VERSION: VERSION },
    });
    assert.equal(code, 0, stderr);
    const text = gunzipSync(stdout).toString("latin1");
    for (const name of ["kernel-amd64.zst\0", "sub/\0", "sub/other\0"]) assert.ok(text.includes(name), name);
  });

  it("needs no home", async () => {
    const output = join(here.path, "homeless");
    const { code, stderr } = await imager({
      args: ["-", "--output", output],
      stdin: profile([], "kernel"),
      environment: { HOME: "/dev/null/nobody" },
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^warning: .*made again the next time$/m);
    assert.deepEqual(Buffer.from(BOOT_FILES.vmlinuz), await readFile(join(output, "kernel-amd64")));
    assert.deepEqual(await readdir(here.settings.TMPDIR!), []);
  });

  it("shows an embedded configuration as an extension", async () => {
    const stdin = `${profile([], "initramfs")}customization: {embeddedMachineConfiguration: "kind: x"}\n`;
    const { code, stderr } = await imager({ args: ["-", "--output", join(here.path, "embedded")], stdin });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^ {4}- imageRef: ""\n {6}tarballPath: .*\/embedded-config\.tar$/m);
  });
});

/** Every one of them leaves nothing behind. */
const REFUSED: readonly (readonly [name: string, code: number, says: RegExp, command: Command])[] = [
  ["no arguments", 1, /accepts 1 argument/, { args: [] }],
  ["two profiles", 1, /accepts 1 argument/, { args: ["metal", "iso"] }],
  ["an unknown flag", 1, /unknown flag: --ouput/, { args: ["metal", "--ouput", "x"] }],
  ["a META value without key", 1, /--meta/, { args: ["metal", "--meta", "nonsense"] }],
  ["an unknown output kind", 2, /--output-kind/, { args: ["metal", "--output-kind", "floppy"] }],
  ["an unknown profile", 2, /unknown base profile: matel/, { args: ["matel"] }],
  ["a platform nobody knows", 2, /toaster/, { args: ["metal", "--platform", "toaster"] }],
  [
    "a configuration that is not there",
    6,
    /--embedded-config-path/,
    { args: ["iso", "--embedded-config-path", "/no"] },
  ],
  ["no profile on standard input", 2, /EOF/, { args: ["-"] }],
  ["standard input that is no YAML", 2, /yaml/, { args: ["-"], stdin: "arch: [amd64" }],
  ["standard input that is no mapping", 2, /yaml/, { args: ["-"], stdin: "- 1" }],
  ["standard input that is no text", 2, /yaml/, { args: ["-"], stdin: "\0\x01\x02" }],
  [
    "an unknown format",
    2,
    /DiskFormat/i,
    {
      args: ["-"],
      stdin: profile([], "image").replace("output:", "output:\n  imageOptions: {diskFormat: vdi}"),
    },
  ],
  [
    "a disk format that is not named",
    3,
    /diskFormat/,
    { args: ["-"], stdin: profile([], "image").replace("output:", "output:\n  imageOptions: {diskSize: 1}") },
  ],
  [
    "a disk format whose options are not named",
    5,
    /diskFormatOptions/,
    { args: ["-"], stdin: profile([], "image").replace("output:", "output:\n  imageOptions: {diskFormat: qcow2}") },
  ],
  [
    "format options that are none",
    5,
    /bogus/,
    {
      args: ["-"],
      stdin: profile([], "image").replace(
        "output:",
        "output:\n  imageOptions: {diskFormat: qcow2, diskFormatOptions: bogus=1}",
      ),
    },
  ],
  [
    "an output without format",
    2,
    /output format/,
    {
      args: ["-"],
      stdin: profile([], "kernel").replace("outFormat: raw", ""),
    },
  ],
  [
    "an extension that is not there",
    5,
    /no-such/,
    {
      args: ["-"],
      stdin: profile(["imageRef: ghcr.io/siderolabs/no-such:1"]),
    },
  ],
  ["a tarball that is not there", 5, /nope\.tar/, { args: ["-"], stdin: profile(["tarballPath: /nope.tar"]) }],
  ["a layout that is not there", 5, /layout/, { args: ["-"], stdin: profile(["ociPath: /nope"]) }],
  ["a version that is not there", 5, /v1\.13\.99/, { args: ["-"], stdin: profile([], "kernel", "v1.13.99") }],
  [
    "a kernel that is not there",
    6,
    /nope/,
    {
      args: ["-"],
      stdin: profile([], "kernel").replace("input:", "input:\n  kernel: {path: /nope}"),
    },
  ],
  ["a time that is none", 2, /SOURCE_DATE_EPOCH/, { args: ["iso"], environment: { SOURCE_DATE_EPOCH: "today" } }],
  ["a source that is none", 1, /IMAGER_SOURCE/, { args: ["iso"], environment: { IMAGER_SOURCE: "/nope" } }],
  [
    "a password in the source",
    1,
    /IMAGER_SOURCE(?!.*hunter)/,
    {
      args: ["iso"],
      environment: { IMAGER_SOURCE: "https://me:hunter2@registry.test" },
    },
  ],
  ["keys that are not there", 6, /IMAGER_PUBLIC_KEYS/, { args: ["iso"], environment: { IMAGER_PUBLIC_KEYS: "/nope" } }],
  [
    "keys that are none",
    1,
    /IMAGER_PUBLIC_KEYS/,
    {
      args: ["iso"],
      environment: { IMAGER_PUBLIC_KEYS: "/dev/null" },
    },
  ],
  ["GRUB that is none", 1, /IMAGER_GRUB/, { args: ["iso"], environment: { IMAGER_GRUB: "/nope" } }],
  ["an output that needs GRUB without it", 5, /IMAGER_GRUB/, { args: ["iso", "--arch", "amd64"] }],
  [
    "a cache that cannot be",
    1,
    /IMAGER_CACHE/,
    {
      args: ["metal-uki", "--arch", "amd64"],
      environment: { IMAGER_CACHE: "/dev/null/cache" },
    },
  ],
];

describe("a refusal", () => {
  for (const [name, code, says, command] of REFUSED) {
    it(`of ${name} ends with ${code} and one line, and leaves nothing`, async () => {
      const output = join(here.path, "refused");
      const args = command.args.length === 0 ? [] : [...command.args, "--output", join(output, "deep")];
      const ended = await imager({ ...command, args });
      const last = ended.stderr.trimEnd().split("\n").at(-1)!;
      assert.equal(ended.code, code, ended.stderr);
      assert.match(last, /^imager: /);
      assert.match(last, says);
      assert.equal(ended.stdout.length, 0);
      await assert.rejects(stat(output), { code: "ENOENT" });
    });
  }

  for (const [name, output] of [
    ["a file", "/dev/null"],
    ["below a file", "/dev/null/out"],
    ["where nobody may write", "/proc/out"],
  ]) {
    it(`of an output folder that is ${name} ends with 6`, async () => {
      const ended = await imager({ args: ["-", "--output", output!], stdin: profile([], "kernel") });
      assert.equal(ended.code, 6, ended.stderr);
      assert.match(ended.stderr, new RegExp(`imager: output ${output}`));
    });
  }

  it("leaves what was in the folder before", async () => {
    const output = join(here.path, "used");
    await mkdir(output);
    await writeFile(join(output, "kernel-amd64"), "an older one");
    const stdin = profile([], "kernel", "v1.13.99");
    assert.equal((await imager({ args: ["-", "--output", output], stdin })).code, 5);
    assert.deepEqual(await readdir(output), ["kernel-amd64"]);
    assert.equal(await readFile(join(output, "kernel-amd64"), "utf8"), "an older one");
  });
});

describe("a signal", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} ends the run and leaves nothing`, async () => {
      const { promise: asked, resolve } = Promise.withResolvers<void>();
      await using silent = await serveRegistry(here.registry, () => {
        resolve();
        return true;
      });
      const output = join(here.path, "stopped");
      const { child, ended } = start(
        "imager",
        { args: ["-", "--output", output], stdin: profile([], "kernel"), environment: { IMAGER_SOURCE: silent.base } },
        here.settings,
      );
      await asked;
      await sleep(50);
      child.kill(signal);
      const { code, stderr } = await ended;
      assert.equal(code, 1, stderr);
      assert.match(stderr, new RegExp(`imager: stopped by ${signal}`));
      await assert.rejects(stat(output), { code: "ENOENT" });
    });
  }
});

describe("--help", () => {
  it("is on standard output and names every flag and setting", async () => {
    const { code, stdout, stderr } = await imager({ args: ["--help"] });
    assert.equal(code, 0);
    assert.equal(stderr, "");
    const sources = await Promise.all(
      ["flags.ts", "settings.ts"].map((name) => readFile(new URL(`../../src/cli/${name}`, import.meta.url), "utf8")),
    );
    const flags = [...sources[0]!.matchAll(/^ {2}"?([a-z-]+)"?: "(?:text|list|switch)",$/gm)].map(
      ([, name]) => `--${name}`,
    );
    const settings = [...sources[1]!.matchAll(/given\("([A-Z_]+)"\)/g)].map(([, name]) => name!);
    assert.ok(flags.length > 15 && settings.length > 6);
    for (const name of [...flags, ...settings.filter((one) => one !== "HOME")]) {
      assert.ok(stdout.includes(name), name);
    }
    for (const line of stdout.toString("utf8").split("\n")) assert.ok(line.length <= 120, line);
  });
});
