import assert from "node:assert/strict";
import { validateHeaderValue } from "node:http";
import { test } from "node:test";
import { assetContentType, attachment, cleanRequestId } from "../../../src/server/http/headers.ts";

test("the content type follows the extension (factory.md 1.7)", () => {
  const octets = "application/octet-stream";
  const vectors: readonly (readonly [string, string])[] = [
    ["metal-amd64-uki.efi", "application/efi"],
    ["metal-amd64.iso", "application/x-iso9660-image"],
    ["initramfs-amd64.xz", "application/x-xz"],
    ["metal-amd64.raw.xz", "application/x-xz"],
    ["gcp-amd64.raw.tar.gz", "application/gzip"],
    ["metal-amd64.qcow2", "application/x-qemu-disk"],
    ["metal-amd64.raw", octets],
    ["metal-amd64.raw.zst", octets],
    ["vmware-amd64.ova", octets],
    ["kernel-amd64", octets],
    ["constructor", octets],
    ["a.constructor", octets],
    ["a.__proto__", octets],
    ["", octets],
  ];
  for (const [path, expected] of vectors) assert.equal(assetContentType(path), expected, path);
});

test("a file name cannot leave its quotes", () => {
  const vectors: readonly (readonly [string, string])[] = [
    ["disk.raw", "disk.raw"],
    ["my disk.raw", "my disk.raw"],
    ['a"; filename="b', "a_; filename=_b"],
    ["back\\slash", "back_slash"],
    ["line\r\nset-cookie: a=b", "line__set-cookie: a=b"],
    ["nul\0del\x7f", "nul_del_"],
    ["größe", "gr__e"],
    ["../../etc/passwd", "../../etc/passwd"],
  ];
  for (const [name, expected] of vectors) {
    const value = attachment(name);
    assert.equal(value, `attachment; filename="${expected}"`);
    validateHeaderValue("content-disposition", value);
  }
  assert.ok(attachment("a".repeat(10_000)).length < 300);
});

test("a request id is taken over when it is short and printable", () => {
  for (const id of ["a", "8c1a4c4e-1", "x".repeat(128), "a=b;c"]) assert.equal(cleanRequestId(id), id);
  for (const id of ["", "a b", "a\nb", "é", "x".repeat(129), undefined, ["a", "b"]]) {
    assert.equal(cleanRequestId(id), undefined);
  }
});
