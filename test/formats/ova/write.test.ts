import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../../src/bytes/align.ts";
import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { read, zeros } from "../../../src/extents/index.ts";
import { ovaFiles } from "../../../src/formats/ova/index.ts";
import { NO_BLOBS } from "../../support/write-image.ts";

test("an OVA holds descriptor, manifest and disk as the reference's does (outputs.md 4.4)", async () => {
  const digest = sha256("a disk");
  const files = ovaFiles(zeros(590_848), digest, 8192 * MiB + 5);
  assert.deepEqual(
    files.map(({ name }) => name),
    ["disk.ovf", "disk.mf", "disk.vmdk"],
  );
  const [ovf = "", manifest] = await Promise.all(
    files.slice(0, 2).map(async ({ content }) => Buffer.from(await read(content, NO_BLOBS)).toString()),
  );
  assert.equal(manifest, `SHA256(disk.vmdk)= ${digestHex(digest)}\nSHA256(disk.ovf)= ${digestHex(sha256(ovf))}\n`);
  // The whole text of the reference for these sizes.
  assert.equal(digestHex(sha256(ovf)), "451ceb65c6d14f722ec0dbb3740a4838f91e02d09f4136a5d226377b984417dd");
  for (const line of [
    '    <File ovf:href="disk.vmdk" ovf:id="file1" ovf:size="590848"/>',
    '    <OperatingSystemSection ovf:id="101" vmw:osType="other3xLinux64Guest">',
    "        <vssd:VirtualSystemType>vmx-15</vssd:VirtualSystemType>",
  ]) {
    assert.ok(ovf.split("\n").includes(line), line);
  }
  assert.match(ovf, /ovf:capacity="8192" ovf:capacityAllocationUnits="byte \* 2\^20"/);
});
