import { digestHex, sha256 } from "../../../src/bytes/digest.ts";
import { compareText } from "../../../src/bytes/text.ts";
import { checkConstraint } from "../../../src/talos/constraint.ts";
import { checkExtensionContents } from "../../../src/talos/extension-contents.ts";
import {
  checkExtensionLayout,
  type ExtensionMetadata,
  embeddedConfigExtension,
  emitExtensionsYaml,
  emitManifest,
  extensionOrder,
  parseManifest,
  schematicExtension,
  type VirtualExtension,
} from "../../../src/talos/extensions.ts";
import { parseSchematic } from "../../../src/talos/schematic.ts";
import { schematicId } from "../../../src/talos/schematic-emit.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { emitYaml } from "../../../src/talos/yaml-emit.ts";
import { yaml } from "../../../src/talos/yaml-value.ts";
import { attempt, byKind, type Comparison, family, type Recorded, refusal } from "../family.ts";
import { type TarEntry, tarBytes } from "../tar.ts";

interface RecordedMetadata {
  readonly name?: string;
  readonly version?: string;
  readonly author?: string;
  readonly description?: string;
  readonly compatibility?: { readonly talos?: { readonly version?: string } };
  readonly extraInfo?: string;
}

function metadataOf(recorded: RecordedMetadata): ExtensionMetadata {
  const { name = "", version = "", author = "", description = "", compatibility, extraInfo = "" } = recorded;
  return { name, version, author, description, extraInfo, talosVersion: compatibility?.talos?.version ?? "" };
}

interface ConfigCase extends Recorded {
  readonly layers: readonly { readonly image: string; readonly metadata: RecordedMetadata }[] | null;
  readonly yaml: string;
}

function config({ layers, yaml }: ConfigCase): Comparison {
  const list = (layers ?? []).map(({ image, metadata }) => ({ image, metadata: metadataOf(metadata) }));
  return { recorded: yaml, ours: emitExtensionsYaml(list) };
}

interface ManifestCase extends Recorded {
  readonly manifest: { readonly version: string; readonly metadata: RecordedMetadata };
  readonly yaml: string;
}

/** Manifests made here have one version; another is put into the first line. */
function manifest({ manifest: { version, metadata }, yaml: recorded }: ManifestCase): Comparison {
  const [, ...rest] = emitManifest(metadataOf(metadata)).split("\n");
  const head = emitYaml(yaml.map([["version", yaml.string(version)]]));
  return { recorded, ours: head + rest.join("\n") };
}

interface ValidateCase extends Recorded {
  readonly talos_version: string;
  /** Undefined when there is no such file. */
  readonly manifest?: string;
  readonly tree: readonly { readonly path: string; readonly type: "dir" | "file" | "symlink" | "fifo" }[];
  readonly validate_contents: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly load_error?: string;
  readonly validate_error?: string;
}

const ROOTFS = "rootfs/";

function validate(item: ValidateCase): Comparison {
  const { manifest: text, tree, load_error, validate_error } = item;
  const metadata = attempt(() => {
    const names = [...tree.map(({ path }) => path.split("/")[0]!), ...(text === undefined ? [] : ["manifest.yaml"])];
    checkExtensionLayout([...new Set(names)].sort(compareText));
    const { talosVersion: talos, ...rest } = parseManifest(text ?? "");
    return { ...rest, talos };
  });
  const verdict = attempt(() => {
    if (!("talos" in metadata)) return undefined;
    checkConstraint(metadata.talos, parseTolerant(item.talos_version));
    if (!item.validate_contents) return "valid";
    const inside = tree.filter(({ path }) => path.startsWith(ROOTFS));
    checkExtensionContents(inside.map(({ path, type }) => ({ path: path.slice(ROOTFS.length), type })));
    return "valid";
  });
  return {
    recorded: {
      metadata: refusal(load_error) ?? item.metadata,
      verdict: load_error === undefined ? (refusal(validate_error) ?? "valid") : undefined,
    },
    ours: { metadata, verdict },
  };
}

interface OrderCase extends Recorded {
  readonly dirs: readonly string[];
  readonly order: readonly string[];
}

interface TarCase extends Recorded {
  readonly tar_sha256: string;
  readonly tar: readonly TarEntry[];
}

/** The tar the reference makes of a virtual extension; one adds slashes to names of directories, the other does not. */
function tarOf({ metadata, rootfs }: VirtualExtension, slash: "" | "/"): readonly TarEntry[] {
  const root = { name: `rootfs${slash}`, mode: "0755", type: "5" } as const;
  const entries = rootfs.map((entry): TarEntry => {
    const name = `rootfs/${entry.path}`;
    const mode = entry.mode.toString(8).padStart(4, "0");
    if (entry.$case === "dir") return { name: `${name}${slash}`, mode, type: "5" };
    const text = Buffer.from(entry.content).toString("utf8");
    const pax = entry.selinux === undefined ? undefined : { "SCHILY.xattr.security.selinux": entry.selinux };
    return { name, mode, type: "0", text, pax };
  });
  const head: TarEntry = { name: "manifest.yaml", mode: "0644", type: "0", text: emitManifest(metadata) };
  return [head, root, ...entries];
}

function compareTar(item: TarCase, ours: readonly TarEntry[]): Comparison {
  const recorded = item.tar.map(({ name, mode, type, text, pax }) => ({ name, mode, type, text, pax }));
  const digest = digestHex(sha256(tarBytes(ours)));
  return { recorded: { tar: recorded, sha256: item.tar_sha256 }, ours: { tar: ours, sha256: digest } };
}

function embedded(item: TarCase & { readonly config: string }): Comparison {
  return compareTar(item, tarOf(embeddedConfigExtension(item.config), ""));
}

interface SchematicExtensionCase extends TarCase {
  readonly schematic: string;
  readonly version: string;
  readonly base_url: string;
  readonly id?: string;
}

function ofSchematic(item: SchematicExtensionCase): Comparison {
  const schematic = parseSchematic(item.schematic);
  const made = schematicExtension(schematic, parseTolerant(item.version), item.base_url);
  const { recorded, ours } = compareTar(item, tarOf(made, "/"));
  return { recorded: { recorded, id: item.id }, ours: { recorded: ours, id: schematicId(schematic) } };
}

/** The project numbers its extensions; other names take the order it uses for text. */
function order({ dirs, order: recorded }: OrderCase): Comparison {
  const numbered = dirs.every((name, i) => name === String(i));
  return { recorded, ours: numbered ? extensionOrder(dirs.length).map(String) : dirs.toSorted(compareText) };
}

export const extensionsYaml = family(
  "extensions_yaml",
  byKind({
    config,
    manifest_marshal: manifest,
    validate,
    list_order: order,
    embedded_config_extension: embedded,
    schematic_extension: ofSchematic,
  }),
);
