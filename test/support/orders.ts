import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, Sha256Stream } from "../../src/bytes/digest.ts";
import { temporaryFolder } from "./folder.ts";
import { freshKey, pemOf, TestRegistry } from "./registry.ts";
import { addTinyRelease, VERSION } from "./release.ts";
import { postSchematic } from "./server.ts";
import { layer } from "./tar.ts";

/** A version of which there is nothing but a kernel, larger than what the sockets on the way hold. */
export const LARGE_VERSION = "v1.13.0";
const LARGE_KERNEL = new Uint8Array(32 * 1024 * 1024).fill(0x5a);

/** The tiny release as a folder, and the file of the key it is signed with. */
export interface LayoutSource extends AsyncDisposable {
  readonly source: string;
  readonly keyFile: string;
}

export async function tinyLayout(): Promise<LayoutSource> {
  const folder = await temporaryFolder();
  const [registry, key] = [new TestRegistry(), freshKey()];
  await addTinyRelease(registry, key);
  const folderOf = "usr/install/amd64";
  const large = [
    { name: `${folderOf}/vmlinuz`, body: LARGE_KERNEL },
    { name: `${folderOf}/initramfs.xz`, body: "none" },
  ];
  registry.release("siderolabs/imager", LARGE_VERSION, [{ bytes: await layer(large) }], key);
  const source = join(folder.path, "layout");
  await registry.writeLayout(source);
  const keyFile = join(folder.path, "key.pub");
  await writeFile(keyFile, pemOf(key));
  return { source, keyFile, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const extensions = (...names: readonly string[]): string =>
  `customization:\n  bootloader: sd-boot\n  systemExtensions:\n    officialExtensions: [${names.map((name) => `siderolabs/${name}`).join(", ")}]\n`;

/** A schematic and an asset of it; the assets are a few MB at most, but for the disk. */
export type Order = readonly [schematic: string, path: string];

/** Orders that share some of their blobs and not others. */
export const ORDERS: readonly Order[] = [
  ["customization: {}\n", "kernel-amd64"],
  ["customization: {}\n", "initramfs-amd64.xz"],
  [extensions("alpha"), "initramfs-amd64.xz"],
  [extensions("alpha", "beta"), "metal-amd64-uki.efi"],
  [extensions("beta"), "metal-amd64.iso"],
  [extensions("alpha"), "metal-amd64.raw.zst"],
  [extensions("beta", "alpha"), "metal-amd64.raw.zst"],
];

/** The address of an order on a server. */
export async function orderUrl(server: string, [schematic, path]: Order): Promise<string> {
  return `${server}/image/${await postSchematic(server, schematic)}/${VERSION}/${path}`;
}

/** The digest of a whole answer; throws unless it is 200 and complete. */
export async function digestOf(url: string): Promise<Digest> {
  const response = await fetch(url);
  if (response.status !== 200 || !response.body) throw new Error(`${response.status} ${await response.text()}`);
  const hash = new Sha256Stream();
  for await (const bytes of response.body as AsyncIterable<Uint8Array>) hash.update(bytes);
  return hash.digest();
}
