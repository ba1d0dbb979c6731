import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { parseConfig } from "../../src/server/config.ts";
import { completeSource } from "../../src/server/source.ts";
import type { SourceSpec } from "../../src/sources/index.ts";
import { temporaryFolder } from "../support/folder.ts";

const SECRET = "hunter2";
const certificate = rootCertificates[0]!;
const auth = Buffer.from(`anna:${SECRET}`).toString("base64");
const config = JSON.stringify({ auths: { "r.test:5000": { auth } } });

function parse(source: string, ...args: readonly string[]) {
  return parseConfig(["--public-key", "key.pub", "--source", source, ...args], {});
}

test("a registry is an origin; what is wrong with it is not repeated", () => {
  assert.deepEqual(parse("https://R.test:5000/").source, { $case: "registry", base: "https://r.test:5000" });
  assert.deepEqual(parse("http://[::1]").source, { $case: "registry", base: "http://[::1]" });
  for (const text of [
    `https://anna:${SECRET}@r.test`,
    "https://r.test/v2/",
    "https://r.test?x",
    "https://",
    "HTTP://a b",
  ]) {
    assert.throws(() => parse(text), {
      code: "config_invalid",
      message: "--source: a registry is https://host[:port], without user and path",
    });
  }
});

test("credentials and authorities belong to a registry", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "oci-layout"), "{}");
  for (const option of ["--registry-auth", "--registry-ca"]) {
    assert.throws(() => parse(folder.path, option, "file"), { message: `${option}: --source is no registry` });
  }
  assert.deepEqual(await completeSource(parse(folder.path)), { $case: "layout", folder: folder.path });
  const plain: SourceSpec = { $case: "registry", base: "https://r.test" };
  assert.deepEqual(await completeSource(parse("https://r.test")), plain);
});

test("files are read at the start, and become plain data", async () => {
  await using folder = await temporaryFolder();
  const inFolder = (name: string): string => join(folder.path, name);
  await writeFile(inFolder("config.json"), config);
  await writeFile(inFolder("ca.pem"), `# ours\n${certificate}\n${certificate}\n`);
  const options = ["--registry-auth", inFolder("config.json"), "--registry-ca", inFolder("ca.pem")];
  const spec = await completeSource(parse("https://r.test:5000", ...options));
  assert.deepEqual(structuredClone(spec), {
    $case: "registry",
    base: "https://r.test:5000",
    credentials: { $case: "password", username: "anna", password: SECRET },
    ca: `# ours\n${certificate}\n${certificate}\n`,
  });
});

test("files that are not what they should be are refused, and not quoted", async () => {
  await using folder = await temporaryFolder();
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ["--registry-auth", config.replace("r.test:5000", "r.test"), /no credentials for "r.test:5000"$/],
    ["--registry-auth", config.slice(0, -5), /not a JSON document$/],
    ["--registry-auth", `{"auths": {}, "credsStore": "x"}`, /credential helper, which is not supported$/],
    ["--registry-auth", " ".repeat(5 * 1024 * 1024), /more than \d+ bytes$/],
    ["--registry-ca", "", /expected certificates in PEM form$/],
    ["--registry-ca", certificate.replace("MII", "AAA"), /certificate 0 cannot be read$/],
    ["--registry-ca", `-----BEGIN PRIVATE KEY-----\n${SECRET}\n${certificate}`, /holds a private key/],
  ];
  for (const [option, content, message] of rows) {
    const path = join(folder.path, "file");
    await writeFile(path, content);
    await assert.rejects(
      completeSource(parse("https://r.test:5000", option, path)),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "config_invalid");
        assert.ok(error.message.startsWith(`${option}: ${path}: `), error.message);
        assert.match(error.message, message);
        assert.ok(!error.message.includes(SECRET) && !error.message.includes(auth));
        return true;
      },
    );
  }
  await mkdir(join(folder.path, "folder"));
  for (const name of ["none", "folder"]) {
    const parsed = parse("https://r.test:5000", "--registry-auth", join(folder.path, name));
    await assert.rejects(completeSource(parsed), {
      code: "config_invalid",
      message: /^--registry-auth: (ENOENT|EISDIR)/,
    });
  }
});
