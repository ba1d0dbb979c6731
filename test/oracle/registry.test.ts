import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Digest } from "../../src/bytes/digest.ts";
import { parseConfig } from "../../src/server/config.ts";
import { startServer } from "../../src/server/serve.ts";
import {
  DEFAULT_LIMITS,
  openImage,
  openSource,
  parseDockerConfig,
  RegistrySource,
  type SourceSpec,
} from "../../src/sources/index.ts";
import { publicKeyPolicy } from "../../src/sources/trust/index.ts";
import { collect } from "../../src/sources/verify.ts";
import { type DockerRegistry, dockerRegistry, pushAll } from "../support/docker-registry.ts";
import { faultProxy } from "../support/fault-proxy.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freshKey, pemOf, TestRegistry } from "../support/registry.ts";
import { addTinyRelease, BOOT_FILES, VERSION } from "../support/release.ts";
import { postSchematic } from "../support/server.ts";

const IMAGER = "siderolabs/imager";
const USER = "anna";
const PASSWORD = "se:cret ä";
const key = freshKey();
const policy = publicKeyPolicy([pemOf(key)]);
const limits = { ...DEFAULT_LIMITS, attempts: 2, firstPauseMs: 1 };

/** Everything a factory would pull of an image: tags, signature, index, manifest, layers. */
async function pull(spec: SourceSpec, registry: TestRegistry): Promise<void> {
  const source = openSource(spec);
  assert.deepEqual(await source.tags("siderolabs/overlays"), [...tagsOf(registry, "siderolabs/overlays")].sort());
  const platform = { os: "linux", architecture: "amd64" };
  const image = await openImage({ source, policy, repository: IMAGER, reference: VERSION, platform });
  assert.equal(image.digest, registry.names.get(`${IMAGER}:${VERSION}`)!.digest);
  for (const layer of image.layers) {
    const bytes = await collect(source.blob(IMAGER, layer), layer.size, "layer");
    assert.ok(Buffer.from(bytes).equals(registry.blobs.get(layer.digest)!));
  }
  await assert.rejects(source.resolve(IMAGER, "v0.0.0"), { code: "not_found" });
  await assert.rejects(source.tags("siderolabs/none"), { code: "not_found" });
  const none = { mediaType: "x", digest: `sha256:${"0".repeat(64)}` as Digest, size: 1 };
  await assert.rejects(collect(source.blob(IMAGER, none), 1, "x"), { code: "not_found" });
}

