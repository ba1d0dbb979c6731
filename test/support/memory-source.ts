import type { Digest } from "../../src/bytes/digest.ts";
import { SourceError } from "../../src/sources/errors.ts";
import { parseTagOrDigest } from "../../src/sources/reference.ts";
import type { ImageSource } from "../../src/sources/source.ts";
import { checkDigest, verified } from "../../src/sources/verify.ts";
import type { TestRegistry } from "./registry.ts";
import { chunked } from "./tar.ts";

/** A test registry as a source, without files or sockets. */
export function memorySource(registry: TestRegistry): ImageSource {
  const bytesOf = (digest: Digest): Uint8Array => {
    const bytes = registry.blobs.get(digest);
    if (!bytes) throw new SourceError("not_found", `${digest}: not found`);
    return bytes;
  };
  return {
    async tags(repository) {
      const names = [...registry.names.keys()].filter((name) => name.startsWith(`${repository}:`));
      return names.map((name) => name.slice(repository.length + 1));
    },
    async resolve(repository, tagOrDigest) {
      const wanted = parseTagOrDigest(tagOrDigest);
      if ("tag" in wanted) {
        const found = registry.names.get(`${repository}:${wanted.tag}`);
        if (!found) throw new SourceError("not_found", `${repository}:${wanted.tag}: not found`);
        return found;
      }
      const bytes = bytesOf(wanted.digest);
      const { mediaType } = JSON.parse(Buffer.from(bytes).toString());
      return { mediaType, digest: wanted.digest, size: bytes.length };
    },
    async manifest(_repository, digest) {
      return checkDigest(bytesOf(digest), digest, "manifest");
    },
    async *blob(_repository, descriptor) {
      yield* verified(chunked(bytesOf(descriptor.digest)), descriptor);
    },
  };
}
