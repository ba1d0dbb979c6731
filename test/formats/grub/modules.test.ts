import assert from "node:assert/strict";
import { test } from "node:test";
import { moduleOrder } from "../../../src/formats/grub/index.ts";

const MODDEP = `normal: extcmd crypto boot gettext
extcmd:
crypto:
boot:
gettext:
linux: normal video boot
video: crypto
old: crypto
old: boot

`;

const VECTORS: readonly { readonly wanted: readonly string[]; readonly order: readonly string[] }[] = [
  { wanted: [], order: [] },
  { wanted: ["boot", "crypto"], order: ["boot", "crypto"] },
  { wanted: ["normal"], order: ["gettext", "boot", "crypto", "extcmd", "normal"] },
  { wanted: ["linux", "boot"], order: ["boot", "crypto", "video", "gettext", "extcmd", "normal", "linux"] },
  { wanted: ["extcmd", "extcmd", "old"], order: ["extcmd", "boot", "old"] },
];

for (const { wanted, order } of VECTORS) {
  test(`load order of ${wanted.join(" ") || "nothing"}`, () => assert.deepEqual(moduleOrder(MODDEP, wanted), order));
}
