import { sha256 } from "../bytes/digest.ts";
import { type BlobRef, blob, concat, inline, type Recipe } from "../extents/index.ts";
import type { KmodRelease } from "../formats/kmod/index.ts";
import { type FirmwareTree, firmwareArchive, type InitramfsFile, initramfs } from "../recipes/initramfs.ts";
import type { ExtensionRef } from "../sources/index.ts";
import type { Arch } from "../talos/arch.ts";
import { checkConstraint } from "../talos/constraint.ts";
import {
  type ExtensionMetadata,
  embeddedConfigExtension,
  emitExtensionsYaml,
  extensionOrder,
  modulesDepMetadata,
  parseManifest,
  schematicExtension,
  type VirtualExtension,
} from "../talos/extensions.ts";
import { quirks } from "../talos/quirks.ts";
import type { Schematic } from "../talos/schematic.ts";
import type { TalosVersion } from "../talos/version.ts";
import type { ExtensionParts, MovedFile, SquashfsParts } from "../workers/protocol.ts";
import type { Deriver } from "./derive.ts";
import { notBuilt, prefixed } from "./errors.ts";
import { type ReleaseAssets, squashfsCompression } from "./release.ts";

export interface ExtensionDeps {
  readonly releases: ReleaseAssets;
  readonly deriver: Deriver;
  readonly externalUrl: string;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Compression level of firmware, as the reference compresses what it appends (imager.md 5.9). */
const ZSTD_LEVEL = 18;

/** The kmod whose `depmod` the reference ran when its outputs were recorded; later ones arrange the same data otherwise. */
const KMOD: KmodRelease = 30;

/** One extension on its way into an initramfs. */
interface Prepared {
  readonly metadata: ExtensionMetadata;
  readonly squashfs: Recipe;
  /** The same image, when there are kernel modules in it. */
  readonly modules: SquashfsParts | undefined;
  readonly microcode: readonly InitramfsFile[];
  readonly firmware: FirmwareTree;
}

const NO_FIRMWARE: FirmwareTree = { files: [], directories: [] };

function squashfsRecipe({ superblock, body }: SquashfsParts): Recipe {
  return concat(inline(Buffer.from(superblock, "base64")), blob(body.digest, body.size));
}

/** The initramfs of a schematic: official extensions in its order, the schematic extension, the embedded configuration. */
export async function schematicInitramfs(
  deps: ExtensionDeps,
  request: {
    /** The release's own initramfs. */
    readonly base: BlobRef;
    readonly schematic: Schematic;
    readonly extensions: readonly ExtensionRef[];
    readonly version: TalosVersion;
    readonly arch: Arch;
  },
  signal: AbortSignal,
): Promise<Recipe> {
  const { base, schematic, extensions, version, arch } = request;
  if (!quirks(version).useZstdCompression) {
    throw notBuilt(`an initramfs with extensions for Talos ${version.tag}`, "Talos 1.8 and later are");
  }
  const config = schematic.customization.embeddedMachineConfiguration;
  const virtual = [
    schematicExtension(schematic, version, deps.externalUrl),
    ...(config === "" ? [] : [embeddedConfigExtension(config)]),
  ];
  // One after the other: nothing of its own is stored for a schematic with an extension that is refused.
  const prepared = [
    ...(await Promise.all(extensions.map((ref) => official(deps, ref, version, arch, signal)))),
    ...(await Promise.all(virtual.map((extension) => generated(deps, extension, version, signal)))),
  ];
  const ordered = extensionOrder(prepared.length).map((i) => ({ ...prepared[i]!, name: `${i}.sqsh` }));
  const modulesDep = await combinedModules(deps, { base, version, ordered }, signal);
  const layers = modulesDep ? [...ordered, modulesDep] : ordered;
  const { firmwarePath } = quirks(version);
  const archive = firmwareArchive(
    ordered.map(({ firmware }) => firmware),
    firmwarePath,
    deps.mtime,
  );
  return initramfs({
    base: blob(base.digest, base.size),
    layers: layers.map(({ name, squashfs }) => ({ name, squashfs })),
    extensionsYaml: emitExtensionsYaml(layers.map(({ name, metadata }) => ({ image: name, metadata }))),
    microcode: ordered.flatMap(({ microcode }) => microcode),
    firmware: archive && (await zstdFrame(deps.deriver, archive, signal)),
    mtime: deps.mtime,
  });
}

/** A recipe compressed to one zstd frame by a derivation. */
export async function zstdFrame(deriver: Deriver, content: Recipe, signal: AbortSignal): Promise<Recipe> {
  const description = { recipe: content.identity, level: ZSTD_LEVEL };
  const input = { extents: content.extents, level: ZSTD_LEVEL };
  const { digest, size } = await deriver.derive({ kind: "zstd", description, input }, signal);
  return blob(digest, size);
}

async function official(
  deps: ExtensionDeps,
  ref: ExtensionRef,
  version: TalosVersion,
  arch: Arch,
  signal: AbortSignal,
): Promise<Prepared> {
  return await prefixed(`extension ${ref.name}`, async () => {
    const parts = await deps.releases.extension(ref, version, arch, signal);
    const metadata = parseManifest(parts.manifest);
    checkConstraint(metadata.talosVersion, version);
    const modules = parts.moduleReleases.length > 0 ? parts.squashfs : undefined;
    return { metadata, squashfs: squashfsRecipe(parts.squashfs), modules, ...movedParts(parts) };
  });
}

/** The layer with the module indexes of the release and its extensions; undefined when none of them has modules. */
async function combinedModules(
  deps: ExtensionDeps,
  plan: { readonly base: BlobRef; readonly version: TalosVersion; readonly ordered: readonly Prepared[] },
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly metadata: ExtensionMetadata; readonly squashfs: Recipe } | undefined> {
  const extensions = plan.ordered.flatMap(({ metadata, modules }) =>
    modules ? [{ name: metadata.name, squashfs: modules }] : [],
  );
  if (extensions.length === 0) return undefined;
  const parameters = {
    modulesPath: quirks(plan.version).kernelModulesPath,
    compression: squashfsCompression(plan.version),
    kmod: KMOD,
  };
  const images = extensions.map(({ squashfs }) => squashfsRecipe(squashfs).identity);
  const description = { initramfs: plan.base.digest, images, ...parameters, mtime: deps.mtime };
  const input = { initramfs: plan.base, extensions, ...parameters };
  const { release, squashfs } = await deps.deriver.derive({ kind: "depmod", description, input }, signal);
  const metadata = modulesDepMetadata(release);
  return { name: "modules.dep.sqsh", metadata, squashfs: squashfsRecipe(squashfs) };
}

function movedParts({ moved, microcode, firmware, firmwareDirectories }: ExtensionParts) {
  const located = ({ path, mode, offset, size }: MovedFile): InitramfsFile => ({
    path,
    mode,
    content: moved ? blob(moved.digest, size, offset) : inline(new Uint8Array()),
  });
  return {
    microcode: microcode.map(located),
    firmware: { files: firmware.map(located), directories: firmwareDirectories },
  };
}

async function generated(
  deps: ExtensionDeps,
  { metadata, rootfs }: VirtualExtension,
  version: TalosVersion,
  signal: AbortSignal,
): Promise<Prepared> {
  const compression = squashfsCompression(version);
  const entries = rootfs.map((entry) =>
    entry.$case === "dir" ? { ...entry } : { ...entry, content: sha256(entry.content) },
  );
  const description = { entries, compression };
  const parts = await deps.deriver.derive(
    { kind: "tree", description, input: { entries: rootfs, compression } },
    signal,
  );
  return { metadata, squashfs: squashfsRecipe(parts), modules: undefined, microcode: [], firmware: NO_FIRMWARE };
}
