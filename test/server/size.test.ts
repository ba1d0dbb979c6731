import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, parseConfig } from "../../src/server/config.ts";

const parse = (size: string): number | undefined =>
  parseConfig(["--source", "https://registry.test", "--public-key", "key.pub", "--max-size", size], {}).maxStoreBytes;

test("--max-size is bytes, with a decimal or binary unit", () => {
  const vectors: readonly (readonly [string, number])[] = [
    ["1", 1],
    ["4096", 4096],
    ["500kB", 500_000],
    ["20GB", 20_000_000_000],
    ["64KiB", 65_536],
    ["5MiB", 5 * 2 ** 20],
    ["20GiB", 20 * 2 ** 30],
    ["2TiB", 2 * 2 ** 40],
  ];
  for (const [text, bytes] of vectors) assert.equal(parse(text), bytes, text);
});

test("--max-size refuses what is no size", () => {
  for (const text of ["", "0", "0GiB", "20G", "20gib", "1.5GiB", "-1", "GiB", "1e9", "99999999999TiB", "20 GiB"]) {
    assert.throws(() => parse(text), ConfigError, text);
  }
});

test("without --max-size there is no limit", () => {
  const config = parseConfig(["--source", "https://registry.test", "--public-key", "key.pub"], {});
  assert.equal(config.maxStoreBytes, undefined);
});
