import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../src/bytes/digest.ts";
import { MediaType } from "../../src/formats/oci/index.ts";
import { parseChallenges } from "../../src/sources/challenge.ts";
import { DEFAULT_LIMITS } from "../../src/sources/patience.ts";
import { RegistrySource } from "../../src/sources/registry.ts";
import { collect } from "../../src/sources/verify.ts";
import { TestRegistry } from "../support/registry.ts";
import { type Interceptor, serveRegistry } from "../support/registry-server.ts";

const content = { bytes: Buffer.from("layer bytes") };
const blob = { mediaType: MediaType.ociLayer, digest: sha256(content.bytes), size: content.bytes.length };

/** Failures come at once. */
const once = { ...DEFAULT_LIMITS, attempts: 1 };

function filled(): TestRegistry {
  const registry = new TestRegistry();
  registry.release("a/b", "v1", [content]);
  return registry;
}

/** Wants `token` on everything below /v2/ and gives it out at /token. */
function guarded(token: string, form: "token" | "access_token" = "token"): Interceptor {
  return (request, response) => {
    const { host } = request.headers;
    if (request.url!.startsWith("/token")) {
      response.end(JSON.stringify({ [form]: token }));
      return true;
    }
    if (request.headers.authorization === `Bearer ${token}`) return false;
    const challenge = `Bearer realm="http://${host}/token",service="test \\"q\\"",scope="repository:a/b:pull"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
    return true;
  };
}

test("an anonymous token is fetched once and used from then on", async () => {
  for (const form of ["token", "access_token"] as const) {
    await using server = await serveRegistry(filled(), guarded("t0ken", form));
    const source = new RegistrySource({ base: server.base });
    await source.resolve("a/b", "v1");
    await source.tags("a/b");
    const tokens = server.seen.filter(({ url }) => url.startsWith("/token"));
    assert.deepEqual(tokens, [
      { url: "/token?service=test+%22q%22&scope=repository%3Aa%2Fb%3Apull", authorization: undefined },
    ]);
    assert.deepEqual(
      server.seen.slice(2).map(({ authorization }) => authorization),
      ["Bearer t0ken", "Bearer t0ken"],
    );
  }
});

test("a registry that wants more than a token denies", async () => {
  const challenges = ['Basic realm="x"', "", 'Bearer realm="not a url"', 'Bearer realm="file:///etc/passwd"', "Bearer"];
  for (const challenge of challenges) {
    await using server = await serveRegistry(filled(), (_request, response) => {
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    });
    await assert.rejects(new RegistrySource({ base: server.base }).resolve("a/b", "v1"), { code: "denied" }, challenge);
  }
});

test("a token that is not accepted is not asked for again and again", async () => {
  await using server = await serveRegistry(filled(), (request, response) => {
    if (request.url!.startsWith("/token")) response.end(`{"token":"x"}`);
    else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
    return true;
  });
  await assert.rejects(new RegistrySource({ base: server.base }).resolve("a/b", "v1"), { code: "denied" });
  assert.equal(server.seen.length, 3);
});

test("a token with a line break or of another type is malformed", async () => {
  for (const answer of [`{"token":"a\\r\\nx: y"}`, `{"token":1}`, "[]", "null", "{"]) {
    await using server = await serveRegistry(filled(), (request, response) => {
      if (request.url!.startsWith("/token")) response.end(answer);
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
      return true;
    });
    await assert.rejects(new RegistrySource({ base: server.base }).resolve("a/b", "v1"), { code: "malformed" }, answer);
  }
});

test("a redirect to another origin is followed without the token, and it never comes back", async () => {
  const back = { base: "" };
  await using storage = await serveRegistry(filled(), (request, response) => {
    if (!request.url!.startsWith("/elsewhere")) return false;
    response.writeHead(302, { location: `${back.base}/final` }).end();
    return true;
  });
  const needs = guarded("t0ken");
  await using server = await serveRegistry(filled(), (request, response) => {
    if (request.url === "/final") {
      response.end(content.bytes);
      return true;
    }
    if (needs(request, response)) return true;
    if (!request.url!.includes("/blobs/")) return false;
    response.writeHead(307, { location: `${storage.base}/elsewhere` }).end();
    return true;
  });
  back.base = server.base;
  const source = new RegistrySource({ base: server.base });
  assert.deepEqual(Buffer.from(await collect(source.blob("a/b", blob), 100, "x")), content.bytes);
  assert.deepEqual(storage.seen, [{ url: "/elsewhere", authorization: undefined }]);
  assert.deepEqual(server.seen.at(-1), { url: "/final", authorization: undefined });
});

test("a redirect within the origin keeps the token", async () => {
  const needs = guarded("t0ken");
  await using server = await serveRegistry(filled(), (request, response) => {
    if (needs(request, response)) return true;
    if (!request.url!.includes("/blobs/")) return false;
    if (request.url!.endsWith("?again")) return false;
    response.writeHead(307, { location: `${request.url}?again` }).end();
    return true;
  });
  const source = new RegistrySource({ base: server.base });
  await collect(source.blob("a/b", blob), 100, "x");
  assert.equal(server.seen.at(-1)?.authorization, "Bearer t0ken");
});

test("endless redirects, redirects to nowhere and to files end", async () => {
  for (const location of ["/v2/again", "file:///etc/passwd", "data:,x", undefined]) {
    await using server = await serveRegistry(filled(), (_request, response) => {
      response.writeHead(302, location === undefined ? {} : { location }).end();
      return true;
    });
    await assert.rejects(new RegistrySource({ base: server.base }).tags("a/b"), { code: "unreachable" }, location);
    assert.ok(server.seen.length <= 6);
  }
});

test("failures of the registry have their codes", async () => {
  const rows = [
    [404, "not_found"],
    [403, "denied"],
    [429, "unreachable"],
    [500, "unreachable"],
    [206, "unreachable"],
  ] as const;
  for (const [status, code] of rows) {
    await using server = await serveRegistry(filled(), (_request, response) => {
      response.writeHead(status).end();
      return true;
    });
    const source = new RegistrySource({ base: server.base, limits: once });
    await assert.rejects(source.resolve("a/b", "v1"), { code }, String(status));
  }
  const nobody = new RegistrySource({ base: "http://127.0.0.1:1", limits: once });
  await assert.rejects(nobody.tags("a/b"), {
    code: "unreachable",
    message: "http://127.0.0.1:1/v2/a/b/tags/list: ECONNREFUSED; attempt 1 was the last",
  });
});

test("a silent registry is given up, before and within the body", async () => {
  const limits = { ...DEFAULT_LIMITS, headMs: 100, idleMs: 100, attempts: 1 };
  for (const begin of [false, true]) {
    await using server = await serveRegistry(filled(), (_request, response) => {
      if (begin) response.writeHead(200, { "content-length": "11" }).write("layer");
      return true;
    });
    const source = new RegistrySource({ base: server.base, limits });
    await assert.rejects(collect(source.blob("a/b", blob), 100, "x"), { code: "unreachable" });
  }
});

test("a wait ends soon after nobody wants its answer any more, whatever it waits for", async () => {
  const unwanted = new Error("unwanted");
  const registries: readonly Interceptor[] = [
    () => true,
    (_request, response) => {
      response.writeHead(200, { "content-length": "11" }).write("layer");
      return true;
    },
    (_request, response) => {
      response.writeHead(429, { "retry-after": "30" }).end();
      return true;
    },
  ];
  for (const registry of registries) {
    await using server = await serveRegistry(filled(), registry);
    const from = performance.now();
    const checkpoint = (): void => {
      if (performance.now() - from > 100) throw unwanted;
    };
    const source = new RegistrySource({ base: server.base, checkpoint });
    await assert.rejects(collect(source.blob("a/b", blob), 100, "x"), (thrown) => thrown === unwanted);
    assert.ok(performance.now() - from < 5000);
  }
});

test("a slow receiver is not taken for a silent registry", async () => {
  const bytes = Buffer.alloc(4_000_000, 1);
  const registry = new TestRegistry();
  const big = registry.put(bytes, MediaType.ociLayer);
  await using server = await serveRegistry(registry);
  const source = new RegistrySource({ base: server.base, limits: { ...DEFAULT_LIMITS, idleMs: 50 } });
  let size = 0;
  for await (const chunk of source.blob("a/b", big)) {
    if (size === 0) await new Promise((resolve) => setTimeout(resolve, 150));
    size += chunk.length;
  }
  assert.equal(size, bytes.length);
});

test("answers that are no manifests are malformed, a lying digest header is a mismatch", async () => {
  const answers = [
    [{ "content-type": "text/html" }, "malformed"],
    [{}, "malformed"],
    [{ "content-type": MediaType.ociIndex, "docker-content-digest": sha256("other") }, "digest_mismatch"],
  ] as const;
  for (const [headers, code] of answers) {
    await using server = await serveRegistry(filled(), (_request, response) => {
      response.writeHead(200, headers).end("{}");
      return true;
    });
    await assert.rejects(new RegistrySource({ base: server.base }).resolve("a/b", "v1"), { code });
  }
});

test("lists of tags are bounded", async () => {
  const rows = [
    [`{"tags":[1]}`, "", "malformed"],
    [`{"tags":"x"}`, "", "malformed"],
    [`<html>`, "", "malformed"],
    [`{"tags":["a"]}`, `</v2/a/b/tags/list?last=a>; rel="next"`, "too_large"],
    [`{"tags":[${Array(99_999).fill('"a"').join()}]}`, `<?x=1>; rel=next`, "too_large"],
    [`{"tags":["${"a".repeat(5_000_000)}"]}`, "", "too_large"],
  ] as const;
  for (const [body, link, code] of rows) {
    await using server = await serveRegistry(filled(), (_request, response) => {
      response.writeHead(200, link === "" ? {} : { link }).end(body);
      return true;
    });
    await assert.rejects(new RegistrySource({ base: server.base }).tags("a/b"), { code });
  }
});

test("a link to another host stays with the registry that was asked", async () => {
  await using server = await serveRegistry(filled(), (request, response) => {
    const link = `<http://evil.test/v2/x/tags/list?last=a>; rel="next"`;
    const first = !request.url!.includes("last=");
    response.writeHead(200, first ? { link } : {}).end(`{"tags":${first ? '["a"]' : "null"}}`);
    return true;
  });
  assert.deepEqual(await new RegistrySource({ base: server.base }).tags("a/b"), ["a"]);
  assert.equal(server.seen.at(-1)?.url, "/v2/a/b/tags/list?last=a");
});

test("a manifest without end is cut off", async () => {
  await using server = await serveRegistry(filled(), (_request, response) => {
    response.writeHead(200, { "content-type": MediaType.ociManifest }).end(Buffer.alloc(5_000_000, 32));
    return true;
  });
  const source = new RegistrySource({ base: server.base });
  await assert.rejects(source.manifest("a/b", sha256("x")), { code: "too_large" });
});

test("challenges", () => {
  const read = (header: string) => parseChallenges(header).map((c) => [c.scheme, Object.fromEntries(c.parameters)]);
  const rows: readonly (readonly [string, unknown])[] = [
    ['Bearer realm="https://a.test/t",service=x', [["bearer", { realm: "https://a.test/t", service: "x" }]]],
    [
      'Basic realm="a, b", Bearer Realm = "c"',
      [
        ["basic", { realm: "a, b" }],
        ["bearer", { realm: "c" }],
      ],
    ],
    ["Negotiate", [["negotiate", {}]]],
    ['realm="x"', []],
    ["", []],
    ["x".repeat(10_000), []],
  ];
  for (const [header, expected] of rows) assert.deepEqual(read(header), expected, header.slice(0, 40));
});
