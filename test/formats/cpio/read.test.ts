import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, inline, zeros } from "../../../src/extents/index.ts";
import { type CpioEntry, cpioArchive, readCpio } from "../../../src/formats/cpio/index.ts";
import { chunked, collect, drain, WIDE } from "./support.ts";

const part = fc
  .string({ minLength: 1, maxLength: 8, unit: "grapheme" })
  .filter((text) => !/[/\0]|^\.{1,2}$/.test(text));
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const base = { path, mode: fc.integer({ min: 0, max: 0o7777 }), mtime: fc.integer({ min: 0, max: 2 ** 32 - 1 }) };
const content = fc.uint8Array({ maxLength: 600 });
const item: fc.Arbitrary<{ entry: CpioEntry; text: Uint8Array }> = fc.oneof(
  fc.record(base).map((b) => ({ entry: { $case: "directory" as const, ...b }, text: new Uint8Array() })),
  fc.tuple(fc.record(base), content).map(([b, text]) => ({
    entry: { $case: "file" as const, ...b, body: inline(text) },
    text,
  })),
  fc.tuple(fc.record(base), path).map(([b, target]) => ({
    entry: { $case: "symlink" as const, ...b, target },
    text: Buffer.from(target),
  })),
);
const archive = fc.uniqueArray(item, { maxLength: 6, selector: ({ entry }) => entry.path });

describe("readCpio", () => {
  it("gives back what was written, over several archives and any chunking", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(archive, { maxLength: 3 }),
        fc.integer({ min: 1, max: 700 }),
        async (archives, size) => {
          const whole = concat(...archives.map((items) => cpioArchive(items.map(({ entry }) => entry))));
          const records = await drain(readCpio(chunked(await collect(whole), size), WIDE));
          assert.deepEqual(
            records.map(({ path, type, mode, mtime, text }) => ({ path, type, mode, mtime, text })),
            archives.flat().map(({ entry, text }) => ({
              path: entry.path,
              type: entry.$case,
              mode: entry.mode,
              mtime: entry.mtime,
              text: Buffer.from(text).toString("latin1"),
            })),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("skips bodies that were not read, wholly or in part", async () => {
    const entries: CpioEntry[] = ["a", "b", "c"].map((name) => ({
      $case: "file",
      path: name,
      mode: 0o600,
      mtime: 0,
      body: zeros(1001),
    }));
    const bytes = await collect(cpioArchive(entries));
    const seen: string[] = [];
    for await (const record of readCpio(chunked(bytes, 100), WIDE)) {
      seen.push(record.path);
      if (record.path !== "b") continue;
      for await (const piece of record.body) {
        assert.ok(piece.length <= 100);
        break;
      }
    }
    assert.deepEqual(seen, ["a", "b", "c"]);
  });

  it("closes its source when the caller stops early", async () => {
    let closed = false;
    const bytes = await collect(cpioArchive([{ $case: "directory", path: "d", mode: 0o755, mtime: 0 }]));
    const source = (async function* () {
      try {
        yield* chunked(bytes, 64);
      } finally {
        closed = true;
      }
    })();
    for await (const _ of readCpio(source, WIDE)) break;
    assert.ok(closed);
  });

  it("takes the checksummed variant and lower-case digits", async () => {
    const bytes = await collect(cpioArchive([{ $case: "directory", path: "d", mode: 0o755, mtime: 0xabc }]));
    const text = bytes.toString("latin1").replaceAll("070701", "070702").replace("00000ABC", "00000abc");
    const [record] = await drain(readCpio(chunked(Buffer.from(text, "latin1")), WIDE));
    assert.equal(record?.mtime, 0xabc);
  });
});
