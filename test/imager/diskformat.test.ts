import assert from "node:assert/strict";
import { test } from "node:test";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { type DiskFormat, diskFormatOf } from "../../src/imager/diskformat.ts";
import type { ImageOptions } from "../../src/talos/profile.ts";
import { IMAGE_OPTIONS } from "../../src/talos/profile-model.ts";

type Format = ImageOptions["diskFormat"];

function parse(diskFormat: Format, diskFormatOptions: string): DiskFormat {
  return diskFormatOf({ ...IMAGE_OPTIONS.zero, diskFormat, diskFormatOptions });
}

test("options are read as qemu-img reads them", () => {
  const qcow2 = (clusterBytes: number): DiskFormat => ({ $case: "qcow2", clusterBytes });
  const vhd = (subformat: "fixed" | "dynamic", forceSize: boolean): DiskFormat => ({
    $case: "vhd",
    subformat,
    forceSize,
  });
  const vectors: readonly (readonly [Format, string, DiskFormat])[] = [
    ["raw", "", { $case: "raw" }],
    ["raw", "anything=1", { $case: "raw" }],
    ["ova", "subformat=fixed", { $case: "ova" }],
    ["qcow2", "", qcow2(64 * KiB)],
    ["qcow2", "cluster_size=8k", qcow2(8 * KiB)],
    ["qcow2", "cluster_size=8K,", qcow2(8 * KiB)],
    ["qcow2", "cluster_size=512", qcow2(512)],
    ["qcow2", "cluster_size=4096b", qcow2(4096)],
    ["qcow2", "cluster_size=2M", qcow2(2 * MiB)],
    ["qcow2", "cluster_size=4k,cluster_size=8k", qcow2(8 * KiB)],
    ["vhd", "", vhd("dynamic", false)],
    ["vhd", "subformat=fixed", vhd("fixed", false)],
    ["vhd", "subformat=fixed,force_size", vhd("fixed", true)],
    ["vhd", "force_size=on,subformat=dynamic", vhd("dynamic", true)],
    ["vhd", "subformat=fixed,force_size=off", vhd("fixed", false)],
  ];
  for (const [format, options, expected] of vectors) assert.deepEqual(parse(format, options), expected, options);
});

test("unknown formats, options and values are refused by name", () => {
  const vectors: readonly (readonly [Format, string, RegExp])[] = [
    ["unknown", "", /^imageOptions\.diskFormat: unknown /],
    ["qcow2", "bogus=1", /"bogus" is not one of cluster_size$/],
    ["qcow2", "subformat=fixed,force_size", /"subformat" is not one of cluster_size$/],
    ["qcow2", ",", /"" is not one of/],
    ["qcow2", "cluster_size=8k,,", /"" is not one of/],
    ["qcow2", "=8k", /"" is not one of/],
    ["qcow2", " cluster_size=8k", /" cluster_size" is not one of/],
    ["qcow2", "__proto__=1", /"__proto__" is not one of/],
    ["qcow2", "cluster_size", /cluster_size: "on" is not/],
    ["qcow2", "cluster_size=", /cluster_size: "" is not/],
    ["qcow2", "cluster_size=8kb", /cluster_size: "8kb" is not/],
    ["qcow2", "cluster_size=-8k", /cluster_size: "-8k" is not/],
    ["qcow2", "cluster_size=1e3", /cluster_size: "1e3" is not/],
    ["qcow2", "cluster_size=3k", /cluster_size: "3k" is not/],
    ["qcow2", "cluster_size=4M", /cluster_size: "4M" is not/],
    ["qcow2", "cluster_size=99999999999999999999", /cluster_size: .* is not/],
    ["qcow2", `cluster_size=${"9".repeat(100_000)}`, /^.{0,200}$/],
    ["qcow2", "x".repeat(100_000), /^.{0,200}$/],
    ["vhd", "cluster_size=8k", /"cluster_size" is not one of subformat, force_size$/],
    ["vhd", "subformat=differencing", /subformat: "differencing" is not one of dynamic, fixed$/],
    ["vhd", "subformat", /subformat: "on" is not one of/],
    ["vhd", "force_size=maybe", /force_size: "maybe" is neither on nor off$/],
  ];
  for (const [format, options, message] of vectors) {
    assert.throws(() => parse(format, options), { code: "disk_format_invalid", message }, options.slice(0, 80));
  }
});
