import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { messageOf } from "../../src/errors.ts";
import { withFolder } from "../support/write-image.ts";
import { cpio } from "./fuzz/cpio.ts";
import { ext4 } from "./fuzz/ext4.ts";
import { fat12 } from "./fuzz/fat12.ts";
import { fat32 } from "./fuzz/fat32.ts";
import { gpt } from "./fuzz/gpt.ts";
import { iso9660 } from "./fuzz/iso9660.ts";
import type { FuzzedWriter } from "./fuzz/judge.ts";
import { Random } from "./fuzz/random.ts";
import { squashfs } from "./fuzz/squashfs.ts";
import { xfs } from "./fuzz/xfs.ts";

const WRITERS: readonly FuzzedWriter[] = [fat32, fat12, xfs, ext4, gpt, squashfs, iso9660, cpio];

/**
 * Every writer takes random trees and sizes, and the tools that users read its images with judge them. Settings of the
 * environment: `FUZZ_SEED` (any text), `FUZZ_CASES` (of all writers together), `FUZZ_ONLY` (a writer, or a case of it as a
 * failure names it: `xfs:17`). A case depends on the seed, the writer and its number only.
 */
const { FUZZ_SEED: seed = "1", FUZZ_CASES: cases = "100", FUZZ_ONLY: only = "" } = process.env;
const [onlyWriter = "", onlyCase] = only.split(":");
const HUNDRED = 100;

function numbers({ share }: FuzzedWriter): readonly number[] {
  if (onlyCase !== undefined) return [Number(onlyCase)];
  return Array.from({ length: Math.ceil((Number(cases) * share) / HUNDRED) }, (_, number) => number);
}

async function judged(writer: FuzzedWriter, number: number) {
  const name = `${writer.name}:${number}`;
  try {
    return await withFolder((folder) => writer.judge(new Random(`${seed}/${name}`), folder));
  } catch (cause) {
    throw new Error(`FUZZ_SEED=${seed} FUZZ_ONLY=${name}: ${messageOf(cause)}`, { cause });
  }
}

describe("fuzzed writers", () => {
  it("share the cases, and there are some", () => {
    assert.equal(
      WRITERS.reduce((sum, { share }) => sum + share, 0),
      HUNDRED,
    );
    assert.match(cases, /^[1-9][0-9]*$/, "FUZZ_CASES");
    assert.ok(onlyWriter === "" || WRITERS.some(({ name }) => name === onlyWriter), "FUZZ_ONLY");
    assert.match(onlyCase ?? "0", /^[0-9]+$/, "FUZZ_ONLY");
  });

  for (const writer of WRITERS.filter(({ name }) => onlyWriter === "" || onlyWriter === name)) {
    it(`${writer.name}: its consumer finds what was asked for`, async (context) => {
      const failures: string[] = [];
      let refused = 0;
      for (const number of numbers(writer)) {
        try {
          if ((await judged(writer, number)) === "refused") refused++;
        } catch (failure) {
          failures.push(messageOf(failure));
        }
      }
      const count = numbers(writer).length;
      context.diagnostic(`${refused} of ${count} refused`);
      const shown = failures.slice(0, 5).join("\n\n");
      assert.equal(failures.length, 0, `${failures.length} cases failed:\n${shown}`);
      const most = Math.max(1, Math.ceil(count * writer.refusals));
      assert.ok(refused <= most, `${refused} cases were refused, more than ${most}`);
    });
  }
});
