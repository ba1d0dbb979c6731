import assert from "node:assert/strict";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { MiB } from "../../../src/bytes/align.ts";
import { type Guid, labelGuid } from "../../../src/bytes/guid.ts";
import { FactoryError } from "../../../src/errors.ts";
import { read } from "../../../src/extents/index.ts";
import { type GptDisk, type GptPartition, gptDisk, type PlacedPartition } from "../../../src/formats/gpt/index.ts";
import { contents } from "../../support/tree-on-disk.ts";
import { NO_BLOBS, writeImage } from "../../support/write-image.ts";
import { assertSame, type FuzzedWriter, type Outcome, run } from "./judge.ts";
import { randomName } from "./names.ts";
import type { Random } from "./random.ts";
import { randomContent, randomSize } from "./tree.ts";

/** Any UTF-16 but NUL is allowed; fdisk escapes what does not print. */
const NAMES = { longest: { units: 36 }, forbidden: /[\0-\x1f\x7f\u200d]/ };

function randomGuid(random: Random): Guid {
  return labelGuid(`fuzz-${random.int(0, 2 ** 31)}`);
}

function randomPartition(random: Random, sectorSize: number, takesRest: boolean): GptPartition {
  const size = randomSize(random, [sectorSize, MiB], random.pick([4 * MiB, 64 * MiB, 3000 * MiB]));
  // 0 asks for the largest free range.
  const sizeBytes = takesRest ? 0 : Math.max(size, sectorSize);
  const room = sizeBytes === 0 ? MiB : sizeBytes - (sizeBytes % sectorSize);
  return {
    name: random.chance(0.05) ? "" : randomName(random, NAMES),
    ...{ type: randomGuid(random), guid: randomGuid(random), sizeBytes },
    attributes: random.pick([0n, 1n, 4n, 1n << 63n, (1n << 60n) | 1n]),
    ...(random.chance(0.3) && { content: randomContent(random, Math.min(random.magnitude(MiB), room)) }),
  };
}

function randomDisk(random: Random): GptDisk {
  const sectorSize = random.chance(0.3) ? 4096 : 512;
  const count = random.pick([0, 1, 4, random.int(1, 8), random.int(1, 128), 128]);
  // What takes the rest comes last, as a rule; it leaves nothing to others.
  const rest = random.pick([count - 1, count - 1, random.int(0, 127), count, count, count]);
  const partitions = Array.from({ length: count }, (_, i) => randomPartition(random, sectorSize, i === rest));
  const wanted = partitions.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / MiB) * MiB, 0);
  const spare = random.pick([0, 2, 3, 4, 30, 100, 5000, 2 ** 23]);
  return {
    sizeBytes: wanted + spare * MiB + random.pick([0, 0, 512, 4096, 33 * 512, 34 * 512, random.int(0, MiB - 1)]),
    ...{ sectorSize, diskGuid: randomGuid(random), partitions },
    entryArrayOffsetLba: random.pick([0, 0, 0, 1, 2014, 2015, 20_480]),
    ...(random.chance(0.3) && { bootCode: new Uint8Array(random.int(0, 446)).fill(0x90) }),
  };
}

/** A disk with room for everything that can be wanted of it, and for nothing less than the largest range. */
function roomy(disk: GptDisk): GptDisk {
  const partitions = disk.partitions.filter(({ sizeBytes }) => sizeBytes > 0);
  const overhead = (disk.entryArrayOffsetLba ?? 0) * disk.sectorSize! + 4 * MiB;
  return { ...disk, partitions, sizeBytes: Math.ceil((disk.sizeBytes + overhead) / MiB) * MiB };
}

/** A disk, or the refusal of it, which is right when there are less than two MiB besides what is wanted. */
function attempt(disk: GptDisk) {
  try {
    return gptDisk(disk);
  } catch (thrown) {
    if (!(thrown instanceof FactoryError)) throw thrown;
    assert.match(thrown.code, /^(disk_size|no_space)$/, thrown.message);
    const wanted = disk.partitions.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / MiB) * MiB, 0);
    const arrays = (disk.entryArrayOffsetLba ?? 0) * disk.sectorSize! + 3 * MiB;
    const takesAll = disk.partitions.some(({ sizeBytes }) => sizeBytes === 0);
    assert.ok(takesAll || wanted + arrays > disk.sizeBytes, thrown.message);
    return undefined;
  }
}

/** Places, types, GUIDs and names by number. */
function described(partitions: readonly PlacedPartition[]): Map<string, string> {
  return new Map(
    partitions.map(({ firstLba, lastLba, type, guid, name }, i) => {
      const fields = [firstLba, lastLba - firstLba + 1, type.toUpperCase(), guid.toUpperCase(), name];
      return [String(i), fields.join(" ")];
    }),
  );
}

/** The same of what fdisk lists. */
function listed(path: string, sectorSize: number): Map<string, string> {
  const columns = "Start,Sectors,Type-UUID,UUID,Name";
  const said = run("fdisk", ["-b", String(sectorSize), "-l", "-o", columns, path]);
  assert.match(said, /Disklabel type: gpt/);
  const rows = [...said.matchAll(/^ *(\d+) +(\d+) ([0-9A-F-]{36}) ([0-9A-F-]{36}) ?(.*)$/gm)];
  return new Map(rows.map(([, ...fields], i) => [String(i), fields.join(" ")]));
}

function bytesAt(path: string, offset: number, length: number): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(length);
    assert.equal(readSync(file, bytes, 0, length, offset), length);
    return bytes;
  } finally {
    closeSync(file);
  }
}

async function judge(random: Random, folder: string): Promise<Outcome> {
  let disk = randomDisk(random);
  const first = attempt(disk);
  if (!first) disk = roomy(disk);
  const { image, partitions } = first ?? gptDisk(disk);
  const path = join(folder, "disk.raw");
  await writeImage(path, image);
  const { sectorSize = 512 } = disk;
  // sgdisk takes all image files for disks with sectors of 512 bytes.
  if (sectorSize === 512) {
    const said = run("sgdisk", ["-v", path]);
    assert.match(said, /No problems found/, said);
  }
  assertSame(listed(path, sectorSize), described(partitions));
  for (const { name, content, firstLba } of partitions) {
    if (!content) continue;
    const found = contents(bytesAt(path, firstLba * sectorSize, content.size));
    assert.equal(found, contents(await read(content, NO_BLOBS)), name);
  }
  return first ? "taken" : "refused";
}

/** Refused: disks too small for what is wanted of them. */
export const gpt: FuzzedWriter = { name: "gpt", share: 15, refusals: 0.45, judge };
