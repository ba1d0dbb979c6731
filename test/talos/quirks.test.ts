import assert from "node:assert/strict";
import { test } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { type Quirks, quirks } from "../../src/talos/quirks.ts";
import { parseTolerant } from "../../src/talos/version.ts";

type Flag = { [K in keyof Quirks]: Quirks[K] extends boolean ? K : never }[keyof Quirks];

/** Last release where it is off, first where it is on, and what it is for an unset version (imager.md 3.2). */
const SINCE: readonly (readonly [Flag, off: string, on: string, unset: boolean])[] = [
  ["supportsResetGrubOption", "1.3.7", "1.4.0", true],
  ["supportsUKI", "1.4.8", "1.5.0-alpha.0", true],
  ["supportsMultidoc", "1.4.8", "1.5.0", true],
  ["supportsCompressedEncodedMeta", "1.6.2", "1.6.3", true],
  ["supportsOverlay", "1.6.8", "1.7.0", true],
  ["useZstdCompression", "1.7.7", "1.8.0", true],
  ["supportsISOLabel", "1.7.7", "1.8.0", true],
  ["supportsHaltIfInstalled", "1.7.7", "1.8.0", true],
  ["skipDataPartitions", "1.7.7", "1.8.0", true],
  ["supportsSELinux", "1.9.9", "1.10.0", true],
  ["useSDBootForUEFI", "1.9.9", "1.10.0", false],
  ["supportsUKIProfiles", "1.9.9", "1.10.0", true],
  ["supportsUnifiedInstaller", "1.9.9", "1.10.0", true],
  ["supportsTalosctlDownload", "1.10.9", "1.11.0-alpha.0", true],
  ["supportsEmbeddedConfig", "1.11.9", "1.12.0", true],
  ["enforcesModuleSignatures", "1.11.9", "1.12.0", true],
  ["isoSupportsSettingBootloader", "1.11.9", "1.12.0", true],
  ["procMemOverrideNever", "1.12.9", "1.13.0", true],
  ["dropInitOnAlloc", "1.13.9", "1.14.0", true],
  ["nvmeTimeoutOnAWSOnly", "1.13.9", "1.14.0-alpha.0", true],
];
const BEFORE: readonly (readonly [Flag, on: string, off: string])[] = [
  ["metalConsoleTTYS0", "1.7.7", "1.8.0"],
  ["supportsIMA", "1.10.99", "1.10.100"],
  ["forcesLockdownConfidentiality", "1.13.9", "1.14.0"],
];

const at = (version: string): Quirks => quirks(parseTolerant(version));

test("each quirk changes at its release", () => {
  for (const [flag, off, on, unset] of SINCE) {
    assert.deepEqual([at(off)[flag], at(on)[flag], quirks(undefined)[flag]], [false, true, unset], flag);
  }
  for (const [flag, on, off] of BEFORE) {
    assert.deepEqual([at(on)[flag], at(off)[flag], quirks(undefined)[flag]], [true, false, false], flag);
  }
});

test("paths, sizes and XFS features", () => {
  assert.equal(at("1.9.5").kernelModulesPath, "/lib/modules");
  assert.equal(at("1.10.0").firmwarePath, "/usr/lib/firmware");
  assert.equal(at("1.10.7").partitionSizes.ukiEFI, 1101 * MiB);
  assert.equal(at("1.11.0").partitionSizes.ukiEFI, 2101 * MiB);
  assert.equal(quirks(undefined).partitionSizes.boot, 2000 * MiB);
  const series = ["1.7.0", "1.8.0", "1.9.9", "1.10.0", "1.12.9", "1.13.0", "latest"].map((v) => at(v).xfsConfig);
  assert.deepEqual(series, ["lts_6.1", "lts_6.6", "lts_6.6", "lts_6.12", "lts_6.12", "lts_6.18", "lts_6.18"]);
});
