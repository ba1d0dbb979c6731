import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { Progress } from "../../src/cli/progress.ts";

function terminal(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 60, written, write: (text: string) => written.push(text) };
}

test("without a terminal there are only lines, and none twice in a row", () => {
  const to = terminal(false);
  const progress = new Progress(to);
  progress.line("one\t1  ");
  progress.line("one\t1");
  progress.now("moving");
  progress.bytes("disk", MiB, 2 * MiB);
  progress.line("two");
  progress.line("");
  progress.clear();
  assert.deepEqual(to.written, ["one    1\n", "two\n"]);
});

test("on a terminal a line moves, is cut to its width, and makes room for those that stay", () => {
  const to = terminal(true);
  const progress = new Progress(to);
  progress.now("x".repeat(100));
  progress.line("stays");
  progress.bytes("disk", MiB, 2 * MiB);
  progress.bytes("disk", 1.1 * MiB, 2 * MiB);
  progress.bytes("disk", 2 * MiB, 2 * MiB);
  progress.clear();
  progress.clear();
  assert.deepEqual(to.written, [
    `\r\x1b[2K${"x".repeat(59)}`,
    "\r\x1b[2K",
    "stays\n",
    `\r\x1b[2K${"█".repeat(12)}${"░".repeat(12)} 50 %  disk, 1.0 MiB of 2.0 MiB`,
    `\r\x1b[2K${"█".repeat(24)} 100 %  disk, 2.0 MiB of 2.0 MiB`,
    "\r\x1b[2K",
  ]);
});
