import assert from "node:assert/strict";
import { test } from "node:test";
import { storeFailure } from "../../src/store/errors.ts";

test("a full disk has a code of its own; messages name the thing and the reason, never a path", () => {
  const vectors: readonly (readonly [unknown, string, string])[] = [
    [Object.assign(new Error("ENOSPC: /data/x"), { code: "ENOSPC" }), "store_full", "blob: no space left"],
    [Object.assign(new Error("EDQUOT: /data/x"), { code: "EDQUOT" }), "store_full", "blob: no space left"],
    [Object.assign(new Error("EACCES: /data/x"), { code: "EACCES" }), "store_failed", "blob: EACCES"],
    [new Error("/data/x"), "store_failed", "blob: failed"],
    [null, "store_failed", "blob: failed"],
  ];
  for (const [cause, code, message] of vectors) {
    const failure = storeFailure("blob", cause);
    assert.deepEqual([failure.code, failure.message, failure.cause], [code, message, cause]);
  }
});
