import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { Deriver } from "../../src/imager/derive.ts";
import { LocalBlobStore } from "../../src/store/local-blobs.ts";
import { LocalRecords } from "../../src/store/local-records.ts";
import type { JobKind, Jobs } from "../../src/workers/protocol.ts";
import { temporaryFolder } from "../support/folder.ts";

const NEVER = new AbortController().signal;
const RESULT = { digest: sha256("x"), size: 1 };

test("a result is found again only for the same codecs and the same time", async () => {
  await using folder = await temporaryFolder();
  const blobs = await LocalBlobStore.open(folder.path, Date.now());
  const records = await LocalRecords.open(folder.path);
  let ran = 0;
  const derive = async (codecs: string, mtime: number): Promise<void> => {
    const run = async <Kind extends JobKind>(): Promise<Jobs[Kind]["output"]> => {
      ran++;
      return RESULT as Jobs[Kind]["output"];
    };
    const deriver = new Deriver({ blobs, records, run, codecs, mtime, onDerived: () => undefined });
    const derivation = { kind: "digest", description: { of: "x" }, input: { extents: [] } } as const;
    assert.deepEqual(await deriver.derive(derivation, NEVER), RESULT);
  };
  await derive("a", 1);
  await derive("a", 1);
  assert.equal(ran, 1);
  await derive("a", 2);
  await derive("b", 1);
  assert.equal(ran, 3);
  blobs.close();
});
