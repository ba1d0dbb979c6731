import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../src/bytes/text.ts";
import { type Invocation, profileFromArgs } from "../../src/cli/flags.ts";
import type { Profile } from "../../src/talos/profile.ts";
import { emitProfile } from "../../src/talos/profile-yaml.ts";

const FILES: Readonly<Record<string, string>> = {
  "/etc/config.yaml": "kind: HostnameConfig\n",
  "/etc/options.yaml": "board: from-file\noffset: 2048\nlist: [a, 2]\n",
  "/etc/twice.yaml": "a: 1\na: 2\n",
  "/etc/list.yaml": "- a\n",
  "/etc/empty.yaml": "",
};

function invoke(...args: readonly string[]): Invocation {
  const readFile = (path: string): Uint8Array => {
    const text = FILES[path];
    if (text === undefined) throw new Error(`${path}: no such file`);
    return utf8(text);
  };
  return profileFromArgs(args, { hostArch: "amd64", readFile });
}

function profileOf(...args: readonly string[]): Profile {
  const invocation = invoke("metal", ...args);
  assert.equal(invocation.$case, "named");
  return (invocation as Invocation & { $case: "named" }).profile;
}

/** The lines of the profile's dump that are there because of the arguments. */
function added(...args: readonly string[]): string {
  const plain = new Set(emitProfile(profileOf()).split("\n"));
  const lines = emitProfile(profileOf(...args)).split("\n");
  return lines.flatMap((line) => (plain.has(line) ? [] : [line.trim().replace(/^- /, "")])).join(" ");
}

describe("arguments", () => {
  const named: readonly (readonly [name: string, args: readonly string[], lines: string])[] = [
    ["platform", ["--platform", "aws"], "platform: aws"],
    ["value behind =", ["--platform=a=b"], "platform: a=b"],
    ["given last", ["--platform=aws", "--platform", "gcp"], "platform: gcp"],
    ["architecture", ["--arch=arm64"], "arch: arm64"],
    [
      "kernel arguments, dashes included and commas kept",
      ["--extra-kernel-arg", "-pti", "--extra-kernel-arg=a=1,b=2"],
      "customization: extraKernelArgs: -pti a=1,b=2",
    ],
    [
      "META values",
      ["--meta", "0xa=x=y", "--meta=010="],
      'customization: metaContents: key: 10 value: x=y key: 8 value: ""',
    ],
    [
      "extensions",
      ["--insecure", "--system-extension-image", "r.io/a:1", "--system-extension-image=b"],
      "systemExtensions: imageRef: r.io/a:1 forceInsecure: true imageRef: b forceInsecure: true",
    ],
    [
      "base installer",
      ["--base-installer-image", "r.io/i:1", "--insecure=true"],
      "baseInstaller: imageRef: r.io/i:1 forceInsecure: true",
    ],
    ["insecure alone", ["--insecure"], ""],
    [
      "image cache by reference",
      ["--image-cache=r.io/c:1", "--insecure"],
      "imageCache: imageRef: r.io/c:1 forceInsecure: true",
    ],
    ["image cache by path", ["--image-cache=./c:1", "--insecure"], 'imageCache: imageRef: "" ociPath: ./c:1'],
    ["image cache without registry", ["--image-cache=team/c:1"], 'imageCache: imageRef: "" ociPath: team/c:1'],
    ["image cache without tag", ["--image-cache=r.io/c"], 'imageCache: imageRef: "" ociPath: r.io/c'],
    [
      "image cache of an implied namespace",
      ["--image-cache=docker.io/c:1"],
      'imageCache: imageRef: "" ociPath: docker.io/c:1',
    ],
    ["output kind in any case", ["--output-kind", "ISO"], "kind: iso"],
    [
      "enrollment for disks and ISOs",
      ["--secureboot-enroll-keys=Force"],
      "imageOptions: diskSize: 0 sdBootEnrollKeys: force isoOptions: sdBootEnrollKeys: force",
    ],
    [
      "well-known certificates",
      ["--secureboot-include-well-known-certs"],
      "secureboot: secureBootSigner: {} pcrSigner: {} includeWellKnownCerts: true",
    ],
    [
      "signer services",
      ["--secureboot-signer-address", "unix:///s", "--pcr-signer-address", "unix:///p"],
      "secureboot: secureBootSigner: signerAddress: unix:///s pcrSigner: signerAddress: unix:///p",
    ],
    [
      "embedded configuration",
      ["--embedded-config-path=/etc/config.yaml"],
      "customization: embeddedMachineConfiguration: | kind: HostnameConfig",
    ],
    ["overlay options without an overlay", ["--overlay-option", "a=b"], ""],
    [
      "an overlay, never insecure",
      ["--overlay-image", "r.io/o:1", "--insecure"],
      'overlayInstaller: imageRef: r.io/o:1 overlay: name: "" image: imageRef: r.io/o:1',
    ],
    [
      "options over those of a file",
      [
        "--overlay-name=rpi",
        "--overlay-option=@/etc/options.yaml",
        "--overlay-option=board=x",
        "--overlay-option=text=@/etc/config.yaml",
        "--overlay-option=bare",
      ],
      'overlay: name: rpi image: imageRef: "" options: bare: "" board: x list: a 2 offset: 2048 text: | kind: HostnameConfig',
    ],
    [
      "options of a file over others",
      ["--overlay-name=rpi", "--overlay-option=board=x", "--overlay-option=@/etc/options.yaml"],
      'overlay: name: rpi image: imageRef: "" options: board: from-file list: a 2 offset: 2048',
    ],
  ];
  for (const [name, args, lines] of named) it(name, () => assert.equal(added(...args), lines));

  it("name the base profile and where the output goes", () => {
    const invocation = invoke("--tar-to-stdout", "metal", "--output", "/tmp/x");
    assert.equal(invocation.$case, "named");
    assert.deepEqual(
      { ...invocation, profile: undefined },
      {
        $case: "named",
        profile: undefined,
        output: "/tmp/x",
        tarToStdout: true,
      },
    );
    assert.equal(profileOf().baseProfileName, "metal");
    assert.equal(profileOf().arch, "amd64");
  });

  it("standard input: nothing but the destination counts", () => {
    const args = [
      "-",
      "--arch=arm64",
      "--output-kind=nonsense",
      "--embedded-config-path=/none",
      "--tar-to-stdout=false",
    ];
    assert.deepEqual(invoke(...args), { $case: "stdin", output: "/out", tarToStdout: false });
  });

  it("help, before anything is missed", () => {
    for (const args of [["-h"], ["--help"], ["a", "b", "-h"]]) assert.deepEqual(invoke(...args), { $case: "help" });
  });

  it("behind -- nothing is a flag", () => {
    const invocation = invoke("--", "--arch");
    assert.equal(invocation.$case === "named" && invocation.profile.baseProfileName, "--arch");
  });
});

