import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { availableVersions, compareVersions, parseTolerant, parseVersion } from "../../src/talos/version.ts";

test("strict versions, with and without v", () => {
  assert.deepEqual(parseVersion("v1.14.0"), { major: 1, minor: 14, patch: 0, tag: "v1.14.0" });
  assert.deepEqual(parseVersion("1.14.0-alpha.1"), {
    major: 1,
    minor: 14,
    patch: 0,
    prerelease: "alpha.1",
    tag: "v1.14.0-alpha.1",
  });
  assert.equal(parseVersion("1.0.0+build").tag, "v1.0.0+build");
});

test("strict versions refuse everything else", () => {
  const wrong = [
    "",
    "v",
    "1",
    "1.11",
    "vv1.2.3",
    "V1.2.3",
    "1.2.3.4",
    "01.2.3",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3 ",
    "latest",
  ];
  for (const text of wrong) assert.throws(() => parseVersion(text), { code: "version_invalid" }, text);
});

/** imager.md 3.1, checked against the reference. */
const TOLERANT: readonly (readonly [string, string | undefined])[] = [
  ["1", "v1.0.0"],
  ["v1.14", "v1.14.0"],
  ["01.09.0", "v1.9.0"],
  [" v1.9.0", "v1.9.0"],
  ["1.14.0+dirty", "v1.14.0+dirty"],
  ["v1.8.0-alpha.0-75-gff08e2821", "v1.8.0-alpha.0-75-gff08e2821"],
  ["v1.14-alpha", undefined],
  ["latest", undefined],
  ["1.2.3.4", undefined],
  ["vv1.9.0", undefined],
  ["V1.9.0", undefined],
  ["v1.14.0-", undefined],
  ["v1.x.0", undefined],
  ["", undefined],
];

test("tolerant versions", () => {
  for (const [text, tag] of TOLERANT) assert.equal(parseTolerant(text)?.tag, tag, text);
});

test("precedence follows semver section 11", () => {
  const ascending = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"];
  const all = [...ascending, "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0"].map(parseVersion);
  const shuffled = [...all].reverse();
  assert.deepEqual(shuffled.sort(compareVersions), all);
  assert.equal(compareVersions(parseVersion("1.0.0+a"), parseVersion("1.0.0+b")), 0);
});

test("any three numbers make a version that reads back", () => {
  const part = fc.nat(10_000);
  fc.assert(
    fc.property(part, part, part, (major, minor, patch) => {
      const version = parseVersion(`${major}.${minor}.${patch}`);
      assert.deepEqual(version, { major, minor, patch, tag: `v${major}.${minor}.${patch}` });
      assert.deepEqual(parseTolerant(version.tag), version);
    }),
  );
});

test("offered versions: minimum, broken ones, prereleases of the newest minor only", () => {
  const tags = [
    "latest",
    "v1.2.0",
    "v1.10.1",
    "v1.9.0",
    "v1.9.0-beta.0",
    "v1.11.0-alpha.0",
    "v1.11.0-alpha.0-12-gabc",
    "v1.11.0-rc.1",
    "v1.10.0",
    "sha256-00.sig",
  ];
  const filter = { min: parseVersion("1.3.0"), broken: [parseVersion("1.10.0")] };
  const offered = availableVersions(tags, filter).map(({ tag }) => tag);
  assert.deepEqual(offered, ["v1.9.0", "v1.10.1", "v1.11.0-alpha.0", "v1.11.0-rc.1"]);
  assert.deepEqual(availableVersions(["latest"], filter), []);
});