function tagsOf(registry: TestRegistry, repository: string): readonly string[] {
  const prefix = `${repository}:`;
  return [...registry.names.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

function openssl(folder: string, ...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
}

/** A certificate authority, a certificate of it for 127.0.0.1, and one that signs tokens. */
function makeCertificates(folder: string): void {
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(folder, "req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2");
  const address = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"];
  const authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"];
  openssl(
    folder,
    "req",
    "-x509",
    ...ec,
    "-keyout",
    "tls.key",
    "-out",
    "tls.pem",
    "-subj",
    "/CN=r",
    ...address,
    ...authority,
  );
  const rsa = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tokens", "-days", "2"];
  openssl(folder, "req", "-x509", ...rsa, "-keyout", "token.key", "-out", "token.pem");
}

/** A token service as the registry's documentation describes it ("token authentication"): JWTs for who knows the password. */
async function tokenService(folder: string, basic: string) {
  const seen: string[] = [];
  const certificate = new X509Certificate(readFileSync(join(folder, "token.pem")));
  const privateKey = createPrivateKey(readFileSync(join(folder, "token.key")));
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const jwt = (name: string): string => {
    const now = Math.floor(Date.now() / 1000);
    const access = [{ type: "repository", name, actions: ["pull"] }];
    const claims = { iss: "test", aud: "test", sub: USER, iat: now, nbf: now - 60, exp: now + 300, jti: "1", access };
    const header = { typ: "JWT", alg: "RS256", x5c: [certificate.raw.toString("base64")] };
    const text = `${encode(header)}.${encode(claims)}`;
    return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
  };
  return await listening((request, response) => {
    const url = new URL(request.url ?? "", "http://loopback");
    seen.push(url.search);
    const name = /^repository:(.+):pull$/.exec(url.searchParams.get("scope") ?? "")?.[1];
    if (request.headers.authorization !== basic || name === undefined) response.writeHead(401).end();
    else response.end(JSON.stringify({ token: jwt(name), expires_in: 300 }));
  }, seen);
}

async function listening(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  seen: readonly string[],
  tls?: { readonly key: Buffer; readonly cert: Buffer },
) {
  const server = tls ? createSecureServer(tls, answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    base: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe("Debian's registry", () => {
  const registry = new TestRegistry();
  let folder: AsyncDisposable & { readonly path: string };
  let plain: DockerRegistry;
  let htpasswd: string;
  let basic: string;
  const inFolder = (name: string): string => join(folder.path, name);

  before(async () => {
    folder = await temporaryFolder();
    await addTinyRelease(registry, key);
    makeCertificates(folder.path);
    htpasswd = inFolder("htpasswd");
    await writeFile(htpasswd, execFileSync("htpasswd", ["-B", "-b", "-n", USER, PASSWORD]));
    await writeFile(inFolder("key.pub"), pemOf(key));
    basic = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;
    plain = await dockerRegistry({ folder: folder.path });
    await pushAll(plain.base, registry);
  });
  after(async () => {
    await plain[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Writes a docker config.json for a registry and gives its path. */
  async function dockerConfig(base: string, password = PASSWORD): Promise<string> {
    const path = inFolder(`config-${new URL(base).port}.json`);
    const auth = Buffer.from(`${USER}:${password}`).toString("base64");
    await writeFile(path, JSON.stringify({ auths: { [new URL(base).host]: { auth } } }));
    return path;
  }

  /** Orders a kernel and an initramfs with an extension from a whole server that is started as from the command line. */
  async function order(name: string, ...args: readonly string[]): Promise<void> {
    const common = ["--public-key", inFolder("key.pub"), "--listen", "127.0.0.1:0", "--log-level", "fatal"];
    const server = await startServer(parseConfig([...common, "--data", inFolder(`data-${name}`), ...args], {}));
    try {
      const extensions = "{ officialExtensions: [siderolabs/alpha] }";
      const id = await postSchematic(server.url, `customization:\n  systemExtensions: ${extensions}\n`);
      const kernel = await fetch(`${server.url}/image/${id}/${VERSION}/kernel-amd64`);
      assert.ok(Buffer.from(await kernel.arrayBuffer()).equals(BOOT_FILES.vmlinuz));
      const initramfs = await fetch(`${server.url}/image/${id}/${VERSION}/initramfs-amd64.xz`);
      assert.equal(initramfs.status, 200);
      const bytes = Buffer.from(await initramfs.arrayBuffer());
      assert.ok(bytes.length > BOOT_FILES["initramfs.xz"].length && bytes.indexOf(BOOT_FILES["initramfs.xz"]) >= 0);
    } finally {
      await server.close(0);
    }
  }

  it("without auth", async () => {
    await pull({ $case: "registry", base: plain.base }, registry);
    await order("plain", "--source", plain.base);
  });

  it("resumes a blob", async () => {
    await using proxy = await faultProxy(plain.base);
    const cut = { $case: "cut", after: 500 } as const;
    proxy.inject(/\/blobs\//, [{ $case: "none" }, cut, { $case: "stall", after: 700 }]);
    await pull(
      { $case: "registry", base: proxy.base, limits: { ...limits, idleMs: 300, progressBytes: 100 } },
      registry,
    );
    const resumed = proxy.seen.filter((line) => / bytes=(500|1200)-$/.test(line));
    assert.equal(resumed.length, 2, proxy.seen.join("\n"));
  });

  it("with htpasswd auth", async () => {
    await using server = await dockerRegistry({ folder: folder.path, htpasswd });
    const { base } = server;
    const file = await dockerConfig(base);
    const credentials = parseDockerConfig(await readFile(file, "utf8"), new URL(base).host);
    await pull({ $case: "registry", base, credentials }, registry);
    await order("htpasswd", "--source", base, "--registry-auth", file);
    await assert.rejects(new RegistrySource({ base }).tags(IMAGER), { code: "denied" });
    const wrong = { $case: "password", username: USER, password: "guess" } as const;
    await assert.rejects(new RegistrySource({ base, credentials: wrong }).tags(IMAGER), { code: "denied" });
  });

  it("with tokens", async () => {
    await using tokens = await tokenService(folder.path, basic);
    const token = { realm: `${tokens.base}/token`, certificate: inFolder("token.pem") };
    await using server = await dockerRegistry({ folder: folder.path, token });
    const { base } = server;
    const credentials = { $case: "password", username: USER, password: PASSWORD } as const;
    const source = new RegistrySource({ base, credentials });
    await source.resolve(IMAGER, VERSION);
    await source.tags(IMAGER);
    assert.deepEqual(tokens.seen, ["?service=test&scope=repository%3Asiderolabs%2Fimager%3Apull"]);
    await order("tokens", "--source", base, "--registry-auth", await dockerConfig(base));
    await assert.rejects(new RegistrySource({ base }).tags(IMAGER), { code: "denied" });
  });

  it("with TLS of an authority of our own", async () => {
    const tls = { certificate: inFolder("tls.pem"), key: inFolder("tls.key") };
    await using server = await dockerRegistry({ folder: folder.path, tls, htpasswd });
    const { base } = server;
    const auth = await dockerConfig(base);
    const credentials = parseDockerConfig(await readFile(auth, "utf8"), new URL(base).host);
    const ca = await readFile(inFolder("ca.pem"), "utf8");
    await pull({ $case: "registry", base, ca, credentials }, registry);
    await order("tls", "--source", base, "--registry-auth", auth, "--registry-ca", inFolder("ca.pem"));

    const from = performance.now();
    const message = new RegExp(`^${base}/v2/siderolabs/imager/tags/list: its certificate is not trusted`);
    await assert.rejects(new RegistrySource({ base, credentials }).tags(IMAGER), { code: "unreachable", message });
    const named = base.replace("127.0.0.1", "localhost");
    await assert.rejects(new RegistrySource({ base: named, ca, credentials }).tags(IMAGER), {
      code: "unreachable",
      message: /its certificate is not trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    });
    assert.ok(performance.now() - from < 3000, "what time does not mend is not tried again");
    const spoken = base.replace("https:", "http:");
    await assert.rejects(new RegistrySource({ base: spoken, credentials, limits }).tags(IMAGER), {
      code: "unreachable",
    });
  });

  it("is not left for plain http", async () => {
    const asked: string[] = [];
    await using plainly = await listening((request, response) => {
      asked.push(request.url ?? "");
      response.end();
    }, asked);
    const tls = { key: await readFile(inFolder("tls.key")), cert: await readFile(inFolder("tls.pem")) };
    const challenge = { "www-authenticate": `Bearer realm="${plainly.base}/token"` };
    await using secure = await listening(
      (request, response) => {
        if (request.url!.includes("/tags/")) response.writeHead(401, challenge).end();
        else response.writeHead(302, { location: `${plainly.base}/x` }).end();
      },
      [],
      tls,
    );
    const ca = await readFile(inFolder("ca.pem"), "utf8");
    const source = new RegistrySource({ base: secure.base, ca });
    await assert.rejects(source.resolve(IMAGER, VERSION), { code: "unreachable", message: /from https to http$/ });
    await assert.rejects(source.tags(IMAGER), { code: "denied" });
    assert.deepEqual(asked, []);
  });
});
