import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AssetRequest, outputName, parseAssetPath } from "../../src/talos/assetname.ts";
import { PLATFORMS } from "../../src/talos/platform.ts";
import { assetPath, profileFromPath } from "../../src/talos/profile-names.ts";
import { loadVectors } from "./vectors.ts";

interface Row {
  readonly path: string;
  readonly error?: string;
  readonly kind?: string;
  readonly arch?: string;
  readonly platform?: string;
  readonly secureboot?: boolean;
  readonly diskSize?: number;
  readonly format?: string;
  readonly formatOptions?: string;
  readonly compression?: string;
  readonly name?: string;
}

function described(request: AssetRequest): Partial<Row> {
  const { $case: kind, arch, platform, secureboot } = request;
  if (request.$case !== "image") return { kind, arch, platform, secureboot };
  const { diskSize, format, formatOptions, compression = "" } = request;
  return { kind, arch, platform, secureboot, diskSize, format, formatOptions, compression };
}

test("paths as the reference reads them", () => {
  for (const { path, error, name, ...expected } of loadVectors<Row>("paths")) {
    if (error !== undefined) {
      assert.throws(() => parseAssetPath(path), { message: error }, path);
      continue;
    }
    const request = parseAssetPath(path);
    assert.deepEqual(described(request), expected, path);
    if (name !== undefined) assert.equal(outputName(request), name, path);
  }
});

test("profile names that are no disk are refused, not a crash", () => {
  for (const path of ["iso-amd64.raw", "installer-amd64.raw"]) {
    assert.throws(() => parseAssetPath(path), { code: "path_invalid" }, path);
  }
});

test("names with a platform read back to the same profile", () => {
  const target = fc.record({
    platform: fc.constantFrom(...PLATFORMS),
    arch: fc.constantFrom("amd64", "arm64"),
    secureboot: fc.boolean(),
  });
  const ending = fc.constantFrom(".iso", "-uki.efi", ".raw", ".raw.xz", ".raw.tar.gz", ".qcow2.zst", ".vhd.gz", ".ova");
  fc.assert(
    fc.property(target, ending, ({ platform, arch, secureboot }, suffix) => {
      const path = `${platform}-${arch}${secureboot ? "-secureboot" : ""}${suffix}`;
      const profile = profileFromPath(path);
      assert.equal(assetPath(profile), path);
      assert.deepEqual(profileFromPath(assetPath(profile)), profile);
    }),
  );
});
