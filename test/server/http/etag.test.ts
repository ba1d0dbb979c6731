import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../../src/bytes/digest.ts";
import { entityTag, matchAllows, noneMatchHolds, rangeCounts } from "../../../src/server/http/etag.ts";

const TAG = '"abc"';

/** Header; true where If-None-Match holds, If-Match allows, If-Range counts for the tag `"abc"`. */
const VECTORS: readonly (readonly [string | undefined, boolean, boolean, boolean])[] = [
  [undefined, false, true, true],
  ['"abc"', true, true, true],
  [' "abc" ', true, true, true],
  ['W/"abc"', true, false, false],
  ["*", true, true, false],
  [" * ", true, true, false],
  ['"x", "abc"', true, true, false],
  ['"x","abc","y"', true, true, false],
  ['"x", W/"abc"', true, false, false],
  ['"x"', false, false, false],
  ['"ABC"', false, false, false],
  ["abc", false, false, false],
  ['"abc', false, false, false],
  ["", false, false, false],
  ["Wed, 21 Oct 2026 07:28:00 GMT", false, false, false],
  ['"a", "b*", *', false, false, false],
];

test("conditions on entity tags", () => {
  for (const [header, noneMatch, match, range] of VECTORS) {
    assert.equal(noneMatchHolds(header, TAG), noneMatch, `If-None-Match: ${header}`);
    assert.equal(matchAllows(header, TAG), match, `If-Match: ${header}`);
    assert.equal(rangeCounts(header, TAG), range, `If-Range: ${header}`);
  }
});

test("long lists are read in time linear in their length", () => {
  const list = `${'W/"'.repeat(20_000)}${'"x",'.repeat(20_000)}`;
  const started = performance.now();
  noneMatchHolds(list, TAG);
  matchAllows(list, TAG);
  assert.ok(performance.now() - started < 1000);
});

test("the tag of a recipe is its identity, strong and quoted", () => {
  assert.equal(entityTag(sha256("")), '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"');
});
