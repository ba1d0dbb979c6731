import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, sha256 } from "../../src/bytes/digest.ts";
import {
  type Descriptor,
  encodeConfig,
  encodeIndex,
  encodeLayoutMarker,
  encodeManifest,
  MediaType,
  REF_NAME_ANNOTATION,
} from "../../src/formats/oci/index.ts";
import {
  SIGNATURE_ANNOTATION,
  SIMPLE_SIGNING_TYPE,
  signatureTag,
  simpleSigningPayload,
} from "../../src/sources/trust/index.ts";

export interface TestKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A fresh ECDSA P-256 key, the kind cosign makes. */
export function freshKey(): TestKey {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

export function pemOf(key: TestKey): string {
  return key.publicKey.export({ type: "spki", format: "pem" }) as string;
}

export interface TestLayer {
  readonly bytes: Uint8Array;
  readonly mediaType?: string;
}

/**
 * Images in memory, correct or not: blobs by digest and names `repository:tag`. Anything may be put under any name,
 * so that a lie is as easy to tell as the truth. Written to a folder it is an image layout.
 */
export class TestRegistry {
  readonly blobs = new Map<Digest, Uint8Array>();
  readonly names = new Map<string, Descriptor>();

  /** Keeps bytes and describes them. */
  put(bytes: Uint8Array, mediaType: string): Descriptor {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  name(name: string, descriptor: Descriptor): void {
    this.names.set(name, descriptor);
  }

  /** Stores one platform's image; layers bottom-up, gzip unless they say otherwise. */
  image(layers: readonly TestLayer[], architecture = "amd64"): Descriptor {
    const config = this.put(encodeConfig({ architecture, os: "linux", diffIds: [] }), MediaType.ociConfig);
    const manifest = encodeManifest({
      mediaType: MediaType.ociManifest,
      config,
      layers: layers.map(({ bytes, mediaType }) => this.put(bytes, mediaType ?? MediaType.ociLayerGzip)),
    });
    return { ...this.put(manifest, MediaType.ociManifest), platform: { os: "linux", architecture } };
  }

  index(manifests: readonly Descriptor[]): Descriptor {
    return this.put(encodeIndex({ mediaType: MediaType.ociIndex, manifests }), MediaType.ociIndex);
  }

  /** Stores an index with one amd64 image of the layers, names it, and signs it when a key is given. */
  release(repository: string, tag: string, layers: readonly TestLayer[], key?: TestKey): Descriptor {
    const index = this.index([this.image(layers)]);
    this.name(`${repository}:${tag}`, index);
    if (key) this.signLegacy(repository, index.digest, key);
    return index;
  }

  /**
   * Hangs a signature on an image. `forge` replaces parts: the digest the payload speaks of, the bytes that are kept
   * as payload after signing, the signature's text, the hash.
   */
  signLegacy(repository: string, digest: Digest, key: TestKey, forge: Forgery = {}): void {
    const payload = simpleSigningPayload(`registry.test/${repository}`, forge.digest ?? digest);
    const hash = key.privateKey.asymmetricKeyType === "ed25519" ? null : (forge.hash ?? "sha256");
    const signature = forge.signature ?? sign(hash, payload, key.privateKey).toString("base64");
    this.attach(repository, digest, [
      {
        ...this.put(forge.payload ?? payload, SIMPLE_SIGNING_TYPE),
        annotations: { [SIGNATURE_ANNOTATION]: signature },
      },
    ]);
  }

  /** Names a signature image with these layers for a digest. */
  attach(repository: string, digest: Digest, layers: readonly Descriptor[]): void {
    const config = this.put(encodeConfig({ architecture: "", os: "", diffIds: [] }), MediaType.ociConfig);
    const manifest = encodeManifest({ mediaType: MediaType.ociManifest, config, layers });
    this.name(`${repository}:${signatureTag(digest)}`, this.put(manifest, MediaType.ociManifest));
  }

  /** Writes everything as an image layout. */
  async writeLayout(folder: string): Promise<void> {
    const blobs = join(folder, "blobs", "sha256");
    await mkdir(blobs, { recursive: true });
    for (const [digest, bytes] of this.blobs) await writeFile(join(blobs, digestHex(digest)), bytes);
    const manifests = [...this.names].map(([name, { platform: _none, ...descriptor }]) => ({
      ...descriptor,
      annotations: { [REF_NAME_ANNOTATION]: name },
    }));
    await writeFile(join(folder, "oci-layout"), encodeLayoutMarker());
    await writeFile(join(folder, "index.json"), encodeIndex({ mediaType: MediaType.ociIndex, manifests }));
  }
}

export interface Forgery {
  readonly digest?: Digest;
  readonly payload?: Uint8Array;
  readonly signature?: string;
  readonly hash?: string;
}
