import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { sha256 } from "../../src/bytes/digest.ts";
import { utf8 } from "../../src/bytes/text.ts";
import { OutputFile } from "../../src/cli/output.ts";
import { type BlobFiller, blob, concat, inline, zeros } from "../../src/extents/index.ts";
import { StoreError } from "../../src/store/errors.ts";
import { temporaryFolder } from "../support/folder.ts";

const WANTED = new AbortController().signal;
const BROKEN: BlobFiller = { fill: () => Promise.reject(new StoreError("store_damaged", "ends early")) };
const NOTHING = (): void => undefined;

describe("an output file", () => {
  it("is whole, and its long zeros take no space", async () => {
    await using folder = await temporaryFolder();
    const content = concat(inline(utf8("head")), zeros(64 * MiB), inline(utf8("middle")), zeros(32 * MiB));
    const heard: number[] = [];
    await using output = await OutputFile.create(join(folder.path, "a", "b"), "disk.raw");
    await output.write(content, BROKEN, WANTED, (done) => heard.push(done));
    assert.deepEqual((await readdir(join(folder.path, "a", "b"))).includes("disk.raw"), false);
    await output.publish();
    assert.deepEqual(await readdir(join(folder.path, "a", "b")), ["disk.raw"]);
    const { size, blocks } = await stat(output.path);
    assert.equal(size, content.size);
    assert.ok(blocks * 512 < MiB, `${blocks} blocks`);
    const bytes = await readFile(output.path);
    assert.equal(bytes.subarray(0, 4).toString(), "head");
    assert.equal(
      bytes
        .subarray(4 + 64 * MiB)
        .subarray(0, 6)
        .toString(),
      "middle",
    );
    assert.ok(bytes.subarray(4, 4 + 64 * MiB).every((byte) => byte === 0));
    assert.equal(heard.at(-1), content.size);
  });

  it("may be empty", async () => {
    await using folder = await temporaryFolder();
    await using output = await OutputFile.create(folder.path, "empty");
    await output.write(zeros(0), BROKEN, WANTED, NOTHING);
    await output.publish();
    assert.equal((await stat(output.path)).size, 0);
  });

  it("leaves nothing when it is given up, not even the folders made for it", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "was-there"));
    await writeFile(join(folder.path, "was-there", "x"), "older");
    for (const into of ["was-there", join("new", "newer")]) {
      const failed = async (): Promise<void> => {
        await using output = await OutputFile.create(join(folder.path, into), "x");
        await output.write(concat(inline(utf8("head")), blob(sha256("x"), 10)), BROKEN, WANTED, NOTHING);
        await output.publish();
      };
      await assert.rejects(failed(), { code: "store_damaged" });
    }
    assert.deepEqual(await readdir(folder.path), ["was-there"]);
    assert.deepEqual(await readdir(join(folder.path, "was-there")), ["x"]);
    assert.equal(await readFile(join(folder.path, "was-there", "x"), "utf8"), "older");
  });

  it("is not written when nobody wants it any more", async () => {
    await using folder = await temporaryFolder();
    await using output = await OutputFile.create(folder.path, "x");
    const stop = AbortSignal.abort(new Error("stopped"));
    await assert.rejects(output.write(inline(utf8("x")), BROKEN, stop, NOTHING), { message: "stopped" });
  });

  it("does not take the place of a folder", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "x"));
    const failed = async (): Promise<void> => {
      await using output = await OutputFile.create(folder.path, "x");
      await output.write(inline(utf8("x")), BROKEN, WANTED, NOTHING);
      await output.publish();
    };
    await assert.rejects(failed(), { code: "output_failed" });
    assert.deepEqual(await readdir(folder.path), ["x"]);
  });
});
