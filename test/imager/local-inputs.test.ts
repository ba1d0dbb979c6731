import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import type { Target } from "../../src/imager/inputs.ts";
import { LocalInputs } from "../../src/imager/local-inputs.ts";
import { LocalBlobStore } from "../../src/store/local-blobs.ts";
import { filesIn } from "../support/factory.ts";
import { temporaryFolder } from "../support/folder.ts";

const NEVER = new AbortController().signal;
/** Files are taken as they are, whatever is built. */
const TARGET = undefined as never as Target;

test("a file of the profile is stored; one that cannot be read is the profile's fault and leaves nothing", async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const blobs = await LocalBlobStore.open(data, Date.now());
  const inputs = new LocalInputs({
    deriver: undefined as never,
    blobs,
    open: createReadStream,
    registry: () => assert.fail("no registry is asked"),
    policy: { $case: "disabled" },
    install: "installer",
  });
  const path = join(folder.path, "kernel");
  await writeFile(path, "a kernel");
  const stored = await inputs.file("kernel", { path }, TARGET, NEVER);
  assert.deepEqual(stored, { digest: sha256("a kernel"), size: 8 });

  const before = await filesIn(data);
  await mkdir(join(folder.path, "directory"));
  for (const [name, reason] of [
    ["absent", /^kernel: .*absent: ENOENT/],
    ["directory", /^kernel: .*directory: EISDIR/],
    ["kernel/below", /^kernel: .*below: ENOTDIR/],
  ] as const) {
    const refused = inputs.file("kernel", { path: join(folder.path, name) }, TARGET, NEVER);
    await assert.rejects(refused, { code: "asset_missing", message: reason });
  }
  assert.deepEqual(await filesIn(data), before);
  blobs.close();
});
