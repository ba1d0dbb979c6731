import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { type ImageReference, parseReference, parseTagOrDigest } from "../../src/sources/reference.ts";

const digest = sha256("x");

const correct: readonly (readonly [string, ImageReference])[] = [
  ["siderolabs/imager", { repository: "siderolabs/imager" }],
  ["siderolabs/imager:v1.13.0", { repository: "siderolabs/imager", tag: "v1.13.0" }],
  [`r.test/a/b:1@${digest}`, { registry: "r.test", repository: "a/b", tag: "1", digest }],
  ["localhost/a", { registry: "localhost", repository: "a" }],
  ["localhost:5000/a:b", { registry: "localhost:5000", repository: "a", tag: "b" }],
  ["[::1]:5000/a", { registry: "[::1]:5000", repository: "a" }],
  [`a__b/c-d/e.f@${digest}`, { repository: "a__b/c-d/e.f", digest }],
  ["imager", { repository: "imager" }],
];

for (const [text, reference] of correct) {
  test(`reference ${text.slice(0, 40)}`, () => assert.deepEqual(parseReference(text), reference));
}

const wrong: readonly string[] = [
  "",
  "/a",
  "a/",
  "a//b",
  "A/b",
  "a/..",
  "../a",
  "a/../b",
  "a:",
  "a:.x",
  "a:b:c",
  `a:${"x".repeat(129)}`,
  "a@sha256:abc",
  `a@sha512:${"0".repeat(128)}`,
  `a@${digest}@${digest}`,
  "a b",
  "a\nb",
  "a?x=1",
  "a#b",
  "a%2e",
  "https://r.test/a",
  "user@r.test/a",
  "r.test:99999999/a",
  "-r.test/a",
  "a/b_-c",
  `${"a/".repeat(200)}a`,
  "x".repeat(1000),
];

for (const text of wrong) {
  test(`reference refused: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(() => parseReference(text), { code: "reference_invalid" });
  });
}

test("a tag or a digest, and nothing else", () => {
  assert.deepEqual(parseTagOrDigest("v1"), { tag: "v1" });
  assert.deepEqual(parseTagOrDigest(digest), { digest });
  for (const text of ["", "..", "a/b", "sha256:abc", "a b"]) {
    assert.throws(() => parseTagOrDigest(text), { code: "reference_invalid" }, text);
  }
});
