/** System extensions: their manifests, their order, the list of them in an image, and what two of them are made of (imager.md 5). */
import { digestHex, sha256 } from "../bytes/digest.ts";
import { compareText, utf8 } from "../bytes/text.ts";
import { TalosError } from "./errors.ts";
import { quirks } from "./quirks.ts";
import type { Schematic } from "./schematic.ts";
import { emitSchematic, schematicId } from "./schematic-emit.ts";
import type { TalosVersion } from "./version.ts";
import { decodeAs, FieldDecoder } from "./yaml-decode.ts";
import { emitYaml } from "./yaml-emit.ts";
import { readYaml } from "./yaml-read.ts";
import { type YamlMap, yaml } from "./yaml-value.ts";

/** What an extension says about itself. */
export interface ExtensionMetadata {
  readonly name: string;
  readonly version: string;
  readonly author: string;
  readonly description: string;
  /** Constraint on the Talos version, empty for none. */
  readonly talosVersion: string;
  /** Empty for none. */
  readonly extraInfo: string;
}

const MANIFEST_VERSION = "v1alpha1";

/**
 * Reads `manifest.yaml` (imager.md 5.2); unknown keys are ignored, the caller bounds the size. Throws `extension_invalid`.
 */
export function parseManifest(input: Uint8Array | string): ExtensionMetadata {
  return decodeAs("extension_invalid", () => {
    const root = readYaml(input);
    if (!root) throw new TalosError("extension_invalid", "manifest: EOF");
    const decoder = new FieldDecoder(false);
    const top = decoder.fields(root, "extensions.Manifest", ["version", "metadata"]);
    const fields = decoder.fields(top.metadata, "extensions.Metadata", [
      "name",
      "version",
      "author",
      "description",
      "compatibility",
      "extraInfo",
    ]);
    const compatibility = decoder.fields(fields.compatibility, "extensions.Compatibility", ["talos"]);
    const talos = decoder.fields(compatibility.talos, "extensions.Constraint", ["version"]);
    const version = decoder.string(top.version);
    const metadata: ExtensionMetadata = {
      name: decoder.string(fields.name),
      version: decoder.string(fields.version),
      author: decoder.string(fields.author),
      description: decoder.string(fields.description),
      talosVersion: decoder.string(talos.version),
      extraInfo: decoder.string(fields.extraInfo),
    };
    decoder.finish();
    if (version === MANIFEST_VERSION) return metadata;
    throw new TalosError("extension_invalid", `unsupported manifest version: ${JSON.stringify(version)}`);
  });
}

/** Checks the names directly inside an extension: `manifest.yaml` and `rootfs`, nothing else. Throws `extension_invalid`. */
export function checkExtensionLayout(names: readonly string[]): void {
  const stranger = names.find((name) => name !== "manifest.yaml" && name !== "rootfs");
  if (stranger !== undefined) {
    throw new TalosError("extension_invalid", `unexpected file ${JSON.stringify(stranger.slice(0, 80))}`);
  }
  for (const name of ["manifest.yaml", "rootfs"]) {
    if (!names.includes(name)) throw new TalosError("extension_invalid", `extension ${name} is missing`);
  }
}

/** Positions 0 to `count` - 1 in the order extensions are processed: as text, so 10 stands before 2 (imager.md 5.2). */
export function extensionOrder(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => compareText(String(a), String(b)));
}

function metadataYaml(metadata: ExtensionMetadata): YamlMap {
  const { name, version, author, description, talosVersion, extraInfo } = metadata;
  return yaml.map([
    ["name", yaml.string(name)],
    ["version", yaml.string(version)],
    ["author", yaml.string(author)],
    ["description", yaml.string(description)],
    ["compatibility", yaml.map([["talos", yaml.map([["version", yaml.string(talosVersion)]])]])],
    ...(extraInfo === "" ? [] : ([["extraInfo", yaml.string(extraInfo)]] as const)),
  ]);
}

/** `manifest.yaml` of an extension made here. */
export function emitManifest(metadata: ExtensionMetadata): string {
  return emitYaml(
    yaml.map([
      ["version", yaml.string(MANIFEST_VERSION)],
      ["metadata", metadataYaml(metadata)],
    ]),
  );
}

/** An extension as part of an image: its squashfs file in the initramfs (`0.sqsh`) and its metadata. */
export interface ExtensionLayer {
  readonly image: string;
  readonly metadata: ExtensionMetadata;
}

/** Unlike manifests and schematics this file is folded, by the reference's older library. */
const EXTENSIONS_YAML_WIDTH = 80;

