import assert from "node:assert/strict";
import { test } from "node:test";
import { isoLabel, isoVolume, isoVolumeId, loaderConf, osRelease, ukiProfiles } from "../../src/talos/boottext.ts";

test("loader.conf", () => {
  const head = "# systemd-boot configuration\n\ntimeout 10\n";
  assert.equal(head.length, 41);
  assert.equal(loaderConf("disk", "off"), head);
  assert.equal(loaderConf("disk", "force"), `${head}\nsecure-boot-enroll force\n`);
  assert.equal(loaderConf("iso", "off"), `${head}\nsecure-boot-enroll off\n`);
});

test("ISO volume names", () => {
  assert.equal(isoLabel("v1.7.6"), "Talos-v1.7.6");
  assert.equal(isoVolume("v1.7.6"), undefined);
  assert.deepEqual(isoVolume("v1.14.0"), { id: "TALOS_V1_14_0", setId: "Talos-v1.14.0" });
  assert.equal(isoVolumeId("Talos-v1.15.0-alpha.0-7-gb914c26"), "TALOS_V1_15_0_ALPHA_0_7_GB914C26");
  assert.equal(isoVolumeId("Talos-éßv1 x"), "TALOS_V1X");
});

test("os-release", () => {
  const text = osRelease("Talos", "v1.14.0");
  assert.equal(text.length, 232);
  assert.match(osRelease("Talos Enterprise", "v1"), /^NAME="Talos Enterprise"\nID=talos_enterprise\nVERSION_ID=v1\n/);
});

test("UKI profiles by output", () => {
  assert.deepEqual(ukiProfiles("iso", "v1.9.5", "a"), []);
  assert.deepEqual(ukiProfiles("uki", "v1.10.0", "a"), [{ profile: "ID=main" }]);
  assert.deepEqual(ukiProfiles("iso", "v1.10.0", "a")[1], {
    profile: "ID=reset\nTITLE=Reset system disk",
    cmdline: "a talos.experimental.wipe=system",
  });
  assert.deepEqual(ukiProfiles("image", "odd", "a")[1], {
    profile: "ID=reset-maintenance\nTITLE=Reset to maintenance mode",
    cmdline: "a talos.experimental.wipe=system:EPHEMERAL,STATE",
  });
});
