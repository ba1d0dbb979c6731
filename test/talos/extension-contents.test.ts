import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContentEntry, checkExtensionContents } from "../../src/talos/extension-contents.ts";

test("files stand where extensions may put them; folders and links to anywhere may stand there too", () => {
  const good: readonly ContentEntry[] = [
    { path: "usr/share", type: "dir" },
    { path: "usr/local/bin/x", type: "file" },
    { path: "usr/local/link", type: "symlink" },
    { path: "usr/lib/modules/6.1/a.ko", type: "file" },
    { path: "usr/bin/nvidia-ctk", type: "file" },
    { path: "etc/ld.so.cache", type: "file" },
    // The places are plain prefixes.
    { path: "usr/bin/nvidia-ctk-hook", type: "file" },
  ];
  checkExtensionContents(good);
});

test("other places and special files are refused", () => {
  const bad: readonly (readonly [ContentEntry, RegExp])[] = [
    [{ path: "lib/firmware/x", type: "file" }, /path "\/lib\/firmware\/x" is not allowed in extensions/],
    [{ path: "usr/lib64/a.so", type: "symlink" }, /not allowed/],
    [{ path: "usr/local/fifo", type: "fifo" }, /special files are not allowed: "\/usr\/local\/fifo"/],
    [{ path: "usr/local/tty", type: "device" }, /special files/],
  ];
  for (const [entry, message] of bad) {
    assert.throws(() => checkExtensionContents([{ path: "etc", type: "dir" }, entry]), {
      code: "extension_invalid",
      message,
    });
  }
});