/** `extensions.yaml` of an initramfs, layers in processing order (imager.md 5.6). */
export function emitExtensionsYaml(layers: readonly ExtensionLayer[]): string {
  const list = layers.map(({ image, metadata }) =>
    yaml.map([
      ["image", yaml.string(image)],
      ["metadata", metadataYaml(metadata)],
    ]),
  );
  return emitYaml(yaml.map([["layers", yaml.seq(list)]]), EXTENSIONS_YAML_WIDTH);
}

/** A file or directory of an extension made here; paths are relative to its rootfs, parents come first. */
export type VirtualEntry =
  | { readonly $case: "dir"; readonly path: string; readonly mode: number }
  | {
      readonly $case: "file";
      readonly path: string;
      readonly mode: number;
      readonly content: Uint8Array;
      /** SELinux label, without a final NUL. */
      readonly selinux?: string;
    };

/** An extension that no image carries. Everything is owned by root. */
export interface VirtualExtension {
  readonly metadata: ExtensionMetadata;
  readonly rootfs: readonly VirtualEntry[];
}

function directories(...names: readonly string[]): readonly VirtualEntry[] {
  return names.map((_, i) => ({ $case: "dir", path: names.slice(0, i + 1).join("/"), mode: 0o755 }));
}

/**
 * The extension that tells a running node its schematic (factory.md 3.4). `externalUrl` is the factory's address as configured.
 */
export function schematicExtension(
  schematic: Schematic,
  version: TalosVersion | undefined,
  externalUrl: string,
): VirtualExtension {
  const id = schematicId(schematic);
  const metadata: ExtensionMetadata = {
    name: "schematic",
    version: id,
    author: `Image Factory (${externalUrl})`,
    description: "Virtual extension which specifies the schematic of the image built with schematic.",
    talosVersion: ">= 1.0.0",
    // Nodes read the field since the release that brought overlays.
    extraInfo: quirks(version).supportsOverlay ? emitSchematic(schematic) : "",
  };
  const path = ["usr", "local", "share", "schematic"];
  const marker: VirtualEntry = { $case: "file", path: [...path, id].join("/"), mode: 0o644, content: new Uint8Array() };
  return { metadata, rootfs: [...directories(...path), marker] };
}

/** The extension that carries a machine configuration (imager.md 5.7). */
export function embeddedConfigExtension(config: string): VirtualExtension {
  const content = utf8(config);
  const metadata: ExtensionMetadata = {
    name: "embedded-config",
    version: digestHex(sha256(content)),
    author: "Imager",
    description: "Virtual extension which embeds the machine configuration.",
    talosVersion: ">= 1.0.0",
    extraInfo: "",
  };
  const file: VirtualEntry = {
    $case: "file",
    path: "usr/local/etc/talos/config.yaml",
    mode: 0o400,
    content,
    selinux: "system_u:object_r:system_state_t:s0",
  };
  return { metadata, rootfs: [...directories("usr", "local", "etc", "talos"), file] };
}

/** What the extension with the module indexes of all extensions says about itself (imager.md 5.4). */
export function modulesDepMetadata(kernelRelease: string): ExtensionMetadata {
  return {
    name: "modules.dep",
    version: kernelRelease,
    author: "Talos Machinery",
    description: "Combined modules.dep for all extensions",
    talosVersion: "",
    extraInfo: "",
  };
}

/** Names extensions have had and what became of them, all below `siderolabs/` (factory.md 3.2). */
const RENAMED: Readonly<Record<string, string>> = {
  "v4l-uvc": "v4l-uvc-drivers",
  "usb-modem": "usb-modem-drivers",
  gasket: "gasket-driver",
  "talos-vmtoolsd": "vmtoolsd-guest-agent",
  "xe-guest-utilities": "xen-guest-agent",
  "nvidia-container-toolkit": "nvidia-container-toolkit-lts",
  "nvidia-open-gpu-kernel-modules": "nvidia-open-gpu-kernel-modules-lts",
  "nonfree-kmod-nvidia": "nonfree-kmod-nvidia-lts",
  "nvidia-fabricmanager": "nvidia-fabric-manager-lts",
  "i915-ucode": "i915",
  "amdgpu-firmware": "amdgpu",
};

const OFFICIAL = "siderolabs/";

/** The name under which a requested extension is available: its own, else what it was renamed to, else undefined. */
export function availableExtension(requested: string, isAvailable: (name: string) => boolean): string | undefined {
  if (isAvailable(requested)) return requested;
  const short = requested.startsWith(OFFICIAL) ? requested.slice(OFFICIAL.length) : "";
  const renamed = Object.hasOwn(RENAMED, short) ? `${OFFICIAL}${RENAMED[short]}` : undefined;
  return renamed !== undefined && isAvailable(renamed) ? renamed : undefined;
}
