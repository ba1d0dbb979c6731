import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Digest } from "../../src/bytes/digest.ts";
import type { Descriptor } from "../../src/formats/oci/index.ts";
import type { TestRegistry } from "./registry.ts";

export interface DockerRegistryOptions {
  /** Working folder; registries of one folder share the storage in it. */
  readonly folder: string;
  /** Path of an htpasswd file with bcrypt hashes. */
  readonly htpasswd?: string;
  readonly token?: { readonly realm: string; readonly certificate: string };
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** Debian's registry (package `docker-registry`), a child of this process on a loopback port of its own choice. */
export interface DockerRegistry extends AsyncDisposable {
  readonly base: string;
}

/** JSON is YAML: the registry's configuration without a YAML writer. */
function configuration({ folder, htpasswd, token, tls }: DockerRegistryOptions): string {
  const auth = {
    ...(htpasswd !== undefined && { htpasswd: { realm: "test", path: htpasswd } }),
    ...(token && {
      token: { realm: token.realm, service: "test", issuer: "test", rootcertbundle: token.certificate },
    }),
  };
  return JSON.stringify({
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "storage") } },
    http: { addr: "127.0.0.1:0", secret: "test", ...(tls && { tls: { certificate: tls.certificate, key: tls.key } }) },
    ...(Object.keys(auth).length > 0 && { auth }),
  });
}

/** Starts a registry and waits until it listens. */
export async function dockerRegistry(options: DockerRegistryOptions): Promise<DockerRegistry> {
  const file = join(options.folder, `registry-${Math.random().toString(36).slice(2)}.yml`);
  await writeFile(file, configuration(options));
  const child = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "ignore", "pipe"] });
  const spawned = once(child, "spawn");
  const ended = once(child, "exit");
  await spawned;
  const said: string[] = [];
  let address: string | undefined;
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    address = /listening on (127\.0\.0\.1:[0-9]+)/.exec(line)?.[1];
    if (address !== undefined) break;
  }
  if (address === undefined) throw new Error(`docker-registry did not start:\n${said.join("\n")}`);
  child.stderr.resume();
  return {
    base: `${options.tls ? "https" : "http"}://${address}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function request(url: URL, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
  return response;
}

async function pushBlob(base: string, repository: string, digest: Digest, bytes: Uint8Array): Promise<void> {
  const started = await request(new URL(`/v2/${repository}/blobs/uploads/`, base), { method: "POST" });
  const target = new URL(started.headers.get("location")!, base);
  target.searchParams.set("digest", digest);
  await request(target, { method: "PUT", body: Buffer.from(bytes) });
}

async function pushManifest(
  base: string,
  registry: TestRegistry,
  repository: string,
  descriptor: Descriptor,
  reference: string,
): Promise<void> {
  const bytes = registry.blobs.get(descriptor.digest)!;
  const { manifests, config, layers } = JSON.parse(Buffer.from(bytes).toString()) as {
    manifests?: Descriptor[];
    config?: Descriptor;
    layers?: Descriptor[];
  };
  for (const inner of manifests ?? []) await pushManifest(base, registry, repository, inner, inner.digest);
  for (const { digest } of config ? [config, ...(layers ?? [])] : []) {
    await pushBlob(base, repository, digest, registry.blobs.get(digest)!);
  }
  const headers = { "content-type": descriptor.mediaType };
  const url = new URL(`/v2/${repository}/manifests/${reference}`, base);
  await request(url, { method: "PUT", headers, body: Buffer.from(bytes) });
}

/** Pushes every named image of a test registry to a plain registry without auth. */
export async function pushAll(base: string, registry: TestRegistry): Promise<void> {
  for (const [name, descriptor] of registry.names) {
    const colon = name.lastIndexOf(":");
    await pushManifest(base, registry, name.slice(0, colon), descriptor, name.slice(colon + 1));
  }
}