describe("refused", () => {
  const wrong: readonly (readonly [args: readonly string[], code: string])[] = [
    [[], "usage_invalid"],
    [["metal", "iso"], "usage_invalid"],
    [["metal", "--version"], "usage_invalid"],
    [["metal", "--toString=1"], "usage_invalid"],
    [["metal", "-v"], "usage_invalid"],
    [["metal", "-hv"], "usage_invalid"],
    [["metal", "--="], "usage_invalid"],
    [["metal", "---arch"], "usage_invalid"],
    [["metal", "--arch"], "usage_invalid"],
    [["metal", "--insecure=maybe"], "usage_invalid"],
    [["metal", "--insecure", "true"], "usage_invalid"],
    [["metal", "--meta", "nonsense"], "usage_invalid"],
    [["-", "--meta=256=x"], "usage_invalid"],
    [["metal", "--output-kind", "floppy"], "profile_invalid"],
    [["metal", "--secureboot-enroll-keys", "perhaps"], "profile_invalid"],
    [["metal", "--overlay-option", "@/etc/twice.yaml"], "profile_invalid"],
    [["metal", "--overlay-option", "@/etc/list.yaml"], "profile_invalid"],
    [["metal", "--overlay-option", "@/etc/empty.yaml"], "profile_invalid"],
    [["metal", "--overlay-option", "a=@/none"], "file_unreadable"],
    [["metal", "--embedded-config-path", "/none"], "file_unreadable"],
  ];
  for (const [args, code] of wrong)
    it(args.join(" ") || "nothing", () => assert.throws(() => invoke(...args), { code }));
});
