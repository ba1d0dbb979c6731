import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { appendAll, type CmdlineInput, kernelCmdline, parseCmdline, renderCmdline } from "../../src/talos/cmdline.ts";
import { decodeMeta } from "../../src/talos/meta.ts";
import { parseTolerant } from "../../src/talos/version.ts";
import { loadVectors } from "./vectors.ts";

type Row = Omit<CmdlineInput, "version" | "meta"> & { readonly version: string; readonly cmdline: string };

test("command lines of the reference", () => {
  for (const { version, cmdline, ...row } of loadVectors<Row>("cmdline")) {
    const input = { ...row, version: parseTolerant(version), meta: [] };
    assert.equal(kernelCmdline(input), cmdline, JSON.stringify({ version, ...row }));
  }
});

const METAL: CmdlineInput = {
  platform: "metal",
  arch: "amd64",
  version: parseTolerant("v1.14.0"),
  kind: "cmdline",
  secureboot: false,
  extraKernelArgs: [],
  meta: [],
};
const DEFAULTS =
  "slab_nomerge pti=on consoleblank=0 printk.devkmsg=on selinux=1 module.sig_enforce=1 proc_mem.force_override=never";

/** imager.md 4.1, worked examples. */
const EXTRA: readonly (readonly [readonly string[], string])[] = [
  [["console=ttyS0", "-console", "console=tty5"], `talos.platform=metal ${DEFAULTS}`],
  [["-selinux=0"], `talos.platform=metal console=tty0 ${DEFAULTS}`],
  [["-selinux=1", "selinux=0"], `talos.platform=metal console=tty0 ${DEFAULTS.replace("selinux=1", "selinux=0")}`],
  [["selinux=0"], `talos.platform=metal console=tty0 ${DEFAULTS.replace("selinux=1", "selinux=1 selinux=0")}`],
  [["-console=tty0", "console=ttyS1"], `talos.platform=metal console=ttyS1 ${DEFAULTS}`],
  [["console=a console=b"], `talos.platform=metal console=a console=b ${DEFAULTS}`],
  [["slab_nomerge"], `talos.platform=metal console=tty0 slab_nomerge ${DEFAULTS}`],
  [["talos.platform=aws"], `talos.platform=aws console=tty0 ${DEFAULTS}`],
  [["foo="], `talos.platform=metal console=tty0 ${DEFAULTS} foo`],
  [["-"], `talos.platform=metal console=tty0 ${DEFAULTS} -`],
];

test("extra arguments replace, gather and delete", () => {
  for (const [extraKernelArgs, line] of EXTRA) {
    assert.equal(kernelCmdline({ ...METAL, extraKernelArgs }), line, extraKernelArgs.join(" "));
  }
});

test("META values travel on every line but that of a disk image", () => {
  const meta = [
    { key: 10, value: "foo" },
    { key: 11, value: "bar" },
  ];
  const line = kernelCmdline({ ...METAL, meta, extraKernelArgs: ["a=b"] });
  assert.ok(line.endsWith(" talos.environment=INSTALLER_META_BASE64=MHhhPWZvbzsweGI9YmFy a=b"));
  assert.ok(!kernelCmdline({ ...METAL, kind: "image", meta }).includes("talos.environment"));
});

test("long META values are compressed from 1.6.3 on, the same way everywhere", () => {
  const meta = [{ key: 255, value: "x".repeat(252) }];
  const encoded = (version: string, values = meta) =>
    /INSTALLER_META_BASE64=(\S+)/.exec(kernelCmdline({ ...METAL, version: parseTolerant(version), meta: values }))![1]!;
  const packed = Buffer.from(encoded("1.6.3"), "base64");
  assert.equal(packed.subarray(0, 10).toString("hex"), "1f8b08000000000002ff");
  assert.deepEqual(decodeMeta(encoded("1.6.3")), meta);
  assert.deepEqual(decodeMeta(encoded("1.6.2")), meta);
  assert.ok(Buffer.from(encoded("1.6.2"), "base64").toString().startsWith("0xff=xxx"));
  const at256 = [{ key: 255, value: "x".repeat(251) }];
  assert.ok(Buffer.from(encoded("1.6.3", at256), "base64").toString().startsWith("0xff=xxx"));
});

test("unknown platforms are refused", () => {
  for (const platform of ["", "Metal", "digitalocean", "equinixmetal", "__proto__"]) {
    assert.throws(() => kernelCmdline({ ...METAL, platform }), { code: "platform_unknown" }, platform);
  }
  assert.ok(kernelCmdline({ ...METAL, platform: "packet" }).startsWith("talos.platform=equinixMetal "));
});

test("a rendered line parses to the same list", () => {
  const word = fc.stringMatching(/^[a-z-][a-z.=-]{0,7}$/);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      const parsed = parseCmdline(words.join(" "));
      assert.deepEqual(parseCmdline(renderCmdline(parsed)), parsed);
      assert.deepEqual(appendAll([], words), parsed);
    }),
  );
});
