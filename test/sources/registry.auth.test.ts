import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { MediaType } from "../../src/formats/oci/index.ts";
import type { RegistryCredentials } from "../../src/sources/credentials.ts";
import { DEFAULT_LIMITS, SYSTEM_CLOCK } from "../../src/sources/patience.ts";
import { RegistrySource } from "../../src/sources/registry.ts";
import { collect } from "../../src/sources/verify.ts";
import { TestRegistry } from "../support/registry.ts";
import { type Interceptor, serveRegistry } from "../support/registry-server.ts";

const content = { bytes: Buffer.from("layer bytes") };
const blob = { mediaType: MediaType.ociLayer, digest: sha256(content.bytes), size: content.bytes.length };
const anna: RegistryCredentials = { $case: "password", username: "anna", password: "se:cret" };
const basic = `Basic ${Buffer.from("anna:se:cret").toString("base64")}`;
const identity: RegistryCredentials = { $case: "identity-token", token: "refresh+me" };
const limits = { ...DEFAULT_LIMITS, attempts: 2, firstPauseMs: 1 };

function filled(): TestRegistry {
  const registry = new TestRegistry();
  registry.release("a/b", "v1", [content]);
  registry.release("c", "v1", [content]);
  return registry;
}

/** Answers 401 with a challenge unless the request carries one of `accepted`. */
function wants(challenge: (host: string) => string, accepted: () => readonly string[]): Interceptor {
  return (request, response) => {
    if (accepted().includes(request.headers.authorization ?? "")) return false;
    response.writeHead(401, { "www-authenticate": challenge(request.headers.host ?? "") }).end("{}");
    return true;
  };
}

/** A registry whose token service is at /token of itself; `issue` says what it answers. */
function tokens(
  issue: (count: number, request: IncomingMessage) => object,
  accepted: () => readonly string[],
): Interceptor {
  let count = 0;
  const guard = wants((host) => `Bearer realm="http://u:p@${host}/token?x=1",service="s"`, accepted);
  return (request, response) => {
    if (!request.url!.startsWith("/token")) return guard(request, response);
    response.end(JSON.stringify(issue(count++, request)));
    return true;
  };
}

test("Basic is sent when asked for, remembered, and to the registry alone", async () => {
  await using storage = await serveRegistry(filled(), (_request, response) => {
    response.end(content.bytes);
    return true;
  });
  const guard = wants(
    () => 'Basic realm="r"',
    () => [basic],
  );
  await using server = await serveRegistry(filled(), (request, response) => {
    if (guard(request, response)) return true;
    if (!request.url!.includes("/blobs/")) return false;
    response.writeHead(307, { location: storage.base }).end();
    return true;
  });
  const source = new RegistrySource({ base: server.base, credentials: anna });
  await source.resolve("a/b", "v1");
  await source.resolve("c", "v1");
  await collect(source.blob("a/b", blob), 100, "x");
  const sent = server.seen.map(({ authorization }) => authorization);
  assert.deepEqual(sent, [undefined, basic, basic, basic]);
  assert.deepEqual(storage.seen, [{ url: "/", authorization: undefined }]);
});

test("credentials that are refused, or of the wrong kind, are denied after one try and not named", async () => {
  for (const credentials of [anna, identity]) {
    await using server = await serveRegistry(
      filled(),
      wants(
        () => 'Basic realm="r"',
        () => [],
      ),
    );
    const source = new RegistrySource({ base: server.base, credentials });
    await assert.rejects(source.resolve("a/b", "v1"), (error: Error & { code: string }) => {
      assert.equal(error.code, "denied");
      assert.doesNotMatch(JSON.stringify([error.message, error.stack]), /anna|cret|refresh|Basic /);
      return true;
    });
    assert.ok(server.seen.length <= 2);
  }
});

test("a token is asked for with Basic, once per scope, and also by those who ask at the same time", async () => {
  await using server = await serveRegistry(
    filled(),
    tokens(
      () => ({ token: "t" }),
      () => ["Bearer t"],
    ),
  );
  const source = new RegistrySource({ base: server.base, credentials: anna });
  await Promise.all([source.resolve("a/b", "v1"), source.tags("a/b"), source.resolve("a/b", "v1")]);
  await source.resolve("a/b", "v1");
  await source.resolve("c", "v1");
  const asked = server.seen.filter(({ url }) => url.startsWith("/token"));
  assert.deepEqual(asked, [
    { url: "/token?x=1&service=s&scope=repository%3Aa%2Fb%3Apull", authorization: basic },
    { url: "/token?x=1&service=s&scope=repository%3Ac%3Apull", authorization: basic },
  ]);
});

