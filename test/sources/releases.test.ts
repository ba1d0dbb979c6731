import assert from "node:assert/strict";
import { test } from "node:test";
import { Releases } from "../../src/sources/releases.ts";
import { parseVersion } from "../../src/talos/version.ts";

const filter = { min: parseVersion("1.2.0"), broken: [] };

/** A source whose answers and clock the test turns by hand. */
function setup(answers: readonly (readonly string[] | Error)[]) {
  const state = { asked: 0, now: 0 };
  const source = {
    async tags(repository: string) {
      assert.equal(repository, "x/siderolabs/imager");
      const answer = answers[state.asked++]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const now = () => state.now;
  return { state, releases: new Releases({ source, repository: "x/siderolabs/imager", filter, recheckMs: 1000, now }) };
}

const texts = async (releases: Releases) => (await releases.versions()).map(({ tag }) => tag);

test("versions are kept for the interval, then asked for again", async () => {
  const { state, releases } = setup([["v1.3.0", "junk", "v1.0.0", "v1.2.0"], ["v1.4.0"]]);
  assert.deepEqual(await texts(releases), ["v1.2.0", "v1.3.0"]);
  state.now = 999;
  assert.deepEqual(await texts(releases), ["v1.2.0", "v1.3.0"]);
  assert.equal(state.asked, 1);
  state.now = 1000;
  assert.deepEqual(await texts(releases), ["v1.4.0"]);
});

test("those who ask together share one question", async () => {
  const { state, releases } = setup([["v1.3.0"]]);
  await Promise.all([releases.versions(), releases.versions(), releases.require(parseVersion("v1.3.0"))]);
  assert.equal(state.asked, 1);
});

test("a failure is not kept, and an old list is no answer to it", async () => {
  const { state, releases } = setup([["v1.3.0"], new Error("cable"), ["v1.5.0"]]);
  await releases.versions();
  state.now = 5000;
  await assert.rejects(releases.versions(), /cable/);
  assert.deepEqual(await texts(releases), ["v1.5.0"]);
});

test("a version that is not on offer", async () => {
  const { releases } = setup([["v1.3.0"]]);
  await releases.require(parseVersion("1.3.0"));
  const missing = { code: "version_unavailable", message: "version 1.5.1 is not available" };
  await assert.rejects(releases.require(parseVersion("v1.5.1")), missing);
});

test("a repository without any version offers none", async () => {
  const { releases } = setup([["latest"]]);
  assert.deepEqual(await releases.versions(), []);
});
