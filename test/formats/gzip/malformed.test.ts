import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipMember } from "../../../src/formats/gzip/index.ts";

test("a name the header cannot hold is refused", () => {
  for (const name of ["a\0b", "raw\u{1f4bf}", "\u0100"]) {
    assert.throws(() => gzipMember([], { name }), { code: "gzip_name", message: /^name: / });
  }
  assert.equal(gzipMember([], { name: "Größe" }).size, gzipMember([]).size + 6);
});