test("tokens end: by their time, at least a minute, and when the registry says so", async () => {
  let now = 0;
  const issued: string[] = [];
  let accepting = true;
  await using server = await serveRegistry(
    filled(),
    tokens(
      (count) => {
        issued.push(`Bearer t${count}`);
        return { access_token: `t${count}`, expires_in: [1, 1000, 1e9, "x"][count] };
      },
      () => (accepting ? issued.slice(-1) : []),
    ),
  );
  const source = new RegistrySource({ base: server.base, clock: { ...SYSTEM_CLOCK, now: () => now } });
  const askAt = async (seconds: number): Promise<number> => {
    now = seconds * 1000;
    await source.resolve("a/b", "v1");
    return issued.length;
  };
  assert.deepEqual([await askAt(0), await askAt(53), await askAt(55)], [1, 1, 2]);
  assert.deepEqual([await askAt(900), await askAt(960)], [2, 3]);
  assert.deepEqual([await askAt(960 + 77_000), await askAt(960 + 78_000)], [3, 4]);
  accepting = false;
  await assert.rejects(askAt(79_000), { code: "denied" });
  accepting = true;
  assert.equal(await askAt(79_001), 5);
});

test("an identity token is exchanged by POST, which follows no redirect", async () => {
  const forms: string[] = [];
  await using server = await serveRegistry(
    filled(),
    tokens(
      (_count, request) => {
        forms.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
        request.on("data", (text) => forms.push(text.toString()));
        return { access_token: "t" };
      },
      () => ["Bearer t"],
    ),
  );
  await new RegistrySource({ base: server.base, credentials: identity }).resolve("a/b", "v1");
  assert.deepEqual(forms, [
    "POST /token?x=1 application/x-www-form-urlencoded",
    "service=s&scope=repository%3Aa%2Fb%3Apull&grant_type=refresh_token&client_id=image-foundry&refresh_token=refresh%2Bme",
  ]);

  const thief = await serveRegistry(filled());
  await using _thief = thief;
  const challenge = wants(
    (host) => `Bearer realm="http://${host}/token"`,
    () => [],
  );
  await using moved = await serveRegistry(filled(), (request, response) => {
    if (!request.url!.startsWith("/token")) return challenge(request, response);
    response.writeHead(307, { location: `${thief.base}/token` }).end();
    return true;
  });
  const source = new RegistrySource({ base: moved.base, credentials: identity });
  await assert.rejects(source.resolve("a/b", "v1"), { code: "unreachable" });
  assert.deepEqual(thief.seen, []);
});

test("a redirected token request loses its credentials, and a host we were sent to cannot ask for them", async () => {
  await using thief = await serveRegistry(filled(), (request, response) => {
    const host = request.headers.host;
    const challenge = `Bearer realm="http://${host}/token", Basic realm="r"`;
    if (request.url!.startsWith("/token")) response.end(`{"token":"t"}`);
    else response.writeHead(401, { "www-authenticate": challenge }).end();
    return true;
  });
  const guard = wants(
    (host) => `Bearer realm="http://${host}/token"`,
    () => ["Bearer t"],
  );
  await using server = await serveRegistry(filled(), (request, response) => {
    if (request.url!.startsWith("/token")) {
      response.writeHead(302, { location: `${thief.base}/token` }).end();
      return true;
    }
    if (guard(request, response)) return true;
    if (!request.url!.includes("/blobs/")) return false;
    response.writeHead(302, { location: `http://user:word@${thief.base.slice(7)}/blob` }).end();
    return true;
  });
  const source = new RegistrySource({ base: server.base, credentials: anna });
  await source.resolve("a/b", "v1");
  await assert.rejects(collect(source.blob("a/b", blob), 100, "x"), { code: "denied" });
  assert.deepEqual(thief.seen, [
    { url: "/token", authorization: undefined },
    { url: "/blob", authorization: undefined },
  ]);
});

test("a token service that fails is unreachable or denies; it never means that an image is not there", async () => {
  const rows = [
    [404, "unreachable", 1],
    [401, "denied", 1],
    [403, "denied", 1],
    [503, "unreachable", 2],
  ] as const;
  for (const [status, code, asked] of rows) {
    const challenge = wants(
      (host) => `Bearer realm="http://${host}/token"`,
      () => [],
    );
    await using server = await serveRegistry(filled(), (request, response) => {
      if (!request.url!.startsWith("/token")) return challenge(request, response);
      response.writeHead(status).end();
      return true;
    });
    const source = new RegistrySource({ base: server.base, credentials: anna, limits });
    await assert.rejects(source.resolve("a/b", "v1"), { code }, String(status));
    assert.equal(server.seen.filter(({ url }) => url === "/token?scope=repository%3Aa%2Fb%3Apull").length, asked);
  }
});

test("a token answer that is no JSON is not quoted", async () => {
  const challenge = wants(
    (host) => `Bearer realm="http://${host}/token"`,
    () => [],
  );
  await using server = await serveRegistry(filled(), (request, response) => {
    if (!request.url!.startsWith("/token")) return challenge(request, response);
    response.end(`{"token": secret-token}`);
    return true;
  });
  const source = new RegistrySource({ base: server.base, limits });
  await assert.rejects(source.resolve("a/b", "v1"), { code: "malformed", message: "token: not a JSON document" });
});
