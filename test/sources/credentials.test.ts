import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDockerConfig, type RegistryCredentials } from "../../src/sources/credentials.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const anna: RegistryCredentials = { $case: "password", username: "anna", password: "se:cret" };
const token: RegistryCredentials = { $case: "identity-token", token: "t0ken" };

test("credentials are found in every form docker writes", () => {
  const rows: readonly (readonly [unknown, RegistryCredentials])[] = [
    [{ auths: { "r.test": { auth: base64("anna:se:cret") } } }, anna],
    [{ auths: { "r.test": { auth: base64("anna:se:cret\0\0") } } }, anna],
    [{ auths: { "r.test": { username: "anna", password: "se:cret" } } }, anna],
    [{ auths: { "https://R.test/v1/": { auth: base64("anna:se:cret") } } }, anna],
    [{ auths: { "other.test": {}, "https://r.test": { auth: base64("anna:se:cret"), email: "x" } } }, anna],
    [{ auths: { "r.test": { auth: base64("0:"), identitytoken: "t0ken" } } }, token],
    [{ auths: { "r.test": { auth: base64("anna:se:cret") } }, credsStore: "desktop" }, anna],
    [{ auths: { "r.test": { auth: base64("ä:ö") } } }, { $case: "password", username: "ä", password: "ö" }],
    [{ auths: { "r.test": { auth: base64("anna:se:cret") } }, credHelpers: { "other.test": "gcloud" } }, anna],
  ];
  for (const [document, expected] of rows) {
    assert.deepEqual(parseDockerConfig(JSON.stringify(document), "r.test"), expected, JSON.stringify(document));
  }
  assert.deepEqual(parseDockerConfig(JSON.stringify({ auths: { "[::1]:5000": anna } }), "[::1]:5000"), anna);
});

test("files without credentials for the host are refused, and say nothing of what is in them", () => {
  const secret = "hunter2";
  const rows: readonly (readonly [string, RegExp])[] = [
    [`{"auths": "${secret}`, /^not a JSON document$/],
    [`["${secret}"]`, /^document: expected an object$/],
    ["null", /^no credentials for "r.test"$/],
    ["{}", /^no credentials for "r.test"$/],
    [`{"auths": "${secret}"}`, /^auths: expected an object$/],
    [`{"auths": {"r.test": "${secret}"}}`, /^auths\["r.test"\]: expected an object$/],
    [`{"auths": {"r.test": {}}}`, /holds no credentials$/],
    [`{"auths": {"r.test": {"username": "anna"}}}`, /holds no credentials$/],
    [`{"auths": {"r.test": {"auth": "${secret}!"}}}`, /\.auth: expected base64 of username:password$/],
    [`{"auths": {"r.test": {"auth": "${base64(secret)}"}}}`, /\.auth: expected base64 of username:password$/],
    [`{"auths": {"r.test": {"auth": 7}}}`, /\.auth: expected text/],
    [`{"auths": {"r.test": {"identitytoken": "${secret}\\r\\nx: y"}}}`, /identitytoken: expected text/],
    [`{"auths": {"r.test": {"username": "a:b", "password": "${secret}"}}}`, /holds a colon$/],
    [`{"auths": {"r.test/team": {"auth": "${base64(`a:${secret}`)}"}}}`, /^no credentials for "r.test"$/],
    [`{"auths": {"r.test:5000": {"auth": "${base64(`a:${secret}`)}"}}}`, /^no credentials for "r.test"$/],
    [`{"auths": {"r.test": {}}, "credsStore": "desktop"}`, /kept by a credential helper, which is not supported$/],
    [`{"credsStore": "desktop"}`, /kept by a credential helper, which is not supported$/],
    [
      `{"auths": {"r.test": {"auth": "${base64(`a:${secret}`)}"}}, "credHelpers": {"r.test": "gcloud"}}`,
      /kept by a credential helper, which is not supported$/,
    ],
  ];
  for (const [text, message] of rows) {
    const wrong = (error: Error & { code: string }): boolean => {
      assert.equal(error.code, "malformed");
      assert.match(error.message, message, text);
      assert.ok(!error.message.includes(secret) && error.cause === undefined, text);
      return true;
    };
    assert.throws(() => parseDockerConfig(text, "r.test"), wrong, text);
  }
  assert.throws(() => parseDockerConfig("{}", "__proto__"), { code: "malformed" });
  assert.throws(() => parseDockerConfig(`{"auths": {}}`, "constructor"), { code: "malformed" });
});

test("any names and passwords come back", () => {
  const plain = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !/[\0-\x1f\x7f]/.test(text));
  const property = fc.property(
    plain.filter((text) => !text.includes(":")),
    plain,
    (username, password) => {
      const json = JSON.stringify({ auths: { "r.test": { auth: base64(`${username}:${password}`) } } });
      assert.deepEqual(parseDockerConfig(json, "r.test"), { $case: "password", username, password });
    },
  );
  fc.assert(property);
});
