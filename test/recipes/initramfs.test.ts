import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/bytes/text.ts";
import { inline, read } from "../../src/extents/index.ts";
import { firmwareArchive } from "../../src/recipes/initramfs.ts";
import { readCpioArchive } from "../support/cpio-reader.ts";
import { NO_BLOBS } from "../support/write-image.ts";

const FOLDER = "usr/lib/firmware";

test("firmware of several extensions: who comes first decides on modes, who comes last on contents", async () => {
  const tree = (text: string, mode: number, folderMode: number) => ({
    files: [{ path: `${FOLDER}/f`, mode, content: inline(utf8(text)) }],
    directories: [{ path: FOLDER, mode: folderMode }],
  });
  const archive = firmwareArchive([tree("first", 0o755, 0o750), tree("second", 0o600, 0o711)], `/${FOLDER}`, 1);
  const { entries } = readCpioArchive(await read(archive!, NO_BLOBS));
  assert.deepEqual(
    entries.map(({ name, mode, bytes }) => [name, mode.toString(8), Buffer.from(bytes).toString()]),
    [
      ["usr", "40750", ""],
      ["usr/lib", "40750", ""],
      [FOLDER, "40750", ""],
      [`${FOLDER}/f`, "100755", "second"],
    ],
  );
});

test("no firmware, no archive", () => {
  assert.equal(firmwareArchive([{ files: [], directories: [] }], `/${FOLDER}`, 1), undefined);
});
