import { sha256 } from "../bytes/digest.ts";
import { type BlobRef, blob, concat, inline, type Recipe } from "../extents/index.ts";
import type { KmodRelease } from "../formats/kmod/index.ts";
import { type FirmwareTree, firmwareArchive, type InitramfsFile, initramfsParts } from "../recipes/initramfs.ts";
import { checkConstraint } from "../talos/constraint.ts";
import {
  type ExtensionMetadata,
  embeddedConfigExtension,
  emitExtensionsYaml,
  extensionOrder,
  modulesDepMetadata,
  parseManifest,
  type VirtualExtension,
} from "../talos/extensions.ts";
import type { ContainerAsset } from "../talos/profile.ts";
import type { CompressionMethod, ExtensionParts, MovedFile, SquashfsParts } from "../workers/protocol.ts";
import type { Deriver } from "./derive.ts";
import { prefixed } from "./errors.ts";
import { compressed, stored } from "./framing.ts";
import type { ProfileInputs, Target } from "./inputs.ts";
import { squashfsCompression } from "./release.ts";

export interface InitramfsDeps {
  readonly inputs: ProfileInputs;
  readonly deriver: Deriver;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** How the reference compresses what it appends to an initramfs (imager.md 5.9). */
const ZSTD: CompressionMethod = { $case: "zstd", level: 18 };
const XZ: CompressionMethod = { $case: "xz", preset: 0 };

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

/** The initramfs of a profile: its extensions in order, then the embedded configuration; without any, the release's own. */
export async function buildInitramfs(deps: InitramfsDeps, target: Target, signal: AbortSignal): Promise<Recipe> {
  const { input, customization } = target.profile;
  const base = await deps.inputs.file("initramfs", input.initramfs, target, signal);
  const config = customization.embeddedMachineConfiguration;
  // One after the other: nothing of its own is stored for a profile with an extension that is refused.
  const prepared = await Promise.all(input.systemExtensions.map((asset) => named(deps, asset, target, signal)));
  const virtual = prepared.flatMap((extension) => ("rootfs" in extension ? [extension] : []));
  if (config !== "") virtual.push(embeddedConfigExtension(config));
  const made = new Map<VirtualExtension, Prepared>();
  for (const extension of virtual) made.set(extension, await generated(deps, extension, target, signal));
  const all = [
    ...prepared.map((extension) => ("rootfs" in extension ? made.get(extension)! : extension)),
    ...(config === "" ? [] : [made.get(virtual.at(-1)!)!]),
  ];
  if (all.length === 0) return blob(base.digest, base.size);
  return await assemble(deps, target, base, all, signal);
}

async function assemble(
  deps: InitramfsDeps,
  target: Target,
  base: BlobRef,
  prepared: readonly Prepared[],
  signal: AbortSignal,
): Promise<Recipe> {
  const { deriver, mtime } = deps;
  const method = target.quirks.useZstdCompression ? ZSTD : XZ;
  const ordered = extensionOrder(prepared.length).map((i) => ({ ...prepared[i]!, name: `${i}.sqsh` }));
  const modulesDep = await combinedModules(deps, { base, target, ordered }, signal);
  const layers = modulesDep ? [...ordered, modulesDep] : ordered;
  const trees = ordered.map(({ firmware }) => firmware);
  const archive = firmwareArchive(trees, target.quirks.firmwarePath, mtime);
  const parts = initramfsParts({
    base: blob(base.digest, base.size),
    layers: layers.map(({ name, squashfs }) => ({ name, squashfs })),
    extensionsYaml: emitExtensionsYaml(layers.map(({ name, metadata }) => ({ image: name, metadata }))),
    microcode: ordered.flatMap(({ microcode }) => microcode),
    mtime,
  });
  const segments = await Promise.all(parts.segments.map((one) => stored(deriver, one, method.$case, signal)));
  return concat(
    ...(parts.early ? [parts.early] : []),
    parts.base,
    ...segments,
    ...(archive ? [await compressed(deriver, archive, method, signal)] : []),
  );
}

/** An extension a profile names: pulled and split, or one that is generated and not made yet. */
async function named(
  deps: InitramfsDeps,
  asset: ContainerAsset,
  target: Target,
  signal: AbortSignal,
): Promise<Prepared | VirtualExtension> {
  const content = await deps.inputs.extension(asset, target, signal);
  if (content.$case === "virtual") return content.extension;
  const { parts } = content;
  return await prefixed(`extension ${asset.imageRef || asset.tarballPath || asset.ociPath}`, () => {
    const metadata = parseManifest(parts.manifest);
    checkConstraint(metadata.talosVersion, target.version);
    const modules = parts.moduleReleases.length > 0 ? parts.squashfs : undefined;
    return { metadata, squashfs: squashfsRecipe(parts.squashfs), modules, ...movedParts(parts) };
  });
}

/** The layer with the module indexes of the release and its extensions; undefined when none of them has modules. */
async function combinedModules(
  deps: InitramfsDeps,
  plan: { readonly base: BlobRef; readonly target: Target; readonly ordered: readonly Prepared[] },
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly metadata: ExtensionMetadata; readonly squashfs: Recipe } | undefined> {
  const extensions = plan.ordered.flatMap(({ metadata, modules }) =>
    modules ? [{ name: metadata.name, squashfs: modules }] : [],
  );
  if (extensions.length === 0) return undefined;
  const parameters = {
    modulesPath: plan.target.quirks.kernelModulesPath,
    compression: squashfsCompression(plan.target.quirks),
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
  deps: InitramfsDeps,
  { metadata, rootfs }: VirtualExtension,
  target: Target,
  signal: AbortSignal,
): Promise<Prepared> {
  const compression = squashfsCompression(target.quirks);
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
