import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diskGrubConfig, grubQuote, grubUnquote, isoGrubConfig } from "../../src/talos/grubtext.ts";

test("quoting", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["", ""],
    ["a b\tc", "a b\tc"],
    ["`#~*[x]'é", "`#~*[x]'é"],
    ["{}&$|;<>", "\\{\\}\\&\\$\\|\\;\\<\\>"],
    ['"q"', '\\"q\\"'],
    ["a\\b", "a\\\\b"],
    ["\\{", "\\\\\\{"],
    ["end\\", "end\\\\"],
  ];
  for (const [text, quoted] of rows) {
    assert.equal(grubQuote(text), quoted);
    assert.equal(grubUnquote(quoted), text);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => grubUnquote(grubQuote(text)) === text));
});

test("grub.cfg of a disk", () => {
  const main = [
    'set default="A - Talos v1.3.7"',
    "",
    "set timeout=3",
    "",
    "insmod all_video",
    "",
    "terminal_input console",
    "terminal_output console",
    "",
    'menuentry "A - Talos v1.3.7" {',
    "  set gfxmode=auto",
    "  set gfxpayload=text",
    "  linux /A/vmlinuz a=1\\;2 b",
    "  initrd /A/initramfs.xz",
    "}",
    "",
  ].join("\n");
  const reset = [
    'menuentry "Reset Talos installation and return to maintenance mode" {',
    "  set gfxmode=auto",
    "  set gfxpayload=text",
    "  linux /A/vmlinuz a=1\\;2 b talos.experimental.wipe=system:EPHEMERAL,STATE",
    "  initrd /A/initramfs.xz",
    "}",
    "",
  ].join("\n");
  assert.equal(diskGrubConfig("grub", "v1.3.7", "a=1;2 b"), main);
  assert.equal(diskGrubConfig("dual-boot", "v1.3.7", "a=1;2 b"), main + reset);
  assert.equal(
    diskGrubConfig("grub", "v1.4.0-alpha.0", "a=1;2 b"),
    (main + reset).replaceAll("Talos v1.3.7", "Talos v1.4.0-alpha.0"),
  );
});

test("grub.cfg of an ISO: a tab in front, and two line ends where the reset entry is missing", () => {
  const main = [
    "set default=0",
    "set timeout=3",
    "",
    "insmod all_video",
    "",
    "terminal_input console",
    "terminal_output console",
    "",
    'menuentry "Talos ISO" {',
    "\tset gfxmode=auto",
    "\tset gfxpayload=text",
    "\tlinux /boot/vmlinuz x=\\$y",
    "\tinitrd /boot/initramfs.xz",
    "}",
    "",
    "",
  ].join("\n");
  const reset = [
    'menuentry "Reset Talos installation" {',
    "\tset gfxmode=auto",
    "\tset gfxpayload=text",
    "\tlinux /boot/vmlinuz x=\\$y talos.experimental.wipe=system",
    "\tinitrd /boot/initramfs.xz",
    "}",
    "",
  ].join("\n");
  assert.equal(isoGrubConfig("v1.3.0", "x=$y"), main);
  for (const version of ["v1.4.0", "v1.14.0", "not a version"])
    assert.equal(isoGrubConfig(version, "x=$y"), main + reset);
});
